"""Deleting grids: out of sight at once, restorable for a while, then gone with all that was theirs.

Whether a grid is there is decided in grids.py alone. Its prompts belong to the library and stay.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Table, delete, or_, update
from sqlmodel import Session, SQLModel, col, func, select

from app import control
from app.db import Database
from app.errors import NotFound, Unavailable
from app.grids import IS_ORIGINAL, stamp
from app.meanwhile import meanwhile, rest
from app.tables import Answer, AnswerState, Grid, now

log = logging.getLogger(__name__)
KEPT = timedelta(days=30)
LOOK_S = 3600.0
JUMP = timedelta(days=1)  # of the clock, which may have been set wrong
# A clock that nobody sets and that goes on while the machine sleeps, where it has one.
_GOES_ON = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
BATCH = 500  # answers in a transaction, so that whoever labels need not wait for the removal
_TABLES = SQLModel.metadata.tables


@dataclass(frozen=True, slots=True)
class Deleted:
    grid: Grid
    answers: int
    deleted_at: datetime

    @property
    def gone_at(self) -> datetime:
        return self.deleted_at + KEPT


def delete_grid(session: Session, grid: Grid) -> None:
    """It is at no address any more; no new calls are made. The caller tells the runner."""
    stamp(session, grid.id)  # so that who watches it hears of it
    at_work = select(Answer.id).where(
        Answer.grid_id == grid.id,
        col(Answer.state).in_([AnswerState.pending, AnswerState.running]),
    )
    if session.exec(at_work.limit(1)).first() is not None:
        control.pause(session, grid)  # restoring it spends nothing either
    _say_deleted(session, grid, now())


def restore_grid(session: Session, public_id: str) -> Grid:
    """Raises NotFound for one that is not deleted, or for too long."""
    grid = session.exec(
        select(Grid).where(
            Grid.public_id == public_id, IS_ORIGINAL, col(Grid.deleted_at) > now() - KEPT
        )
    ).first()
    if grid is None:
        raise NotFound(f"No grid of this address was deleted within the last {KEPT.days} days.")
    stamp(session, grid.id)
    _say_deleted(session, grid, None)
    return grid


def deleted_grids(session: Session) -> list[Deleted]:
    """Those that can be restored, the latest first."""
    rows = session.execute(
        select(Grid, func.count(col(Answer.id)))
        .outerjoin(Answer, col(Answer.grid_id) == col(Grid.id))
        .where(IS_ORIGINAL, col(Grid.deleted_at) > now() - KEPT)
        .group_by(col(Grid.id))
        .order_by(col(Grid.deleted_at).desc())
    ).all()
    return [Deleted(grid, count, grid.deleted_at) for grid, count in rows]


def removing(database: Database) -> AbstractAsyncContextManager[None]:
    """Meanwhile remove, now and then, what was deleted long enough ago."""
    return meanwhile(partial(_remove_now_and_then, database))


def remove_old(database: Database, before: datetime) -> int:
    """Remove the grids that were deleted before a time; how many these were."""
    with database.read() as session:
        gone = select(Grid.id).where(col(Grid.deleted_at) < before)
        # The latest first: snapshots come before the grids they show.
        old = session.exec(gone.order_by(col(Grid.id).desc())).all()
    for grid_id in old:
        while _remove_some(database, grid_id):
            pass
    return len(old)


def _say_deleted(session: Session, grid: Grid, when: datetime | None) -> None:
    """Its snapshots go, and come back, with it."""
    both = or_(col(Grid.id) == grid.id, col(Grid.snapshot_of) == grid.id)
    session.execute(update(Grid).where(both).values(deleted_at=when))
    session.flush()
    session.refresh(grid)


def _remove_some(database: Database, grid_id: int) -> int:
    """Some answers of a grid with all that hangs on them; the grid itself when it has none."""
    with database.write() as session:
        database.take_turns(session)
        ids = session.exec(select(Answer.id).where(Answer.grid_id == grid_id).limit(BATCH)).all()
        if ids:
            _delete(session, "answer", ids)
        else:
            _delete(session, "grid", [grid_id])
        session.commit()
    if not ids:
        database.kept.pop(grid_id, None)  # SQLite may give the number to another
    return len(ids)


def _delete(session: Session, name: str, ids: Sequence[int]) -> None:
    """Rows of a table by id, after all rows anywhere that point at them."""
    for table in reversed(SQLModel.metadata.sorted_tables):
        for column in _pointing(table, name):
            session.execute(delete(table).where(table.c[column].in_(ids)))
    table = _TABLES[name]
    session.execute(delete(table).where(table.c.id.in_(ids)))


def _pointing(table: Table, name: str) -> list[str]:
    return [key.parent.name for key in table.foreign_keys if key.column.table.name == name]


def booted_at() -> datetime:
    """Of this machine, by its clock: as long as nobody sets that, always the same."""
    up_s = time.monotonic() if _GOES_ON is None else time.clock_gettime(_GOES_ON)
    return now() - timedelta(seconds=up_s)


def jumped(began: datetime) -> bool:
    """Whether the clock was set far ahead since ``booted_at`` gave this."""
    return booted_at() - began > JUMP


async def _remove_now_and_then(database: Database, stop: asyncio.Event) -> None:
    began = booted_at()
    while not stop.is_set():
        try:
            if jumped(began):
                log.warning("the clock jumped: no deleted grid is removed until the next start")
            elif count := await asyncio.to_thread(remove_old, database, now() - KEPT):
                log.info("%d deleted grids were removed for good", count)
        except Unavailable as exc:
            log.info("deleted grids could not be removed yet: %s", exc.reason)
        except Exception:
            log.exception("deleted grids could not be removed")
        await rest(stop, LOOK_S)
