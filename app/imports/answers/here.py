"""Answers of a grid that is here, found by what a file calls them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import literal_column
from sqlmodel import Session, col

from app.imports.answers.bodies import slug_of
from app.imports.answers.named import digest
from app.providers import Outcome
from app.tables import MAX_INTEGER, Answer, AnswerState, Attempt, Prompt, Variant, Wording

# As the condition of their index is written, which a bound value would not be.
NO_KEY = col(Answer.key) == literal_column("''")
HAS_KEY = col(Answer.key) != literal_column("''")


@dataclass(frozen=True, slots=True)
class Here:
    """One answer. ``called``: whether it has an attempt that counts."""

    id: int
    prompt: str
    question: str
    model: str
    wording: str
    thinking: str
    repeat: int
    text: str
    state: AnswerState
    called: bool
    outcome: Outcome | None


def as_numbers(names: Iterable[str]) -> list[int]:
    """Those that can be the number of an answer."""
    digits = (name for name in names if name.isascii() and name.isdecimal() and len(name) < 11)
    return [number for number in map(int, digits) if number <= MAX_INTEGER]


def answers_here(session: Session, grid_id: int, names: set[str]) -> dict[str, list[Here]]:
    """The answers that may be meant, by name: an imported one is called as in its file, and in
    addresses of this server, or where its file calls it nothing, by its number here."""
    found: dict[str, list[Here]] = {}
    seen: set[int] = set()
    for condition in (
        col(Answer.id).in_(as_numbers(names)),
        col(Answer.key).in_(names) & HAS_KEY,
    ):
        asked = _ANSWERS.where(col(Answer.grid_id) == grid_id, condition)
        for key, *values in session.execute(asked):
            answer = Here(*values)
            if answer.id not in seen:
                seen.add(answer.id)
                for name in {key, str(answer.id)} & names:
                    found.setdefault(name, []).append(answer)
    return found


def differing(told: dict[str, Any], answer: Here) -> str:
    """What a file tells of the answer that is not so here; empty: nothing is."""
    if told.get("wording", slug_of(answer.wording)) != slug_of(answer.wording):
        return "wording"
    if "prompt" in told and told["prompt"] not in map(digest, (answer.prompt, answer.question)):
        return "prompt"
    for name in ("model", "thinking", "repeat"):
        if name in told and told[name] != getattr(answer, name):
            return name
    return "text" if "text" in told and told["text"] != digest(answer.text) else ""


_ANSWERS = (
    sqlalchemy.select(
        col(Answer.key),
        col(Answer.id),
        col(Prompt.text),
        col(Prompt.question),
        col(Answer.model),
        col(Wording.slug),
        col(Variant.thinking),
        col(Answer.repeat),
        sqlalchemy.func.coalesce(col(Attempt.text), ""),
        col(Answer.state),
        col(Attempt.id).is_not(None),
        col(Attempt.outcome),
    )
    .join(Prompt, col(Prompt.id) == col(Answer.prompt_id))
    .join(Variant, col(Variant.id) == col(Answer.variant_id))
    .join(Wording, col(Wording.id) == col(Variant.wording_id))
    .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
)
