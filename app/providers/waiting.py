"""How long a server asks to wait, in headers or, as Google does, in the body; what is used up."""

import json
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

_SPENT = (
    "insufficient_quota", "billing_hard_limit", "enforced_spend_limit", "api usage limits",
    # Those of Anthropic (400), xAI (429) and OpenRouter (429) that are only sentences.
    "credit balance is too low", "used all available credits", "free-models-per-day",
)  # fmt: skip


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long the server asks to wait: milliseconds, seconds or an HTTP date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def retry_info_s(error: Mapping[str, Any]) -> float | None:
    """The wait in the details of Google's error object: ``"retryDelay": "58.3s"``."""
    for detail in _details(error, "RetryInfo"):
        value = detail.get("retryDelay")
        if isinstance(value, str) and value.endswith("s"):
            return _number(value[:-1])
    return None


def quota_used_up(error: Mapping[str, Any]) -> bool:
    """Whether credit or a quota is used up that no waiting brings back.

    Google names a quota, and of a day or without a time to wait. The time that it may name beside
    a daily one is seconds: it is not when the next day begins.
    """
    written = json.dumps(error, default=str).lower()
    failed = _details(error, "QuotaFailure")
    daily = "PerDay" in str(failed) or (bool(failed) and not _details(error, "RetryInfo"))
    return daily or any(word in written for word in _SPENT)


def _details(error: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    found = error.get("details")
    return [
        detail
        for detail in (found if isinstance(found, list) else [])
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith(f"google.rpc.{kind}")
    ]


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
