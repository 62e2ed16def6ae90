"""Grids: start one, find it, tell how far it is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy
from sqlalchemy import ColumnElement, bindparam, true, update
from sqlmodel import Session, SQLModel, col, func, select

from app.errors import Conflict, InvalidInput, NotFound
from app.planrows import insert_rows
from app.plans import Plan, check_size
from app.pricing.ceilings import NO_CEILINGS, Ceilings
from app.providers import Outcome
from app.pubid import new_public_id
from app.tables import (
    MAX_INTEGER,
    Answer,
    AnswerState,
    Attempt,
    Grid,
    LabelValue,
    Snapshot,
)


@dataclass(frozen=True)
class Progress:
    """Counts of a grid's answers. ``labelled`` and C/H/A count final labels."""

    total: int
    pending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    answered: int = 0
    correct: int = 0
    hallucinated: int = 0
    abstained: int = 0
    disputed: int = 0
    unanswered: int = 0  # finished without an answer: empty, truncated or refused

    @property
    def settled(self) -> int:
        return self.done + self.failed + self.cancelled

    @property
    def labelled(self) -> int:
        return self.correct + self.hallucinated + self.abstained


IS_THERE = col(Grid.deleted_at).is_(None)  # whether a grid is: nobody else decides that
IS_ORIGINAL = col(Grid.snapshot_of).is_(None)  # and no snapshot
IS_LISTED = sqlalchemy.and_(IS_THERE, IS_ORIGINAL)  # snapshots are with theirs

# Built once: the runner needs it for every transaction.
_GRID = SQLModel.metadata.tables["grid"]
_STAMP = (
    update(_GRID)
    .where(_GRID.c.id == bindparam("grid"), _GRID.c.snapshot_of.is_(None))
    .values(seq=_GRID.c.seq + 1)
    .returning(_GRID.c.seq)
)
FROZEN = (
    "This is a frozen snapshot: nothing in it changes any more. Go to the grid it was taken of."
)


def stamp(session: Session, grid_id: int) -> int:
    """The number of this transaction among the grid's changes; taking it locks the grid's row.

    Raises Conflict for a snapshot: whoever changes anything of a grid comes by here.
    """
    transaction, taken = session.info.get("stamps", (None, {}))
    if transaction is None or transaction is not session.get_transaction():
        session.connection()
        taken = {}
        session.info["stamps"] = (session.get_transaction(), taken)
    if grid_id not in taken:
        given = session.connection().scalar(_STAMP, {"grid": grid_id})
        if given is None:
            raise Conflict(FROZEN)
        taken[grid_id] = given
    number: int = taken[grid_id]
    return number


def start_grid(
    session: Session,
    plan: Plan,
    max_answers: int,
    ceilings: Ceilings = NO_CEILINGS,
    expected_usd: float = 0.0,
    public_id: str = "",
) -> Grid:
    """Insert the grid with all its pending answers. The caller commits, then tells the runner.

    Raises InvalidInput where it would pass ``max_answers`` or its own ceilings.
    """
    check_size(plan, max_answers)
    if problem := ceilings.problem(plan.calls, expected_usd):
        raise InvalidInput(problem)
    grid = Grid(
        public_id=public_id or new_public_id(),
        title=plan.title,
        repeats=plan.repeats,
        max_calls=ceilings.max_calls,
        max_cost_usd=ceilings.max_cost_usd,
    )
    session.add(grid)
    session.flush()
    insert_rows(session, grid.id, plan)
    return grid


def get_grid(session: Session, public_id: str) -> Grid:
    """Raises NotFound."""
    found = select(Grid).where(Grid.public_id == public_id, IS_THERE)
    # Postgres takes no NUL character.
    grid = session.exec(found).first() if public_id.isprintable() else None
    if grid is None:
        raise NotFound("There is no grid at this address. Check that the link was copied whole.")
    return grid


def get_answer(session: Session, answer_id: int) -> Answer:
    """An answer of a grid that is there. Raises NotFound."""
    found = select(Answer).join(Grid, col(Grid.id) == col(Answer.grid_id))
    answer = session.exec(found.where(Answer.id == answer_id, IS_THERE)).first()
    if answer is None:
        raise NotFound("There is no such answer.")
    return answer


def snapshot_of(session: Session, grid: Grid) -> Snapshot | None:
    """What is known of a grid that is a snapshot; None of others."""
    return session.get(Snapshot, grid.id) if grid.frozen else None


def recent_grids(
    session: Session,
    limit: int,
    visible: ColumnElement[bool] | None = None,
    before: int = MAX_INTEGER,
) -> list[tuple[Grid, Progress]]:
    """The newest grids with their counts; no snapshots. ``visible``: of which.

    ``before``: of those that are older than the grid of this id.
    """
    of = true() if visible is None else visible
    statement = select(Grid).where(IS_LISTED, of, col(Grid.id) < before)
    grids = session.exec(statement.order_by(col(Grid.id).desc()).limit(limit)).all()
    counts = progress_of(session, [g.id for g in grids if g.id is not None])
    return [(g, counts[g.id]) for g in grids if g.id is not None]


def progress(session: Session, grid_id: int) -> Progress:
    return progress_of(session, [grid_id])[grid_id]


def progress_of(session: Session, grid_ids: Sequence[int]) -> dict[int, Progress]:
    """The counts of several grids in one query."""
    kinds = (
        col(Answer.grid_id),
        col(Answer.state),
        col(Attempt.outcome),
        col(Answer.label),
        col(Answer.disputed),
    )
    rows = session.execute(
        sqlalchemy.select(*kinds, func.count())
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.grid_id).in_(grid_ids))
        .group_by(*kinds)
    ).all()
    return {
        grid_id: tally_progress(row[1:] for row in rows if row[0] == grid_id)
        for grid_id in grid_ids
    }


def tally_progress(
    rows: Iterable[tuple[str, str | None, str | None, bool, int]],
) -> Progress:
    """Sum up rows of state, outcome, label, disputed and how many answers are so."""
    counts: Counter[str] = Counter(total=0)
    for state, outcome, label, disputed, n in rows:
        counts["total"] += n
        counts[AnswerState(state).value] += n
        if state not in (AnswerState.failed, AnswerState.cancelled) and outcome == Outcome.answered:
            counts["answered"] += n  # also while it is run again: what came earlier counts
        elif state == AnswerState.done:
            counts["unanswered"] += n
        if label is not None:
            counts[LabelValue(label).value] += n
        if disputed:
            counts["disputed"] += n
    return Progress(**counts)


def status(grid: Grid, counts: Progress) -> str:
    """running, paused, done, cancelled, or stopped at a ceiling."""
    if counts.running or (counts.pending and not grid.paused_at):
        return "running"
    if counts.pending:
        return "paused"
    if grid.stopped_at and counts.cancelled:
        return "stopped"
    return "cancelled" if grid.cancelled_at else "done"
