"""What is left to do: pending answers, and those that somebody left in the middle."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, func, or_, select, update
from sqlmodel import Session, col

from app.control import break_off, state_without_call
from app.estimates import Estimator, input_tokens
from app.grids import stamp
from app.messages import Message, compose
from app.tables import (
    Answer,
    AnswerState,
    Attempt,
    Grid,
    HeldBack,
    HeldState,
    Prompt,
    Variant,
    Wording,
)

CANCELLED = ("cancelled", "Cancelled during this call.")
INTERRUPTED = (
    "interrupted",
    "The server stopped during this call. The provider may have billed it.",
)


@dataclass(frozen=True, slots=True)
class Queued:
    """A pending answer with all that decides its call. The rows it shares never change."""

    grid_id: int
    id: int
    model: str
    repeat: int
    again: bool  # an earlier attempt counts until something newer comes
    left: bool  # somebody began a call of it, and nobody ended that
    prompt: Prompt
    variant: Variant
    wording: Wording
    message: Message
    expected_usd: float | None = None  # what its call will cost; None: not known
    expected_tokens: int = 0  # input and output of its call


_HELD_BACK = select(col(HeldBack.grid_id)).where(
    col(HeldBack.grid_id) == col(Answer.grid_id),
    col(HeldBack.model) == col(Answer.model),
    col(HeldBack.thinking) == col(Variant.thinking),
    col(HeldBack.state) == HeldState.waiting,
)
_OPEN = select(col(Attempt.id)).where(
    col(Attempt.answer_id) == col(Answer.id), col(Attempt.finished_at).is_(None)
)
# Pending answers that may be called now.
READY = (
    col(Answer.state) == AnswerState.pending,
    col(Grid.paused_at).is_(None),
    ~_HELD_BACK.exists(),
)


def pending(
    session: Session,
    estimator: Estimator,
    grid_id: int,
    providers: Collection[str],
    *,
    after: int,
    limit: int,
) -> list[Queued]:
    """The next answers of a grid that some providers may be called for, by id."""
    statement = (
        _queued()
        .where(
            col(Answer.grid_id) == grid_id,
            col(Answer.provider).in_(providers),
            col(Answer.id) > after,
            *READY,
        )
        .order_by(col(Answer.id))
        .limit(limit)
    )
    return _load(session, estimator, statement)


def load(session: Session, estimator: Estimator, ids: Collection[int]) -> list[Queued]:
    """Those of the given answers that may be called now, or were left in the middle of it."""
    ready = or_(and_(*READY), col(Answer.state) == AnswerState.running)
    return _load(session, estimator, _queued().where(col(Answer.id).in_(ids), ready))


def work(session: Session, *, running: bool = False) -> list[tuple[int, str]]:
    """Grids and providers with answers that may be called now (or are being called)."""
    ready = and_(*READY)
    found = session.execute(
        select(col(Answer.grid_id), col(Answer.provider))
        .join(Grid, col(Grid.id) == col(Answer.grid_id))
        .join(Variant, col(Variant.id) == col(Answer.variant_id))
        .where(or_(ready, col(Answer.state) == AnswerState.running) if running else ready)
        .distinct()
    )
    return [(grid_id, provider) for grid_id, provider in found]


def stale(session: Session, held: Mapping[int, int]) -> set[int]:
    """Of answers at work, with their latest attempts: those that are no longer wanted so.

    Somebody cancelled them, or took them over.
    """
    latest = (
        select(func.max(col(Attempt.id)))
        .where(col(Attempt.answer_id) == col(Answer.id))
        .scalar_subquery()
    )
    rows = session.execute(
        select(col(Answer.id), col(Answer.state), latest).where(col(Answer.id).in_(held))
    )
    return {
        id_
        for id_, state, attempt_id in rows
        if state != AnswerState.running or attempt_id != held[id_]
    }


def recover(session: Session, looks: Sequence[Callable[[], Collection[int]]]) -> list[None]:
    """Put running answers back in the queue that nobody holds; each look tells who is held.

    Only for the one process that runs all answers of its database.
    """
    running = session.execute(
        select(col(Answer.id), col(Answer.grid_id)).where(col(Answer.state) == AnswerState.running)
    ).all()
    held = {id_ for look in looks for id_ in look()}
    for answer_id, grid_id in running:
        if answer_id not in held:
            take_over(session, answer_id, grid_id)
    return [None] * len(looks)


def close_left(session: Session, attempts: Collection[int] | None = None) -> None:
    """Close the calls (all, or some) of answers that were cancelled when their process died."""
    statement = (
        select(col(Answer.grid_id), col(Attempt.id))
        .join(Attempt, col(Attempt.answer_id) == col(Answer.id))
        .where(col(Attempt.finished_at).is_(None), col(Answer.state) != AnswerState.running)
    )
    if attempts is not None:
        statement = statement.where(col(Attempt.id).in_(attempts))
    rows = session.execute(statement).all()
    for grid_id, attempt_id in sorted(rows):
        stamp(session, grid_id)
        break_off(session, grid_id, col(Attempt.id) == attempt_id, *CANCELLED)


def take_over(session: Session, answer_id: int, grid_id: int) -> None:
    """Whoever worked on this answer does not any more."""
    why = INTERRUPTED if put_back(session, answer_id, grid_id) else CANCELLED
    break_off(session, grid_id, col(Attempt.answer_id) == answer_id, *why)


def put_back(session: Session, answer_id: int, grid_id: int) -> bool:
    """Put a running answer back in the queue; False where it is not wanted any more."""
    seq = stamp(session, grid_id)
    ended = or_(col(Grid.cancelled_at).is_not(None), col(Grid.stopped_at).is_not(None))
    is_over = select(ended).where(col(Grid.id) == col(Answer.grid_id)).scalar_subquery()
    released = session.connection().execute(
        update(Answer)
        .where(col(Answer.id) == answer_id, col(Answer.state) == AnswerState.running)
        .values(
            state=case((is_over, state_without_call()), else_=AnswerState.pending.value),
            seq=seq,
        )
        .returning(col(Answer.state))
    )
    return released.scalar() == AnswerState.pending


def _queued() -> Any:
    return (
        select(
            col(Answer.grid_id),
            col(Answer.id),
            col(Answer.model),
            col(Answer.repeat),
            col(Answer.attempt_id).is_not(None),
            or_(col(Answer.state) == AnswerState.running, _OPEN.exists()),
            Prompt,
            Variant,
            Wording,
        )
        .join(Grid, col(Grid.id) == col(Answer.grid_id))
        .join(Prompt, col(Prompt.id) == col(Answer.prompt_id))
        .join(Variant, col(Variant.id) == col(Answer.variant_id))
        .join(Wording, col(Wording.id) == col(Variant.wording_id))
    )


def _load(session: Session, estimator: Estimator, statement: Any) -> list[Queued]:
    messages: dict[tuple[int, int], Message] = {}
    found = []
    for row in session.execute(statement):
        grid_id, answer_id, model, repeat, again, left, prompt, variant, wording = row
        key = (prompt.id, variant.id)
        if key not in messages:
            messages[key] = compose(prompt, wording, variant.system_prompt)
        message = messages[key]
        output, _ = estimator.output_tokens(model, variant.thinking, variant.max_tokens)
        found.append(
            Queued(
                grid_id,
                answer_id,
                model,
                repeat,
                bool(again),
                bool(left),
                prompt,
                variant,
                wording,
                message,
                estimator.call(model, variant, message),
                input_tokens(message) + output,
            )
        )
    return found
