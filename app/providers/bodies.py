"""What stands in the body of an error, in any of the usual shapes."""

import json
from collections.abc import Mapping
from typing import Any


def error_object(body: bytes) -> object:
    """What stands under ``error`` in a JSON body; None when nothing does."""
    value = _parsed(body)
    return value.get("error") if isinstance(value, dict) else None


def error_table(body: bytes | str) -> dict[str, Any]:
    """The same where it is a table, else the body; empty when that is none either."""
    value = _parsed(body)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return {}
    inner = value.get("error")
    return inner if isinstance(inner, dict) else value


def error_text(error: Mapping[str, Any]) -> str:
    """The message in an error, with that of the provider behind a gateway."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    behind = (error_text(error_table(raw)) or raw).strip() if isinstance(raw, str) else ""
    return ": ".join(filter(None, [_message(error), behind]))


def _message(error: Mapping[str, Any]) -> str:
    for key in ("message", "error", "detail"):
        value = error.get(key)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, dict | list) and value:
            inner = error_text(value) if isinstance(value, dict) else ""
            return inner or json.dumps(value, ensure_ascii=False)[:2000]
    return ""


def _parsed(body: bytes | str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
