"""Answers that a person copied out of a chat window, as columns of their own.

They are answers like others to whoever labels, filters, counts or exports them; their model is
written ``pasted/…``, so that they are never taken for what an API said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from app.errors import InvalidInput, NotFound
from app.grid.shape import load_columns, load_prompts
from app.grid.view import Column
from app.grids import get_answer, stamp
from app.messages import Message, compose
from app.origins import refuse_imported
from app.prompts import Text
from app.providers import Outcome, ThinkingKind
from app.providers.observing import Evidence, Thought
from app.pubid import public_id_of
from app.reviewing.labels import forget_labels
from app.suggestions import suggestion
from app.tables import (
    MAX_INTEGER,
    PASTED,
    Answer,
    AnswerState,
    Attempt,
    Grid,
    GridModel,
    Prompt,
    Variant,
    Wording,
    now,
)

MAX_AT_ONCE = 100
BETWEEN = "==="  # a line of these stands between two answers
FIRST_ZONE = timedelta(hours=14)  # where a day begins first, before UTC
Product = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]+$"
    ),
]


class PasteInput(BaseModel):
    """What one chat window said, once or several times, to one prompt."""

    model_config = ConfigDict(extra="forbid")

    prompt: int = Field(ge=1, description="Row of the grid, from 1")
    variant: int = Field(ge=1, le=MAX_INTEGER, description="Id of one of the grid's variants")
    product: Product = Field(description="What was asked, such as “ChatGPT, GPT-5.5”")
    answers: list[Text] = Field(min_length=1, max_length=MAX_AT_ONCE)
    thinking: Text = Field("", description="What the window showed of its thinking; of one answer")
    asked_on: date | None = Field(None, description="Default: today")
    search: Literal["on", "off", "unknown"] = "unknown"
    source: Annotated[Text, Field(max_length=2000)] = Field(
        "", description="A link to the chat or a screenshot; shown as text, never fetched"
    )


@dataclass(frozen=True, slots=True)
class Place:
    """One cell to paste into, and what to send for it."""

    number: int  # row
    prompt: Prompt
    column: Column  # any of this variant: its model is another
    message: Message
    there: int  # pasted answers of this product


def split_answers(text: str) -> list[str]:
    """Several answers in one text, between lines of "===" only."""
    parts: list[list[str]] = [[]]
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.strip() == BETWEEN:
            parts.append([])
        else:
            parts[-1].append(line)
    found = ["\n".join(part).strip("\n") for part in parts]
    return [one for one in found if one.strip()]


def model_of(product: str) -> str:
    return f"{PASTED}/{' '.join(product.split())}"


def is_pasted(model: str) -> bool:
    return model.startswith(f"{PASTED}/")


def places(session: Session, grid: Grid, variant_id: int, product: str) -> list[Place]:
    """All rows of a variant, with how much was pasted. Raises NotFound for another variant."""
    columns = {column.variant.id: column for column in load_columns(session, grid.id)}
    if variant_id not in columns:
        raise NotFound("This grid has no such variant.")
    column = columns[variant_id]
    counted = select(Answer.prompt_id, func.count()).where(
        Answer.grid_id == grid.id,
        Answer.variant_id == variant_id,
        Answer.model == model_of(product),
        Answer.state == AnswerState.done,  # the others were taken out
    )
    there = dict(session.exec(counted.group_by(col(Answer.prompt_id))).all())
    return [
        Place(
            number,
            prompt,
            column,
            compose(prompt, column.wording, column.variant.system_prompt),
            there.get(prompt.id, 0),
        )
        for number, prompt in enumerate(load_prompts(session, grid.id), start=1)
    ]


def products(session: Session, grid_id: int) -> list[str]:
    """What was pasted from so far."""
    models = session.exec(select(GridModel.model).where(GridModel.grid_id == grid_id)).all()
    return [model.partition("/")[2] for model in models if is_pasted(model)]


def paste(
    session: Session, grid: Grid, given: PasteInput, by: str = "", form_id: str = ""
) -> list[Answer]:
    """Add answers as further repeats of their cell. Raises InvalidInput, NotFound, Conflict.

    The same of a form that is sent twice gives the answers that are there.
    """
    refuse_imported(grid)
    variant = session.get(Variant, given.variant)
    prompts = load_prompts(session, grid.id)
    if variant is None or variant.grid_id != grid.id:
        raise NotFound("This grid has no such variant.")
    if given.prompt > len(prompts):
        raise NotFound(f"This grid has {len(prompts)} prompts.")
    if given.thinking.strip() and len(given.answers) > 1:
        raise InvalidInput("Thinking belongs to one answer: paste that answer alone.")
    asked_on = given.asked_on or now().date()
    if asked_on > (now() + FIRST_ZONE).date():
        raise InvalidInput("The day it was asked lies in the future.")
    prompt, model = prompts[given.prompt - 1], model_of(given.product)
    seq = stamp(session, grid.id)  # locks the grid: two who paste at once get other repeats
    _add_model(session, grid, model)
    cell = (Answer.grid_id == grid.id, Answer.prompt_id == prompt.id,
            Answer.variant_id == variant.id, Answer.model == model)  # fmt: skip
    sent_as = public_id_of(form_id, given.model_dump_json()) if form_id else ""
    if sent_as and (there := _sent_before(session, cell, sent_as)):
        return there
    last = session.exec(select(func.max(Answer.repeat)).where(*cell)).one() or 0
    wording = session.get_one(Wording, variant.wording_id)
    message = compose(prompt, wording, variant.system_prompt)
    answers = [
        Answer(
            grid_id=grid.id, prompt_id=prompt.id, variant_id=variant.id, provider=PASTED,
            model=model, repeat=repeat, state=AnswerState.done, seq=seq,
        )
        for repeat, _ in enumerate(given.answers, start=last + 1)
    ]  # fmt: skip
    session.add_all(answers)
    session.flush()
    attempts = [
        _attempt(answer, text, given, asked_on, message, prompt, by, sent_as)
        for answer, text in zip(answers, given.answers, strict=True)
    ]
    session.add_all(attempts)
    session.flush()
    for answer, attempt in zip(answers, attempts, strict=True):
        answer.attempt_id = attempt.id
    session.flush()
    return answers


def _sent_before(
    session: Session, cell: Sequence[ColumnElement[bool] | bool], sent_as: str
) -> list[Answer]:
    found = (
        select(Answer)
        .join(Attempt, col(Attempt.answer_id) == col(Answer.id))
        .where(*cell, Answer.state == AnswerState.done, Attempt.response_id == sent_as)
    )
    return list(session.exec(found.order_by(col(Answer.repeat))))


def _attempt(
    answer: Answer,
    text: str,
    given: PasteInput,
    asked_on: date,
    message: Message,
    prompt: Prompt,
    by: str,
    sent_as: str,
) -> Attempt:
    outcome = Outcome.answered if text.strip() else Outcome.empty
    thought = bool(given.thinking.strip())
    return Attempt(
        answer_id=answer.id,
        number=1,
        started_at=datetime.combine(asked_on, time(), UTC),
        finished_at=now(),
        user_message=message.user,
        system_message=message.system,
        request={
            "pasted": {
                "product": given.product,
                "asked_on": asked_on.isoformat(),
                "search": given.search,
                "source": given.source,
                "pasted_by": by,
            }
        },
        outcome=outcome,
        cost_usd=0.0,
        cost_source=PASTED,
        response_id=sent_as,
        text=text,
        thinking_text=given.thinking,
        thinking_kind=ThinkingKind.full if thought else ThinkingKind.none,
        # A window without visible thinking may have thought all the same.
        thought=Thought.yes if thought else Thought.unclear,
        evidence=Evidence.text if thought else Evidence.nothing,
        **suggestion(outcome, text, prompt),
    )


def _add_model(session: Session, grid: Grid, model: str) -> None:
    if session.get(GridModel, (grid.id, model)) is None:
        last = select(func.max(GridModel.position)).where(GridModel.grid_id == grid.id)
        position = (session.exec(last).one() or 0) + 1
        session.add(GridModel(grid_id=grid.id, model=model, position=position))
        session.flush()


def take_out(session: Session, answer_id: int) -> Answer:
    """Let a pasted answer count no more; it stays readable, and its labels stay in the history.

    Raises NotFound, InvalidInput for an answer of an API, Conflict in an imported grid.
    """
    answer = get_answer(session, answer_id)
    refuse_imported(session.get_one(Grid, answer.grid_id))
    if answer.provider != PASTED:
        raise InvalidInput("Only pasted answers can be taken out.")
    seq = stamp(session, answer.grid_id)
    forget_labels(session, [answer.id])
    answer.state, answer.seq = AnswerState.cancelled, seq
    session.flush()
    return answer


def first_without(found: Sequence[Place], after: int = 0) -> Place | None:
    """The next row, round and round, that has nothing of this product yet."""
    rest = [*found[after:], *found[:after]]
    return next((place for place in rest if not place.there), None)
