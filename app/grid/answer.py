"""One answer as its drawer and its page show it, and two answers side by side."""

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal
from urllib.parse import urlencode

import sqlalchemy
from sqlmodel import Session, col, select

from app.errors import InvalidInput, NotFound
from app.grid.chips import Chip
from app.grid.queries import load_chip
from app.grid.shape import column_of, load_columns
from app.grid.view import Column
from app.providers import Evidence, ThinkingKind, Thought
from app.reviewing.labels import labels_of
from app.tables import Answer, Attempt, Grid, GridPrompt, Label, Prompt, Reviewer
from app.worddiff import WordDiff, diff_words

AnswerText = Literal["plain", "markdown"]


@dataclass(frozen=True, slots=True)
class AnswerLook:
    """What the address of an answer says beside which one it is."""

    text: AnswerText = "plain"
    mark: int | None = None  # the answer that the reader wants to compare with another

    def query(self, **changes: Any) -> str:
        """The end of the address, with these changes; empty when all is as usual."""
        changed = replace(self, **changes)
        said = {"text": changed.text, "mark": changed.mark}
        given = {k: v for k, v in said.items() if v not in ("plain", None)}
        return f"?{urlencode(given)}" if given else ""


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer with all that belongs to it."""

    answer: Answer
    chip: Chip
    column: Column
    prompt: Prompt
    attempts: list[Attempt]  # every call made for it, in their order
    labels: list[tuple[Label, Reviewer]]

    @property
    def attempt(self) -> Attempt | None:
        """The call that counts."""
        return next((a for a in self.attempts if a.id == self.answer.attempt_id), None)

    @property
    def others(self) -> list[Attempt]:
        return [a for a in self.attempts if a.id != self.answer.attempt_id]


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another answer to the same prompt."""

    id: int
    column: Column
    repeat: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers and what differs in them. Without thinking there is no diff of it."""

    a: AnswerView
    b: AnswerView
    text: WordDiff
    thinking: WordDiff | None


def load_answer(session: Session, grid: Grid, answer_id: int) -> AnswerView:
    """An answer of this grid, or NotFound."""
    answer = session.get(Answer, answer_id)
    if answer is None or answer.grid_id != grid.id:
        raise NotFound("This grid has no such answer.")
    attempts = session.exec(
        select(Attempt).where(Attempt.answer_id == answer_id).order_by(col(Attempt.number))
    ).all()
    return AnswerView(
        answer=answer,
        chip=load_chip(session, answer),
        column=column_of(session, answer),
        prompt=session.get_one(Prompt, answer.prompt_id),
        attempts=list(attempts),
        labels=list(labels_of(session, [answer_id]).get(answer_id, [])),
    )


def siblings(session: Session, grid_id: int, prompt_id: int) -> list[Sibling]:
    """The answers to one prompt as its row has them: by column, then by repeat."""
    columns = load_columns(session, grid_id)
    place = {(c.model, c.variant.id): number for number, c in enumerate(columns)}
    statement = sqlalchemy.select(
        col(Answer.id), col(Answer.model), col(Answer.variant_id), col(Answer.repeat)
    ).where(col(Answer.grid_id) == grid_id, col(Answer.prompt_id) == prompt_id)
    found = sorted(
        (place[model, variant_id], repeat, id_)
        for id_, model, variant_id, repeat in session.execute(statement)
    )
    return [Sibling(id_, columns[number], repeat) for number, repeat, id_ in found]


def candidates(row: list[Sibling], answer_id: int) -> list[tuple[Column, list[Sibling]]]:
    """The answers of a row that this one can be compared with, by column."""
    others = [sibling for sibling in row if sibling.id != answer_id]
    by_column = groupby(others, key=lambda sibling: sibling.column)
    return [(column, list(group)) for column, group in by_column]


def neighbours(
    session: Session, answer: Answer, row: list[Sibling]
) -> tuple[int | None, int | None]:
    """The answers before and after it: row, then column, then repeat. ``row`` is its siblings."""
    ids = [sibling.id for sibling in row]
    here = ids.index(answer.id)
    before = ids[here - 1] if here else _edge(session, answer, forward=False)
    after = ids[here + 1] if here + 1 < len(ids) else _edge(session, answer, forward=True)
    return before, after


def compare(session: Session, grid: Grid, a_id: int, b_id: int) -> Comparison:
    """What differs between two answers of one grid, to one prompt or to two."""
    if a_id == b_id:
        raise InvalidInput("An answer does not differ from itself. Choose two answers.")
    a, b = load_answer(session, grid, a_id), load_answer(session, grid, b_id)
    thinking = _thinking(a), _thinking(b)
    return Comparison(
        a, b, diff_words(_text(a), _text(b)), diff_words(*thinking) if any(thinking) else None
    )


def received(attempt: Attempt) -> dict[str, Any]:
    """What is stored of a response, by the names the program has for it; no empty fields."""
    stored = {
        "status": attempt.error_status,
        "error": attempt.error_kind,
        "message": attempt.error_message,
        "id": attempt.response_id,
        "model": attempt.served_model,
        "finish_reason": attempt.finish_reason,
        "text": attempt.text,
        "thinking": attempt.thinking_text,
        "usage": attempt.usage,
    }
    return {name: value for name, value in stored.items() if value not in (None, "", {})}


def _text(view: AnswerView) -> str:
    return view.attempt.text if view.attempt else ""


def _thinking(view: AnswerView) -> str:
    return view.attempt.thinking_text if view.attempt else ""


def _edge(session: Session, answer: Answer, *, forward: bool) -> int | None:
    """The first answer of the next row that has any, or the last one of the row before."""
    position = col(GridPrompt.position)
    here = (
        select(GridPrompt.position)
        .where(GridPrompt.grid_id == answer.grid_id, GridPrompt.prompt_id == answer.prompt_id)
        .scalar_subquery()
    )
    next_prompt = session.exec(
        select(GridPrompt.prompt_id)
        .where(
            GridPrompt.grid_id == answer.grid_id,
            position > here if forward else position < here,
            sqlalchemy.exists().where(
                col(Answer.grid_id) == col(GridPrompt.grid_id),
                col(Answer.prompt_id) == col(GridPrompt.prompt_id),
            ),
        )
        .order_by(position if forward else position.desc())
        .limit(1)
    ).first()
    if next_prompt is None:
        return None
    row = siblings(session, answer.grid_id, next_prompt)
    return row[0 if forward else -1].id


def observed(attempt: Attempt | None) -> str:
    """What was seen of thinking and what says so, in a few words; empty without an answer."""
    if attempt is None or attempt.evidence is None:
        return ""
    return thinking_seen(
        attempt.evidence,
        attempt.thinking_kind,
        attempt.thought,
        attempt.reasoning_tokens,
        attempt.first_token_ms,
    )


def thinking_seen(
    evidence: Evidence,
    kind: ThinkingKind,
    thought: Thought | None,
    reasoning_tokens: int | None,
    first_token_ms: int | None,
) -> str:
    tokens = f"{reasoning_tokens:,} tokens" if reasoning_tokens else ""
    match evidence:
        case Evidence.text:
            text = "full text" if kind is ThinkingKind.full else "a summary"
        case Evidence.withheld:
            text = "yes, text withheld"
        case Evidence.tokens:
            text = "yes, text withheld" if tokens else "none (no thinking tokens counted)"
        case Evidence.billed:
            yes = "yes (more output was billed than the text holds)"
            text = yes if thought is Thought.yes else "none (the text explains the bill)"
        case Evidence.time:
            after = f"judging by the time to the first token: {first_token_ms:,} ms"
            text = f"{'none' if thought is Thought.no else 'perhaps'} ({after})"
        case Evidence.nothing:
            text = "unclear: nothing reported"
    return ", ".join(filter(None, [text, tokens]))
