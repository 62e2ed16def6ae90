"""Grids that were imported: where from, and that nothing of them is called."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from app.errors import Conflict
from app.tables import Answer, Grid, Origin

SOURCES = {
    "bluffcheck": "a Bluffcheck export",
    "table": "a table",
    "promptfoo": "promptfoo",
    "inspect": "Inspect",
}

# Begins the key of a reviewer out of a file, who is nobody here: no one can type such a name.
IMPORTED = "\x1f"


def origin_of(session: Session, grid: Grid) -> Origin | None:
    """Where a grid, or what a snapshot shows, was imported from; None: it was run here."""
    return session.get(Origin, grid.snapshot_of or grid.id) if grid.imported else None


def origins_of(session: Session, grid_ids: Sequence[int]) -> dict[int, Origin]:
    """The same of several grids, of those that were imported."""
    found = session.exec(select(Origin).where(col(Origin.grid_id).in_(grid_ids)))
    return {origin.grid_id: origin for origin in found}


def in_words(origin: Origin, *, named: bool = True) -> str:
    """Such as “from promptfoo (out.json) on 3 May 2026”; ``named``: and by whom."""
    file = f" ({origin.file})" if origin.file else ""
    by = f" by {origin.imported_by}" if origin.imported_by and named else ""
    source = SOURCES.get(origin.source, origin.source)
    before = origin.there.get("before") if named else None
    earlier = f", there imported {before}" if before else ""
    return f"from {source}{file} on {origin.imported_at:%-d %B %Y}{by}{earlier}"


# Of an answer: it was asked here, so prices and rules of today may tell more of it. What came out
# of a file stays as the file has it.
ASKED_HERE = col(Answer.grid_id).not_in(select(col(Grid.id)).where(col(Grid.imported)))


def refuse_imported(grid: Grid) -> None:
    """Raises Conflict for an imported grid, where answers are to be added or called again."""
    if grid.imported:
        raise Conflict(
            "This grid was imported: it stays as its file has it, and nothing of it is called."
            f" To ask the same again, start a new grid from it: /compose?like={grid.public_id}"
        )
