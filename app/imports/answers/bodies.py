"""What others tell of an answer, as the records of our own JSONL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.imports.answers.records import (
    NOW,
    LabelRecord,
    PromptRecord,
    WordingRecord,
    attempt_fields,
)
from app.providers import Outcome, Thinking, ThinkingKind
from app.providers.observing import Evidence, Thought
from app.suggestions import suggestion
from app.tables import AnswerState, Wording, WordingMode

IN_FILE = "the imported file"  # who says what a call cost
NOBODY = "imported"  # who labelled, where neither the file nor a person says
PUBLISHED = WordingRecord(slug="as-published", title="As published", mode=WordingMode.published)
_THINKING = {
    "": Thinking.default,
    **dict.fromkeys(("none", "no", "false", "0"), Thinking.off),
    **dict.fromkeys(("yes", "true", "1"), Thinking.on),
}


def attempt(
    prompt: PromptRecord, outcome: Outcome, text: str, thinking_text: str = "", **known: Any
) -> dict[str, Any]:
    """A call of which little is known; ``known``: columns of an attempt. Raises ValidationError."""
    if thinking_text.strip():
        kind, thought, evidence = ThinkingKind.full, Thought.yes, Evidence.text
    elif known.get("reasoning_tokens"):
        kind, thought, evidence = ThinkingKind.hidden, Thought.yes, Evidence.tokens
    else:
        kind, thought, evidence = ThinkingKind.none, Thought.unclear, Evidence.nothing
    seen = {
        "thinking_text": thinking_text,
        "thinking_kind": kind,
        "thought": thought,
        "evidence": evidence,
        "cost_source": IN_FILE if known.get("cost_usd") is not None else "",
    }
    told = {name: value for name, value in known.items() if value is not None}
    return attempt_fields(outcome, text, **seen | suggestion(outcome, text, prompt) | told)


def answer(
    attempt: dict[str, Any], labels: Sequence[dict[str, Any]], **place: Any
) -> dict[str, Any]:
    """``place``: answer (what the file calls it), prompt, model, variant and repeat."""
    failed = attempt["outcome"] == Outcome.error
    return {
        "answer": "",
        **place,
        "state": (AnswerState.failed if failed else AnswerState.done).value,
        "counts": attempt["number"],
        "attempts": [attempt],
        "labels": list(labels),
        "history": [],
    }


def label(reviewer: str, raw: str, at: datetime | None = None, **said: Any) -> dict[str, Any]:
    """``raw``: the value as the file has it, which a vocabulary is to explain. Raises
    ValidationError."""
    checked = LabelRecord(
        reviewer=reviewer, label=None, labelled_at=at or datetime.now(UTC), **said
    ).model_dump(mode="json")
    return {**checked, "raw": raw} | ({} if at else {"labelled_at": NOW})


def change_of(label: dict[str, Any]) -> dict[str, Any]:
    """The history of a label of which only its last state is known."""
    rest = {name: value for name, value in label.items() if name != "labelled_at"}
    return {**rest, "changed_at": label["labelled_at"]}


def thinking_of(said: str) -> Thinking:
    """Raises ValueError."""
    word = said.strip().lower()
    try:
        return _THINKING.get(word) or Thinking(word)
    except ValueError:
        known = ", ".join(Thinking)
        raise ValueError(f"thinking: “{said[:40]}” is none of {known}") from None


def wording_of(name: str, wordings: Sequence[Wording]) -> WordingRecord:
    """The newest wording of the library with this name; of another one only its name is known."""
    slug = slug_of(name)
    if not slug:
        return wording_of(PUBLISHED.slug, wordings) if wordings else PUBLISHED
    known = [w for w in wordings if w.slug == slug and w.archived_at is None]
    if known:
        newest = max(known, key=lambda w: w.version)
        return WordingRecord(**{n: getattr(newest, n) for n in WordingRecord.model_fields})
    if slug == PUBLISHED.slug:
        return PUBLISHED
    return WordingRecord(
        slug=slug[:100], title=" ".join(name.split())[:60], mode=WordingMode.published
    )


def slug_of(name: str) -> str:
    """“Terse prompt” as the wording that is called terse-prompt."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def time_of(said: str) -> datetime | None:
    """ISO 8601; without a zone it is UTC. Raises ValueError."""
    if not said.strip():
        return None
    try:
        found = datetime.fromisoformat(said.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"“{said[:40]}” is no time such as 2026-05-03T14:00:00Z") from None
