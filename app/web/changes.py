"""What changed in a grid, as fragments: for streams, for polls, and for whoever gave a label."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlmodel import Session

from app import grids
from app.ceilings import near
from app.gridqueries import answers_per_minute, load_changed, load_counts
from app.gridview import CHARACTERS, Column, Density, Show
from app.money import Spending
from app.tables import Grid, HeldState
from app.web.notices import NOTHING, Notice
from app.web.render import render

Wanted = tuple[Density, Show, int]  # how the grid is shown, and the last change that is known


def head(session: Session, grid: Grid, columns: Sequence[Column]) -> dict[str, Any]:
    """What the progress partial needs."""
    progress = grids.progress(session, grid.id)
    status = grids.status(grid, progress)
    rate = answers_per_minute(session, grid.id) if status == "running" else 0.0
    left = progress.pending + progress.running
    waiting = {c.model for c in columns if c.held and c.held.state is HeldState.waiting}
    return {
        "grid": grid,
        "seq": grid.seq,
        "progress": progress,
        "spending": sum((c.spending for c in columns), Spending()),
        "status": status,
        "paused": grid.paused_at is not None and left > 0,
        "rate": rate,
        "to_test": len(waiting),
        "near_calls": near(grid.calls, grid.max_calls),
        "near_cost": near(grid.committed_usd, grid.max_cost_usd),
        "left_s": 60 * left / rate if rate else None,
    }


def render_changes(
    session: Session, grid: Grid, wanted: Iterable[Wanted], notice: Notice = NOTHING
) -> tuple[str, dict[Wanted, str]]:
    """The grid's status, and for each of ``wanted`` the fragments of what changed since.

    What they have in common is read once: the counts, which take a large grid most of the time.
    """
    columns, counts = load_counts(session, grid.id)
    common = head(session, grid, columns) | {
        "columns": columns,
        "counts": counts,
        "notice": notice,
    }
    rendered = {}
    for density, show, since in wanted:
        chips = load_changed(session, grid, since, columns, CHARACTERS[density])
        own = {"chips": chips, "density": density, "show": show}
        rendered[density, show, since] = render("partials/changes.html", **common, **own)
    return common["status"], rendered


def status_of(session: Session, grid: Grid) -> str:
    """running, paused, done, cancelled or stopped."""
    return grids.status(grid, grids.progress(session, grid.id))
