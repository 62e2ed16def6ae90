"""The one transaction that imports what a dry run has staged."""

from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, col, select

from app.db import Database
from app.errors import Conflict
from app.grids import IS_THERE
from app.imports.answers.incoming import Incoming
from app.imports.answers.stage import staged
from app.people.audit import By, note
from app.tables import Grid, Origin, Reviewer

UNKNOWN = By()


@dataclass(frozen=True)
class Imported:
    """A grid of the file. ``new``: it was not here before."""

    public_id: str
    title: str
    new: bool


def import_answers(
    database: Database,
    rows: Path,
    source: str,
    file: str,
    by: By = UNKNOWN,
    *,
    again: bool = False,
) -> list[Imported]:
    """Do what the dry run said, in one transaction, and note who did in the audit log.

    ``again``: import also what is here already. Raises Conflict, and has done nothing, where all
    of it came here since the dry run.
    """
    found = []
    with staged(rows) as stage, database.write() as session:
        database.take_turns(session, "import of answers")  # or two bring the same file at once
        who = session.get(Reviewer, by.reviewer_id) if by.reviewer_id else None
        name = who.name if who else ""
        for number, head in list(stage.grids()):
            content, here = stage.hash_of(number)
            if not again:
                here = here or _came_meanwhile(session, content)
                if here:
                    found.append(Imported(here, head["title"], new=False))
                    continue
            grid = Incoming(session, stage, number, head).run()
            session.add(
                Origin(
                    grid_id=grid.id,
                    source=source,
                    file=file[-200:],
                    content_hash=content,
                    imported_by=name,
                    there=grid.there,
                )
            )
            note(session, by, "grid imported", "grid", grid.public_id)
            found.append(Imported(grid.public_id, head["title"], new=True))
        if not any(one.new for one in found):
            raise Conflict("All of it is here already, so nothing was imported.")
        session.commit()
    return found


def _came_meanwhile(session: Session, content: str) -> str:
    same_content = (col(Origin.grid_id) == col(Grid.id)) & (col(Origin.content_hash) == content)
    there = select(Grid.public_id).where(IS_THERE)
    return session.exec(there.join(Origin, same_content).limit(1)).first() or ""
