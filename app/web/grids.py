"""The grid page and its live updates."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import HTMLResponse, Response

from app.gridqueries import load_view
from app.gridview import CHARACTERS, Density, Show
from app.providers import is_practice
from app.web.changes import head, render_changes, status_of
from app.web.deps import (
    MAX_INTEGER,
    GridHere,
    GridIdHere,
    MaybeReviewer,
    Reading,
    Server,
    Since,
)
from app.web.live import View
from app.web.render import page
from app.web.streams import EventStream

router = APIRouter()


@router.get("/grids/{grid_id}")
def show_grid(
    server: Server,
    grid: GridHere,
    session: Reading,
    reviewer: MaybeReviewer,
    show: Show = "all",
    density: Density = "chips",
) -> Response:
    view = load_view(session, grid, show, CHARACTERS[density])
    return page(
        "pages/grid.html",
        view=view,
        show=show,
        reviewer=reviewer,
        practice=any(is_practice(c.model, server.providers) for c in view.columns),
        notice=server.runner_notice(grid.id),
        density=density,
        **head(session, grid, view.columns),
        counts=view.counts,
    )


@router.get("/grids/{grid_id}/events")
def stream_grid(
    server: Server,
    grid_id: GridIdHere,
    since: Since = 0,
    density: Density = "chips",
    show: Show = "all",
    rows: Annotated[str | None, Query(pattern=r"^[1-9]\d{0,6}-\d{1,7}$")] = None,
    open_: Annotated[int | None, Query(alias="open", ge=1, le=MAX_INTEGER)] = None,
    stay: bool = False,
    last_event_id: Annotated[int | None, Header(ge=0, le=MAX_INTEGER)] = None,
) -> Response:
    """What changed, as fragments with ids; ends with the event "done", unless it is to ``stay``.

    Each event's id is the number of the last change it shows, read from the database: a browser
    that reconnects, even to another process, says where it was and misses nothing. Events "partial"
    hold the text so far of running answers, by id: of those in ``rows``, and of the ``open`` one.
    """
    first, _, last = (rows or "").partition("-")
    view = View(density, show, (int(first), int(last)) if rows else None, open_, stay)
    return EventStream(
        server.live, grid_id, view, since if last_event_id is None else last_event_id
    )


@router.get("/grids/{grid_id}/changes")
def poll_grid(
    server: Server,
    grid: GridHere,
    session: Reading,
    since: Since = 0,
    density: Density = "chips",
    show: Show = "all",
    noticed: bool = False,
) -> Response:
    """The same fragments for pages that hold no stream. ``noticed``: a notice is shown there."""
    notice = server.runner_notice(grid.id)
    headers = {"X-Seq": str(grid.seq)}
    if grid.seq <= since:
        headers["X-Status"] = status_of(session, grid)
        if notice or noticed:
            return page("partials/notices.html", headers=headers, notice=notice)
        return HTMLResponse("", headers=headers)
    wanted = (density, show, since)
    headers["X-Status"], fragments = render_changes(session, grid, [wanted], notice)
    return HTMLResponse(fragments[wanted], headers=headers)
