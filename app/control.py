"""What one can do to a grid that exists: cancel, run again, pause, resume, raise its ceilings.

The state of an answer is the truth: the runner ends calls whose answer is no longer theirs.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, bindparam, case, delete, func, select, update
from sqlmodel import Session, SQLModel, col

from app.errors import Conflict, InvalidInput, NotFound
from app.grids import stamp
from app.origins import refuse_imported
from app.planrows import CALLED
from app.pricing.money import dollars
from app.providers import Outcome
from app.tables import (
    Answer,
    AnswerState,
    Attempt,
    Grid,
    HeldBack,
    HeldState,
    Label,
    now,
)

ENDED = (AnswerState.done, AnswerState.failed, AnswerState.cancelled)


class Labelled(Conflict):
    """What is to run again carries labels, and nobody said that these may go."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which answers of a grid are meant: those that match all that is given, else all."""

    answer: int | None = None
    prompt: int | None = None  # its id
    model: str | None = None  # provider/model-id
    variant: int | None = None  # its id

    @property
    def whole(self) -> bool:
        return self == WHOLE

    def where(self, grid_id: int) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [col(Answer.grid_id) == grid_id]
        for column, value in (
            (col(Answer.id), self.answer),
            (col(Answer.prompt_id), self.prompt),
            (col(Answer.model), self.model),
            (col(Answer.variant_id), self.variant),
        ):
            if value is not None:
                found.append(column == value)
        return found


WHOLE = Scope()
Extent = Literal["answer", "cell", "row", "column", "grid"]


def scope_around(session: Session, grid: Grid, answer_id: int, extent: Extent) -> Scope:
    """An answer of the grid, or its cell, row or column. Raises NotFound."""
    answer = session.get(Answer, answer_id)
    if answer is None or answer.grid_id != grid.id:
        raise NotFound("This grid has no such answer.")
    match extent:
        case "answer":
            return Scope(answer=answer.id)
        case "cell":
            return Scope(prompt=answer.prompt_id, model=answer.model, variant=answer.variant_id)
        case "row":
            return Scope(prompt=answer.prompt_id)
        case "column":
            return Scope(model=answer.model, variant=answer.variant_id)
        case "grid":
            return WHOLE


def cancel(session: Session, grid: Grid, scope: Scope = WHOLE) -> int:
    """Cancel what has not ended; the runner then ends the calls in flight. Returns how many.

    An answer that was being run again stays what it was before; one that comes before its call
    could be ended is kept.
    """
    seq = stamp(session, grid.id)
    count = _changed(
        session,
        update(Answer)
        .where(
            *scope.where(grid.id),
            col(Answer.state).in_([AnswerState.pending, AnswerState.running]),
        )
        .values(state=state_without_call(), seq=seq),
    )
    # Else it came to its end by itself, perhaps a moment ago.
    if scope.whole and (count or grid.stopped_at):
        _set(session, grid, cancelled_at=now())
    return count


def rerun(
    session: Session, grid: Grid, scope: Scope = WHOLE, *, failed: bool, labelled: bool = False
) -> int:
    """Put answers that have ended back in the queue: those without a result, or all.

    What was there before stays readable, and counts until something newer comes. Answers that
    somebody labelled are left alone unless ``labelled``: their labels go when a new answer comes.
    Raises Conflict when there is nothing to run again and for an imported grid, Labelled when only
    those are left.
    """
    refuse_imported(grid)
    states = (AnswerState.failed, AnswerState.cancelled) if failed else ENDED
    has_label = select(col(Label.id)).where(col(Label.answer_id) == col(Answer.id)).exists()
    where = [*scope.where(grid.id), col(Answer.state).in_(states), CALLED]
    count = _changed(
        session,
        update(Answer)
        .where(*where, *([] if labelled else [~has_label]))
        .values(state=AnswerState.pending, seq=stamp(session, grid.id)),
    )
    if not count:
        left = session.scalar(select(func.count()).select_from(Answer).where(*where))
        if left:
            raise Labelled(
                "What is to run again carries labels. Say that labelled answers are meant too"
                " (labelled in the API): their labels go when a new answer comes."
            )
        if session.scalar(select(func.count()).where(*scope.where(grid.id), CALLED)) == 0:
            raise Conflict("Pasted answers cannot be run again: ask once more and paste that.")
        if failed:
            raise Conflict("There is nothing to run again: no answer failed or was cancelled.")
        raise Conflict("There is nothing to run again: these answers have not ended yet.")
    revive(session, grid)
    return count


def pause(session: Session, grid: Grid) -> None:
    """Make no new calls. Those in flight come to their end."""
    stamp(session, grid.id)
    _set(session, grid, paused_at=func.coalesce(col(Grid.paused_at), now()))


def resume(session: Session, grid: Grid) -> None:
    stamp(session, grid.id)
    _set(session, grid, paused_at=None)


def set_ceilings(
    session: Session,
    grid: Grid,
    spent_usd: float,
    max_calls: int | None = None,
    max_cost_usd: float | None = None,
) -> int:
    """Let a grid make or cost more in all (None: as before); one that was stopped goes on.

    Gives the number of answers that are called after all. Raises InvalidInput where the grid has
    made or cost that much already, Conflict for an imported one.
    """
    refuse_imported(grid)
    seq = stamp(session, grid.id)  # from here on, nobody else changes the grid
    session.refresh(grid)
    if max_cost_usd is not None and max_cost_usd <= spent_usd:
        raise InvalidInput(
            f"This grid has cost {dollars(spent_usd)} already: to go on, the ceiling must be above"
            " that."
        )
    if max_calls is not None and max_calls <= grid.calls:
        raise InvalidInput(
            f"This grid has made {grid.calls:,} calls already: to go on, the ceiling must be above"
            " that."
        )
    if max_calls is not None:
        grid.max_calls = max_calls
    if max_cost_usd is not None:
        grid.max_cost_usd = max_cost_usd
    session.add(grid)
    count = 0
    if grid.stopped_at and not grid.cancelled_at:
        cancelled = update(Answer).where(
            col(Answer.grid_id) == grid.id,
            col(Answer.state) == AnswerState.cancelled,
            col(Answer.seq) >= (grid.stopped_seq or 0),  # what people had cancelled stays so
            CALLED,  # what was pasted was taken out
        )
        count = _changed(session, cancelled.values(state=AnswerState.pending, seq=seq))
    if grid.stopped_at:
        revive(session, grid, cancelled=False)
    return count


def revive(session: Session, grid: Grid, *, cancelled: bool = True) -> None:
    """Let a grid that was cancelled or stopped run what is pending."""
    # What a test call stopped gets another one before its answers are called.
    stopped = (col(HeldBack.grid_id) == grid.id, col(HeldBack.state) == HeldState.stopped)
    session.execute(update(HeldBack).where(*stopped).values(state=HeldState.waiting, message=""))
    _set(session, grid, stopped_at=None, stopped_seq=None)
    if cancelled:
        _set(session, grid, cancelled_at=None)


def break_off(
    session: Session, grid_id: int, attempts: ColumnElement[bool], kind: str, message: str
) -> None:
    """Close open attempts of one grid, which the caller has stamped: nobody waits for them."""
    open_ = (attempts, col(Attempt.finished_at).is_(None))
    expected = session.scalar(
        select(func.coalesce(func.sum(col(Attempt.expected_usd)), 0.0)).where(*open_)
    )
    if expected:
        commit_usd(session, grid_id, -expected)
    # Who looks on sees it, also where the answer was over before its call was.
    number = select(col(Grid.seq)).where(col(Grid.id) == grid_id).scalar_subquery()
    session.execute(
        update(Answer)
        .where(col(Answer.id).in_(select(col(Attempt.answer_id)).where(*open_)))
        .values(seq=number),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(Attempt)
        .where(*open_)
        .values(finished_at=now(), outcome=Outcome.error, error_kind=kind, error_message=message),
        execution_options={"synchronize_session": False},
    )


def take_back(session: Session, grid_id: int, attempts: ColumnElement[bool]) -> None:
    """Forget attempts of one grid, which the caller has stamped, whose calls were never made."""
    forgotten = session.execute(
        delete(Attempt)
        .where(attempts, col(Attempt.finished_at).is_(None))
        .returning(col(Attempt.expected_usd)),
        execution_options={"synchronize_session": False},
    ).all()
    usd = sum(row.expected_usd or 0.0 for row in forgotten)
    commit_usd(session, grid_id, -usd, -len(forgotten))


_GRID = SQLModel.metadata.tables["grid"]
_COMMIT = (
    update(_GRID)
    .where(_GRID.c.id == bindparam("grid"))
    .values(
        committed_usd=_GRID.c.committed_usd + bindparam("usd"),
        calls=_GRID.c.calls + bindparam("begun"),
    )
)


def commit_usd(session: Session, grid_id: int, usd: float, calls: int = 0) -> None:
    """Count what calls cost, or are expected to, and how many began; the caller has stamped."""
    session.connection().execute(_COMMIT, {"grid": grid_id, "usd": usd, "begun": calls})


def state_without_call() -> Any:
    """The state of an answer whose call is not made after all: that of the attempt that counts."""
    outcome = (
        select(col(Attempt.outcome))
        .where(col(Attempt.id) == col(Answer.attempt_id))
        .scalar_subquery()
    )
    return case(
        (col(Answer.attempt_id).is_(None), AnswerState.cancelled.value),
        (outcome == Outcome.error, AnswerState.failed.value),
        else_=AnswerState.done.value,
    )


def _set(session: Session, grid: Grid, **values: Any) -> None:
    """Whatever this session knew of the row: others may have changed it before it was stamped."""
    session.execute(update(Grid).where(col(Grid.id) == grid.id).values(**values))
    session.expire(grid)


def _changed(session: Session, statement: Any) -> int:
    result: Any = session.execute(statement, execution_options={"synchronize_session": False})
    return int(result.rowcount)
