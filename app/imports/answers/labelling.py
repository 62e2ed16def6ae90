"""The one transaction that adds the labels of a file to a grid that is here."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlmodel import Session, col, select

from app.db import Database
from app.errors import Conflict, InvalidInput
from app.grids import FROZEN
from app.imports.answers.holding import Status
from app.imports.answers.labels import Held, hold, to_say
from app.imports.answers.stage import staged
from app.people import access
from app.people.access import EVERYTHING, Viewer
from app.people.audit import By, note
from app.reviewing.labels import get_reviewer
from app.reviewing.several import set_labels
from app.tables import Grid

BATCH = 500
STALE = "The labels of this grid have changed since this was checked."


@dataclass(frozen=True)
class Labelled:
    """What was done to a grid. ``left``: labels that differ, and were not overwritten."""

    grid: str
    title: str
    added: int
    changed: int
    same: int
    left: int
    bad: int


def add_labels(
    database: Database,
    rows: Path,
    checked: Held,
    by: By,
    viewer: Viewer = EVERYTHING,
    *,
    overwrite: bool = False,
) -> Labelled:
    """Say what the file says, as labels by hand are said, in one transaction.

    ``overwrite``: also where the same reviewer says something else here. Raises Conflict, and has
    done nothing, where it is not any more as it was ``checked``; NotFound, Forbidden.
    """
    wanted = [Status.new, *([Status.changed] if overwrite else [])]
    with staged(rows) as stage, database.write() as session:
        grid = _locked(session, checked.grid, viewer)
        found = hold(session, stage, grid)
        if found.counts != checked.counts:
            raise Conflict(STALE)
        if not any(found.counts[status] for status in wanted):
            raise InvalidInput("There is nothing in it to add to this grid.")
        people: dict[str, int] = {}
        grid_id = grid.id
        todo = to_say(stage, checked.grid, wanted)
        while batch := list(islice(todo, BATCH)):
            for _, name, _ in batch:  # in their order: who is new is called as it stands first
                if name not in people:
                    people[name] = get_reviewer(session, name).id
            given = [(answer_id, people[name], said) for answer_id, name, said in batch]
            set_labels(session, grid_id, given)
            session.expunge_all()  # or a long file would be in memory
        added, changed = found.counts[Status.new], found.counts[Status.changed]
        done = f"{added} new, {changed if overwrite else 0} changed"
        note(session, by, "labels imported", "grid", checked.grid, done)
        session.commit()
    return Labelled(
        found.grid,
        found.title,
        added,
        changed if overwrite else 0,
        found.counts[Status.same],
        0 if overwrite else changed,
        found.counts[Status.bad],
    )


def _locked(session: Session, public_id: str, viewer: Viewer) -> Grid:
    """The grid, which nobody else labels meanwhile. Raises NotFound, Forbidden, Conflict."""
    grid = access.find_grid(session, public_id, viewer)
    if grid.frozen:
        raise Conflict(FROZEN)
    access.refuse_label(session, grid, viewer)
    access.refuse_blinded(session, grid, viewer)
    session.exec(select(Grid.id).where(col(Grid.id) == grid.id).with_for_update()).one()
    return grid
