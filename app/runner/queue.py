"""What is left to do: pending answers, and those that somebody left in the middle."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlmodel import Session, col

from app.grids import stamp
from app.providers import Outcome
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
    now,
)

_CANCELLED = ("cancelled", "Cancelled during this call.")
_INTERRUPTED = (
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
    prompt: Prompt
    variant: Variant
    wording: Wording
    expected_usd: float | None = None  # what its call will cost; None: not known


@dataclass(frozen=True, slots=True)
class Stop:
    """A grid whose next call would pass this ceiling, in US dollars."""

    grid_id: int
    ceiling_usd: float


_HELD_BACK = select(col(HeldBack.grid_id)).where(
    col(HeldBack.grid_id) == col(Answer.grid_id),
    col(HeldBack.model) == col(Answer.model),
    col(HeldBack.thinking) == col(Variant.thinking),
    col(HeldBack.state) == HeldState.waiting,
)


def pending(
    session: Session, grid_id: int, provider: str, *, after: int, limit: int
) -> list[Queued]:
    """The next pending answers of a grid for one provider, by id."""
    rows = session.execute(
        select(col(Answer.id), col(Answer.model), col(Answer.repeat), Prompt, Variant, Wording)
        .join(Prompt, col(Prompt.id) == col(Answer.prompt_id))
        .join(Variant, col(Variant.id) == col(Answer.variant_id))
        .join(Wording, col(Wording.id) == col(Variant.wording_id))
        .where(
            col(Answer.grid_id) == grid_id,
            col(Answer.provider) == provider,
            col(Answer.state) == AnswerState.pending,
            col(Answer.id) > after,
            ~_HELD_BACK.exists(),
        )
        .order_by(col(Answer.id))
        .limit(limit)
    )
    return [Queued(grid_id, *row) for row in rows]


def let_go(session: Session, left: Sequence[Queued]) -> list[None]:
    """Nobody works on these any more: see ``_let_go``."""
    for queued in left:
        _let_go(session, queued.id, queued.grid_id)
    return [None] * len(left)


def stop(session: Session, stops: Sequence[Stop]) -> list[None]:
    """Cancel what is pending of grids at their ceiling, unless that was raised meanwhile."""
    connection = session.connection()
    for it in stops:
        seq = stamp(session, it.grid_id)
        stopped = connection.execute(
            update(Grid)
            .where(col(Grid.id) == it.grid_id, col(Grid.max_cost_usd) == it.ceiling_usd)
            .values(stopped_at=now())
        )
        if stopped.rowcount:
            connection.execute(
                update(Answer)
                .where(col(Answer.grid_id) == it.grid_id, col(Answer.state) == AnswerState.pending)
                .values(state=AnswerState.cancelled, seq=seq)
            )
    return [None] * len(stops)


def recover(
    session: Session, looks: Sequence[Callable[[], Collection[int]]]
) -> list[list[tuple[int, str]]]:
    """Let go of running answers that are not held; find the queue's grids and providers.

    Each look tells which answers are held. Only for the one process that holds the database.
    """
    running = session.execute(
        select(col(Answer.id), col(Answer.grid_id)).where(col(Answer.state) == AnswerState.running)
    ).all()
    held = {id_ for look in looks for id_ in look()}
    for answer_id, grid_id in running:
        if answer_id not in held:
            _let_go(session, answer_id, grid_id)
    found = session.execute(
        select(col(Answer.grid_id), col(Answer.provider))
        .where(col(Answer.state) == AnswerState.pending)
        .distinct()
    )
    return [[(grid_id, provider) for grid_id, provider in found]] * len(looks)


def _let_go(session: Session, answer_id: int, grid_id: int) -> None:
    """Put a running answer back in the queue, on record; in a cancelled grid, cancel it.

    An answer that is not running stays as it is.
    """
    seq = stamp(session, grid_id)  # locks the grid: it is not cancelled behind our back
    connection = session.connection()
    cancelled = connection.execute(
        select(col(Grid.cancelled_at).is_not(None)).where(col(Grid.id) == grid_id)
    ).scalar_one()
    released = connection.execute(
        update(Answer)
        .where(col(Answer.id) == answer_id, col(Answer.state) == AnswerState.running)
        .values(state=AnswerState.cancelled if cancelled else AnswerState.pending, seq=seq)
    )
    if released.rowcount:
        kind, message = _CANCELLED if cancelled else _INTERRUPTED
        connection.execute(
            update(Attempt)
            .where(col(Attempt.answer_id) == answer_id, col(Attempt.finished_at).is_(None))
            .values(
                finished_at=now(), outcome=Outcome.error, error_kind=kind, error_message=message
            )
        )
