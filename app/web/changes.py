"""What changed in a grid, as fragments: for streams, for polls, and for whoever gave a label."""

from collections.abc import Iterable
from typing import Any

from fastapi.responses import HTMLResponse, Response
from sqlmodel import Session

from app import grids
from app.ceilings import near
from app.gridqueries import load_changed
from app.gridshape import Shape, answers_per_minute, load_shape
from app.look import Look
from app.money import Spending
from app.origins import origin_of
from app.tables import Grid, HeldState
from app.web.notices import NOTHING, Notice
from app.web.render import render

# How the grid is looked at, by which reviewer, and the last change that is known.
Wanted = tuple[Look, int | None, int]


def head(session: Session, shape: Shape) -> dict[str, Any]:
    """What the progress partial needs."""
    grid, columns, progress = shape.grid, shape.columns, shape.progress
    status = grids.status(grid, progress)
    rate = answers_per_minute(session, grid.id) if status == "running" else 0.0
    left = progress.pending + progress.running
    waiting = {c.model for c in columns if c.held and c.held.state is HeldState.waiting}
    return {
        "grid": grid,
        "origin": origin_of(session, grid.id) if grid.imported else None,
        "seq": grid.seq,
        "progress": progress,
        "spending": sum((c.tally.spending for c in columns), Spending()),
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

    What they have in common is read once: the facts, which take a large grid most of the time.
    """
    rendered = {}
    common: dict[str, Any] = {}
    for look, reviewer_id, since in wanted:
        shape = load_shape(session, grid, look, reviewer_id)
        common = common or head(session, shape) | {"notice": notice}
        chips, minis = load_changed(session, shape, since)
        own = {
            "shape": shape,
            "look": look,
            "chips": chips,
            "minis": minis,
            "matches": shape.matches,
        }
        rendered[look, reviewer_id, since] = render("partials/changes.html", **common, **own)
    return common["status"] if common else status_of(session, grid), rendered


def answer_changes(session: Session, grid: Grid, wanted: Wanted, notice: Notice) -> Response:
    """What changed since, for the page that asked."""
    status, fragments = render_changes(session, grid, [wanted], notice)
    return HTMLResponse(fragments[wanted], headers={"X-Seq": str(grid.seq), "X-Status": status})


def status_of(session: Session, grid: Grid) -> str:
    """running, paused, done, cancelled or stopped."""
    return grids.status(grid, grids.progress(session, grid.id))
