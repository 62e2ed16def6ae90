"""What changed in a grid, as fragments: for streams, for polls, and for whoever gave a label."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from fastapi.responses import HTMLResponse, Response
from sqlmodel import Session

from app import grids
from app.grid.look import Look
from app.grid.queries import load_changed
from app.grid.shape import Shape, answers_per_minute, load_shape
from app.origins import origin_of
from app.pricing.ceilings import near
from app.pricing.money import Spending
from app.tables import Grid, HeldState
from app.web.notices import NOTHING, Notice
from app.web.render import render


class Wanted(NamedTuple):
    """How a page looks at its grid, and what it knows of it."""

    look: Look
    reviewer_id: int | None
    since: int  # the last change
    rows: str = ""  # those that it shows, as ``Shape.rows_mark``; empty: they do not matter


def head(session: Session, shape: Shape) -> dict[str, Any]:
    """What the progress partial needs."""
    grid, columns, progress = shape.grid, shape.columns, shape.progress
    status = grids.status(grid, progress)
    rate = answers_per_minute(session, grid.id) if status == "running" else 0.0
    left = progress.pending + progress.running
    waiting = {
        c.model
        for c in columns
        if c.held and c.held.state is HeldState.waiting and c.tally.waiting  # not cancelled
    }
    return {
        "grid": grid,
        "origin": origin_of(session, grid),
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
    for it in wanted:
        shape = load_shape(session, grid, it.look, it.reviewer_id)
        common = common or head(session, shape) | {"notice": notice}
        chips, minis = load_changed(session, shape, it.since)
        own = {
            "shape": shape,
            "look": it.look,
            "rows_known": bool(it.rows),
            "more_rows": shape.more_rows(it.rows) if it.rows else None,
            "chips": chips,
            "minis": minis,
            "matches": shape.matches,
        }
        rendered[it] = render("partials/changes.html", **common, **own)
    return common["status"] if common else status_of(session, grid), rendered


def answer_changes(
    session: Session, grid: Grid, wanted: Wanted, notice: Notice, said: str = ""
) -> Response:
    """What changed since, for the page that asked, and what is to be ``said`` there."""
    status, fragments = render_changes(session, grid, [wanted], notice)
    html = fragments[wanted] + (render("partials/said.html", said=said) if said else "")
    return HTMLResponse(html, headers={"X-Seq": str(grid.seq), "X-Status": status})


def status_of(session: Session, grid: Grid) -> str:
    """running, paused, done, cancelled or stopped."""
    return grids.status(grid, grids.progress(session, grid.id))
