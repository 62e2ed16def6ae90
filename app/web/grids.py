"""The grid page, its live updates, and what one can do to a grid as a whole."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlmodel import Session

from app import grids
from app.costs import spending_of_grids
from app.gridqueries import answers_per_minute, load_changed, load_view
from app.gridview import CHARACTERS, Column, Density, Show
from app.providers import is_practice
from app.tables import Grid, HeldState
from app.web import actions
from app.web.api_shapes import CeilingInput, Wanted
from app.web.deps import (
    MAX_INTEGER,
    Form,
    GridHere,
    GridIdHere,
    MaybeReviewer,
    Reading,
    Server,
    Services,
    Since,
    decimal,
)
from app.web.problems import validated
from app.web.render import page, render

router = APIRouter()
POLL_S = 0.25


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
        **head(session, grid, density, view.columns),
        counts=view.counts,
    )


@router.get("/grids/{grid_id}/events", response_class=EventSourceResponse)
async def stream_grid(
    server: Server,
    grid_id: GridIdHere,
    since: Since = 0,
    density: Density = "chips",
    show: Show = "all",
    last_event_id: Annotated[int | None, Header(ge=0, le=MAX_INTEGER)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """What changed, as fragments with ids; ends with the event "done".

    Each event's id is the number of the last change it shows, read from the database: a browser
    that reconnects, even to another process, says where it was and misses nothing.
    """
    seen = since if last_event_id is None else last_event_id
    while not server.stopping.is_set():
        changes = await asyncio.to_thread(_changes, server, grid_id, seen, density, show)
        if changes["seq"] > seen:
            seen = changes["seq"]
            html = render("partials/changes.html", **changes)
            yield ServerSentEvent(raw_data=html, id=str(seen))
        if changes["status"] != "running":
            yield ServerSentEvent(event="done", raw_data=changes["status"], id=str(seen))
            return
        try:
            await asyncio.wait_for(server.stopping.wait(), POLL_S)
        except TimeoutError:
            continue


@router.get("/grids/{grid_id}/changes")
def poll_grid(
    server: Server, grid: GridHere, since: Since = 0, density: Density = "chips", show: Show = "all"
) -> Response:
    """The same fragments for browsers or proxies that do not carry the stream."""
    changes = _changes(server, grid.public_id, since, density, show)
    headers = {"X-Seq": str(changes["seq"]), "X-Status": changes["status"]}
    if changes["seq"] <= since:
        return HTMLResponse("", headers=headers)
    return page("partials/changes.html", headers=headers, **changes)


@router.post("/grids/{grid_id}/cancellation")
def cancel(server: Server, grid: GridHere, data: Form) -> Response:
    actions.cancel(server, grid.id, _wanted(data))
    return _back(grid, data)


@router.post("/grids/{grid_id}/reruns")
def rerun(server: Server, grid: GridHere, data: Form) -> Response:
    actions.rerun(server, grid.id, _wanted(data))
    return _back(grid, data)


@router.post("/grids/{grid_id}/pause")
def pause(server: Server, grid: GridHere) -> Response:
    actions.pause(server, grid.id)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


@router.post("/grids/{grid_id}/resumption")
def resume(server: Server, grid: GridHere) -> Response:
    actions.resume(server, grid.id)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


@router.post("/grids/{grid_id}/ceiling")
def set_ceilings(server: Server, grid: GridHere, data: Form) -> Response:
    """Let the grid make more calls or cost more, and go on where it was stopped."""
    calls, cost = (str(data.get(name, "")).strip() for name in ("max_calls", "max_cost_usd"))
    given = validated(CeilingInput, max_calls=calls or None, max_cost_usd=decimal(cost) or None)
    actions.set_ceilings(server, grid.id, given.max_calls, given.max_cost_usd)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


def _wanted(data: Form) -> Wanted:
    """``all`` and ``labelled`` are ticks."""
    given = {k: v for k, v in data.items() if k in ("answer", "extent")}
    return validated(Wanted, failed="all" not in data, labelled="labelled" in data, **given)


def _back(grid: Grid, data: Form) -> Response:
    """To the grid; to the answer that it was about, where there is one."""
    answer = str(data.get("answer", ""))
    place = f"#a-{answer}" if answer.isdecimal() else ""
    return RedirectResponse(f"/grids/{grid.public_id}{place}", status_code=303)


def head(
    session: Session, grid: Grid, density: Density, columns: Sequence[Column]
) -> dict[str, Any]:
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
        "spending": spending_of_grids(session, [grid.id])[grid.id],
        "status": status,
        "rate": rate,
        "to_test": len(waiting),
        "left_s": 60 * left / rate if rate else None,
        "density": density,
    }


def _changes(
    server: Services, grid_id: str, since: int, density: Density, show: Show
) -> dict[str, Any]:
    with server.database.read() as session:
        grid = grids.get_grid(session, grid_id)
        if grid.seq <= since:
            return {"seq": grid.seq, "status": grids.status(grid, grids.progress(session, grid.id))}
        chips, columns, counts = load_changed(session, grid, since, CHARACTERS[density])
        found = head(session, grid, density, columns)
        return found | {"chips": chips, "columns": columns, "counts": counts, "show": show}
