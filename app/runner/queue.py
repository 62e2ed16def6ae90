"""What is left to do: pending answers, and those that somebody left in the middle."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import and_, case, func, or_, select, update
from sqlmodel import Session, col

from app.control import break_off, state_without_call
from app.grids import stamp
from app.messages import Message, compose
from app.pricing.estimates import Estimator, input_tokens
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

T = TypeVar("T", Prompt, Variant, Wording)

CANCELLED = ("cancelled", "Cancelled during this call.")
INTERRUPTED = (
    "interrupted",
    "The server stopped during this call, or just before it. The provider may have billed it.",
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


def recover(session: Session, looks: Sequence[Callable[[], Collection[int]]]) -> list[bool]:
    """Put running answers back in the queue that nobody holds; each look tells who is held.

    True if there were any. Only for the one process that runs all answers of its database.
    """
    running = session.execute(
        select(col(Answer.id), col(Answer.grid_id)).where(col(Answer.state) == AnswerState.running)
    ).all()
    held = {id_ for look in looks for id_ in look()}
    left = [(answer_id, grid_id) for answer_id, grid_id in running if answer_id not in held]
    for answer_id, grid_id in left:
        take_over(session, answer_id, grid_id)
    return [bool(left)] * len(looks)


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
            col(Answer.attempt_id).is_not(None).label("again"),
            or_(col(Answer.state) == AnswerState.running, _OPEN.exists()).label("left"),
            col(Answer.prompt_id),
            col(Answer.variant_id),
        )
        .join(Grid, col(Grid.id) == col(Answer.grid_id))
        .join(Variant, col(Variant.id) == col(Answer.variant_id))
    )


def _load(session: Session, estimator: Estimator, statement: Any) -> list[Queued]:
    rows = session.execute(statement).all()
    # Once each, not beside every answer: making objects of a row takes longer than reading it.
    prompts = _by_id(session, Prompt, {row.prompt_id for row in rows})
    variants = _by_id(session, Variant, {row.variant_id for row in rows})
    wordings = _by_id(session, Wording, {v.wording_id for v in variants.values()})
    calls: dict[tuple[str, int, int], tuple[Message, float | None, int]] = {}
    found = []
    for row in rows:
        prompt, variant = prompts[row.prompt_id], variants[row.variant_id]
        wording = wordings[variant.wording_id]
        key = (row.model, prompt.id, variant.id)
        if key not in calls:
            message = compose(prompt, wording, variant.system_prompt)
            output, _ = estimator.output_tokens(row.model, variant.thinking, variant.max_tokens)
            usd = estimator.call(row.model, variant, message)
            calls[key] = message, usd, input_tokens(message) + output
        found.append(
            Queued(
                row.grid_id,
                row.id,
                row.model,
                row.repeat,
                bool(row.again),
                bool(row.left),
                prompt,
                variant,
                wording,
                *calls[key],
            )
        )
    return found


def _by_id(session: Session, table: type[T], ids: Collection[int]) -> dict[int, T]:
    rows = session.scalars(select(table).where(col(table.id).in_(ids)))
    return {row.id: row for row in rows}
