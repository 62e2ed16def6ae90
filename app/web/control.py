"""What one can do to a grid that exists: cancel, run again, pause, resume, raise its ceilings.

With scripts these answer with what changed, and the page stays where it is; without, they lead
back to it.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlmodel import Session

from app.control import Extent
from app.estimates import Estimator
from app.gridqueries import load_columns
from app.look import Look
from app.reruns import preview
from app.tables import Answer, Grid, Prompt
from app.web import actions
from app.web.api_shapes import CeilingInput, Wanted
from app.web.changes import render_changes
from app.web.deps import (
    MAX_INTEGER,
    Form,
    GridHere,
    IsHtmx,
    LookHere,
    MaybeReviewer,
    Reading,
    ReviewerIdHere,
    Server,
    Services,
    Since,
    decimal,
)
from app.web.problems import validated
from app.web.render import page

router = APIRouter(prefix="/grids/{grid_id}")
EXTENTS: dict[Extent, str] = {
    "answer": "Answer",
    "cell": "Cell",
    "row": "Row",
    "column": "Column",
    "grid": "Whole grid",
}


@router.get("/reruns")
def show_reruns(
    server: Server,
    grid: GridHere,
    session: Reading,
    reviewer: MaybeReviewer,
    htmx: IsHtmx,
    look: LookHere,
    answer: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
    extent: Extent = "answer",
) -> Response:
    """What can be done to an answer, its cell, row or column, or the grid, and what that means."""
    wanted = Wanted(answer=answer, extent=extent)
    scope = wanted.scope(session, grid)
    estimator = Estimator(session, server.prices, server.providers)
    found = preview(session, estimator, grid, scope)
    left = None if grid.max_calls is None else max(grid.max_calls - grid.calls, 0)
    return page(
        "partials/reruns.html" if htmx else "pages/reruns.html",
        headers={"Vary": "HX-Request"},
        grid=grid,
        answer=answer,
        extent="grid" if scope.whole else extent,
        extents=EXTENTS,
        what=_around(session, answer),
        preview=found,
        calls_left=left,
        look=look,
        reviewer=reviewer,
    )


@router.post("/reruns")
def rerun(
    server: Server,
    grid: GridHere,
    data: Form,
    htmx: IsHtmx,
    reviewer_id: ReviewerIdHere,
    since: Since = 0,
) -> Response:
    actions.rerun(server, grid.id, _wanted(data))
    return _done(server, grid, data, since if htmx else None, reviewer_id)


@router.post("/cancellation")
def cancel(
    server: Server,
    grid: GridHere,
    data: Form,
    htmx: IsHtmx,
    reviewer_id: ReviewerIdHere,
    since: Since = 0,
) -> Response:
    actions.cancel(server, grid.id, _wanted(data))
    return _done(server, grid, data, since if htmx else None, reviewer_id)


@router.post("/pause")
def pause(
    server: Server,
    grid: GridHere,
    data: Form,
    htmx: IsHtmx,
    reviewer_id: ReviewerIdHere,
    since: Since = 0,
) -> Response:
    actions.pause(server, grid.id)
    return _done(server, grid, data, since if htmx else None, reviewer_id)


@router.post("/resumption")
def resume(
    server: Server,
    grid: GridHere,
    data: Form,
    htmx: IsHtmx,
    reviewer_id: ReviewerIdHere,
    since: Since = 0,
) -> Response:
    actions.resume(server, grid.id)
    return _done(server, grid, data, since if htmx else None, reviewer_id)


@router.post("/ceiling")
def set_ceilings(server: Server, grid: GridHere, data: Form) -> Response:
    """Let the grid make more calls or cost more, and go on where it was stopped."""
    calls, cost = (str(data.get(name, "")).strip() for name in ("max_calls", "max_cost_usd"))
    given = validated(CeilingInput, max_calls=calls or None, max_cost_usd=decimal(cost) or None)
    actions.set_ceilings(server, grid.id, given.max_calls, given.max_cost_usd)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


def _wanted(data: Form) -> Wanted:
    """``all`` and ``labelled`` are ticks."""
    given = {k: v for k, v in data.items() if k in ("answer", "extent") and v}
    return validated(Wanted, failed="all" not in data, labelled="labelled" in data, **given)


def _done(
    server: Services, grid: Grid, data: Form, since: int | None, reviewer_id: int | None
) -> Response:
    """What changed after ``since``, or the way back to the grid as it was shown."""
    look = Look.parse(data.multi_items())
    if since is None:
        answer = _wanted(data).answer
        query = "&".join(filter(None, [look.query(), f"at={answer}" if answer else ""]))
        anchor = f"#a-{answer}" if answer else ""
        address = f"/grids/{grid.public_id}{'?' if query else ''}{query}{anchor}"
        return RedirectResponse(address, status_code=303)
    with server.database.read() as session:
        now = session.get_one(Grid, grid.id)
        wanted = (look, reviewer_id, min(since, now.seq - 1))
        _, fragments = render_changes(session, now, [wanted], server.runner_notice(grid.id))
        return HTMLResponse(fragments[wanted], headers={"X-Seq": str(now.seq)})


def _around(session: Session, answer_id: int | None) -> dict[str, Any]:
    """What stands around an answer of a grid, to name it by."""
    answer = session.get(Answer, answer_id) if answer_id else None
    if answer is None:
        return {}
    columns = load_columns(session, answer.grid_id)
    key = (answer.model, answer.variant_id)
    column = next(c for c in columns if (c.model, c.variant.id) == key)
    prompt = session.get_one(Prompt, answer.prompt_id)
    return {"answer": answer, "column": column, "prompt": prompt}
