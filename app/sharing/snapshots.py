"""Snapshots: how a grid was at one time, for good.

A snapshot is a copied grid, so that pages, results and exports of a grid are those of a snapshot.
Nobody changes it, since every change takes a number of the grid (``stamp`` in grids.py), and a
snapshot gives none. Prompts and wordings are not copied: their rows are never changed.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy
from sqlalchemy import Table, case, func, insert, literal, update
from sqlmodel import Session, SQLModel, col, select

from app import __version__
from app.control import state_without_call
from app.db import Database
from app.errors import Conflict, NotFound
from app.exports.jsonl import hash_of
from app.exports.rows import open_export
from app.pubid import new_public_id
from app.tables import (
    Answer,
    AnswerState,
    Attempt,
    Grid,
    Label,
    LabelChange,
    Snapshot,
    Variant,
    now,
)

_TABLES = SQLModel.metadata.tables
_WAITING = [AnswerState.pending.value, AnswerState.running.value]


def freeze(database: Database, grid_id: int, practice: frozenset[str], by: str = "") -> int:
    """Take a snapshot of a grid; gives the id of the copied grid. ``practice``: names of the
    providers that are simulated. Raises Conflict for a grid that is a snapshot itself."""
    with database.write() as session:
        copy_id = take_snapshot(session, grid_id, by).grid_id
        session.commit()
    keep_hash(database, copy_id, practice)
    return copy_id


def keep_hash(database: Database, copy_id: int, practice: frozenset[str]) -> None:
    """Compute the hash of a snapshot that has none. Others can write meanwhile: nothing changes it,
    and of a large one it takes a while."""
    with database.read() as session:
        if session.get_one(Snapshot, copy_id).content_hash:
            return
        export = open_export(session, session.get_one(Grid, copy_id), practice=practice)
        found = hash_of(export)
    with database.write() as session:
        session.get_one(Snapshot, copy_id).content_hash = found
        session.commit()


def take_snapshot(session: Session, grid_id: int, by: str = "") -> Snapshot:
    """Copy the grid as it is. Answers that are not in yet are cancelled in the copy, and calls in
    flight are no part of it. Raises Conflict for a grid that is a snapshot itself."""
    # Every change of the grid locks its row: from here on, there is none.
    grid = session.exec(
        select(Grid)
        .where(Grid.id == grid_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if grid.frozen:
        raise Conflict("This is a snapshot already: take another one of the grid it shows.")
    waiting = select(func.count()).where(
        col(Answer.grid_id) == grid_id, col(Answer.state).in_(_WAITING)
    )
    taken_at, unfinished = now(), session.exec(waiting).one()
    copy = Grid(
        **grid.model_dump(exclude={"id", "public_id", "snapshot_of", "paused_at", "cancelled_at"}),
        public_id=new_public_id(),
        snapshot_of=grid_id,
        cancelled_at=grid.cancelled_at or (taken_at if unfinished else None),
    )
    session.add(copy)
    session.flush()
    _copy_rows(session, grid_id, copy.id)
    number = select(func.coalesce(func.max(Snapshot.number), 0) + 1)
    snapshot = Snapshot(
        grid_id=copy.id,
        of_grid_id=grid_id,
        number=session.exec(number.where(Snapshot.of_grid_id == grid_id)).one(),
        taken_at=taken_at,
        taken_by=by,
        version=__version__,
        unfinished=unfinished,
    )
    session.add(snapshot)
    session.flush()
    return snapshot


def snapshots_of(session: Session, grid_id: int) -> list[tuple[Snapshot, Grid]]:
    """All of a grid, the newest first."""
    return list(
        session.exec(
            select(Snapshot, Grid)
            .join(Grid, col(Grid.id) == col(Snapshot.grid_id))
            .where(Snapshot.of_grid_id == grid_id)
            .order_by(col(Snapshot.number).desc())
        )
    )


def find_snapshot(session: Session, grid_id: int, number: int) -> Snapshot:
    """Raises NotFound."""
    found = session.exec(
        select(Snapshot).where(Snapshot.of_grid_id == grid_id, Snapshot.number == number)
    ).first()
    if found is None:
        raise NotFound(f"This grid has no snapshot v{number}.")
    return found


def _copy_rows(session: Session, grid_id: int, copy_id: int) -> None:
    old, new = Answer.__table__.alias("old"), Answer.__table__.alias("new")  # type: ignore[attr-defined]
    for name in ("grid_prompt", "grid_model", "held_back"):
        table = _TABLES[name]
        _insert(session, table, {"grid_id": literal(copy_id)}, table.c.grid_id == grid_id)
    variants: dict[int, int] = {}
    of_grid = select(Variant).where(Variant.grid_id == grid_id)
    for variant in session.exec(of_grid.order_by(col(Variant.id))):
        made = Variant(**variant.model_dump(exclude={"id", "grid_id"}), grid_id=copy_id)
        session.add(made)
        session.flush()
        variants[variant.id] = made.id
    if not variants:
        return
    answers = _TABLES["answer"]
    waits = sqlalchemy.type_coerce(answers.c.state, sqlalchemy.String).in_(_WAITING)
    _insert(
        session,
        answers,
        {
            "grid_id": literal(copy_id),
            "variant_id": case(variants, value=answers.c.variant_id),
            "state": case(
                (waits, state_without_call()),
                else_=sqlalchemy.type_coerce(answers.c.state, sqlalchemy.String),
            ),
        },
        answers.c.grid_id == grid_id,
        order=[answers.c.id],
    )
    both = sqlalchemy.and_(
        old.c.grid_id == grid_id,
        new.c.grid_id == copy_id,
        new.c.prompt_id == old.c.prompt_id,
        new.c.variant_id == case(variants, value=old.c.variant_id),
        new.c.model == old.c.model,
        new.c.repeat == old.c.repeat,
    )
    for model in (Attempt, Label, LabelChange):
        table = _TABLES[str(model.__tablename__)]
        where = [both, table.c.answer_id == old.c.id]
        if model is Attempt:
            where.append(table.c.finished_at.is_not(None))
        _insert(session, table, {"answer_id": new.c.id}, *where, order=[old.c.id, table.c.id])
    made, counted = Attempt.__table__.alias(), Attempt.__table__.alias()  # type: ignore[attr-defined]
    counts = (
        sqlalchemy.select(made.c.id)
        .where(
            counted.c.id == answers.c.attempt_id,
            made.c.answer_id == answers.c.id,
            made.c.number == counted.c.number,
        )
        .scalar_subquery()
    )
    session.execute(
        update(answers).where(answers.c.grid_id == copy_id).values(attempt_id=counts),
        execution_options={"synchronize_session": False},
    )


def _insert(
    session: Session,
    table: Table,
    changed: dict[str, Any],
    *where: Any,
    order: Iterable[Any] = (),
) -> None:
    """Copy rows of a table, with other values in some columns and new ids."""
    names = [c.name for c in table.columns if c is not table.autoincrement_column]
    chosen = [changed.get(name, table.c[name]) for name in names]
    rows = sqlalchemy.select(*chosen).where(*where).order_by(*order)
    session.connection().execute(insert(table).from_select(names, rows))
