"""What the files of others have in common."""

import json
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any

from pydantic import ValidationError

from app.imports.answers.records import in_words
from app.imports.answers.stage import Stage
from app.imports.tables import Record
from app.prompts import MAX_TEXT
from app.providers import Outcome
from app.tables import storable

CUT = ("length", "max_tokens", "model_length")
FILTERED = ("content_filter", "safety")
Facts = dict[str, Any]


def read_each(records: Iterable[Record], stage: Stage, read: Callable[[int, Facts], None]) -> None:
    """``read`` stages one element; what it cannot take becomes a problem."""
    for record in records:
        if record.problem:
            stage.bad(record.line, record.problem, record.raw)
            continue
        try:
            read(record.line, storable(record.values))
        except ValidationError as exc:
            stage.bad(record.line, in_words(exc))
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as exc:
            stage.bad(record.line, f"not as expected: {exc}")


def outcome_of(text: str, finish: str, failed: bool) -> Outcome:
    if failed:
        return Outcome.error
    if finish in FILTERED:
        return Outcome.refused
    if finish in CUT:
        return Outcome.truncated
    return Outcome.answered if text.strip() else Outcome.empty


def of_role(messages: Sequence[Facts], *roles: str) -> str:
    texts = (parts_of(one.get("content"), {})[0] for one in messages if one.get("role") in roles)
    return "\n\n".join(filter(None, texts))


def parts_of(content: Any, attached: Facts) -> tuple[str, str]:
    """The text and the thinking of a message; a summary of it where the thinking is withheld."""
    if not isinstance(content, list):
        return whole_text(shown(content), attached), ""
    texts: list[str] = []
    thinking: list[str] = []
    for part in content:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "text":
            texts.append(whole_text(shown(part.get("text")), attached))
        elif part.get("type") == "reasoning":
            said = part.get("summary" if is_summary(part) else "reasoning")
            thinking.append(whole_text(shown(said), attached))
    return "\n\n".join(texts), "\n\n".join(filter(None, thinking))


def is_summary(part: Any) -> bool:
    """Whether only a summary of the thinking can be read."""
    if not isinstance(part, dict) or part.get("type") != "reasoning":
        return False
    return bool(part.get("redacted") or (part.get("summary") and not part.get("reasoning")))


def note_of(text: str, line: int, stage: Stage) -> str:
    """As much as a note can hold."""
    if len(text) > MAX_TEXT:
        stage.remark(line, f"a note was cut to {MAX_TEXT:,} characters")
    return text[:MAX_TEXT]


def whole_text(text: str, attached: Facts) -> str:
    """Long texts of a log stand once, apart."""
    name = text.removeprefix("attachment://")
    return shown(attached[name]) if name != text and name in attached else text


def whole_ms(value: Any) -> Any:
    """Clocks tell fractions of a millisecond. What is no number is left to be refused."""
    return round(value) if isinstance(value, float) and isfinite(value) else value


def shown(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)
