"""What one can do to a grid that exists: cancel, run again, pause, resume, raise its ceilings.

With scripts these answer with what changed, and the page stays where it is; without, they lead
back to it.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from app.control import Extent, Labelled
from app.errors import InvalidInput
from app.grid.shape import column_of
from app.pricing.estimates import Estimator
from app.reruns import preview
from app.tables import MAX_INTEGER, Answer, Grid, Prompt
from app.web import actions, changes
from app.web.api_shapes import CeilingInput, Wanted
from app.web.deps import (
    ByHere,
    Form,
    IsHtmx,
    LookHere,
    MaybeReviewer,
    OpenGrid,
    Reading,
    ReviewerIdHere,
    Server,
    Services,
    look_and_since,
)
from app.web.problems import validated
from app.web.render import page
from app.web.typed import count_typed, decimal
from app.web.who import OWNER, needs

router = APIRouter(prefix="/grids/{grid_id}", dependencies=[needs(OWNER)])
EXTENTS: dict[Extent, str] = {
    "answer": "Answer",
    "cell": "Cell",
    "row": "Row",
    "column": "Column",
    "grid": "Whole grid",
}
# Wherever it was asked for, the page shows it there; its script opens it on the event.
IN_DIALOG = {"HX-Retarget": "#choice", "HX-Reswap": "innerHTML", "HX-Trigger": "choice"}


@router.get("/reruns")
def show_reruns(
    server: Server,
    grid: OpenGrid,
    session: Reading,
    reviewer: MaybeReviewer,
    htmx: IsHtmx,
    look: LookHere,
    answer: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
    extent: Extent = "answer",
) -> Response:
    """What can be done to an answer, its cell, row or column, or the grid, and what that means."""
    wanted = Wanted(answer=answer, extent=extent)
    return _choice(server, session, grid, wanted, htmx, look=look, reviewer=reviewer)


def _choice(
    server: Services, session: Session, grid: Grid, wanted: Wanted, htmx: bool, **shown: Any
) -> Response:
    scope = wanted.scope(session, grid)
    estimator = Estimator(session, server.prices, server.providers)
    left = None if grid.max_calls is None else max(grid.max_calls - grid.calls, 0)
    return page(
        "partials/reruns.html" if htmx else "pages/reruns.html",
        headers={"Vary": "HX-Request", **(IN_DIALOG if htmx else {})},
        grid=grid,
        answer=wanted.answer,
        extent="grid" if scope.whole else wanted.extent,
        extents=EXTENTS,
        what=_around(session, wanted.answer),
        preview=preview(session, estimator, grid, scope),
        calls_left=left,
        **shown,
    )


@dataclass(frozen=True)
class Act:
    """A form by which something is done to a grid."""

    server: Server
    grid: OpenGrid
    data: Form
    htmx: IsHtmx
    reviewer_id: ReviewerIdHere
    by: ByHere

    def done(self) -> Response:
        """What changed that the page does not know, or the way back to the grid as it was shown."""
        look, since = look_and_since(self.data)
        if not self.htmx:
            answer = _wanted(self.data).answer
            query = "&".join(filter(None, [look.query(), f"at={answer}" if answer else ""]))
            anchor = f"#a-{answer}" if answer else ""
            address = f"/grids/{self.grid.public_id}{'?' if query else ''}{query}{anchor}"
            return RedirectResponse(address, status_code=303)
        with self.server.database.read() as session:
            now = session.get_one(Grid, self.grid.id)
            known = changes.Wanted(look, self.reviewer_id, min(since, now.seq - 1))
            piece = changes.answer_changes(session, now, known, self.server.runner_notice(now.id))
        piece.headers["HX-Trigger"] = "acted"  # the dialog it was chosen in has done its work
        return piece


ActHere = Annotated[Act, Depends()]


@router.post("/reruns")
def rerun(act: ActHere, session: Reading, reviewer: MaybeReviewer) -> Response:
    """Where all of it carries labels: what that means, to be agreed to."""
    wanted = _wanted(act.data)
    try:
        actions.rerun(act.server, act.by, act.grid.id, wanted)
    except Labelled:
        look, _ = look_and_since(act.data)
        shown = {"look": look, "reviewer": reviewer}
        return _choice(act.server, session, act.grid, wanted, act.htmx, **shown)
    return act.done()


@router.post("/cancellation")
def cancel(act: ActHere) -> Response:
    actions.cancel(act.server, act.by, act.grid.id, _wanted(act.data))
    return act.done()


@router.post("/pause")
def pause(act: ActHere) -> Response:
    actions.pause(act.server, act.by, act.grid.id)
    return act.done()


@router.post("/resumption")
def resume(act: ActHere) -> Response:
    actions.resume(act.server, act.by, act.grid.id)
    return act.done()


@router.post("/ceiling")
def set_ceilings(
    server: Server, grid: OpenGrid, reviewer: MaybeReviewer, by: ByHere, data: Form
) -> Response:
    """Let the grid make more calls or cost more, and go on where it was stopped."""
    calls, cost = (str(data.get(name, "")).strip() for name in ("max_calls", "max_cost_usd"))
    try:
        most_calls, most_usd = count_typed(calls) or None, decimal(cost) or None
        given = validated(CeilingInput, max_calls=most_calls, max_cost_usd=most_usd)
        actions.set_ceilings(server, by, grid.id, given.max_calls, given.max_cost_usd)
    except InvalidInput as exc:
        if grid.stopped_at is None:  # its page has no such form
            raise
        shown: dict[str, Any] = {"grid": grid, "error": str(exc), "typed": calls or cost}
        return page("pages/ceiling.html", exc.status, reviewer=reviewer, **shown)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


def _wanted(data: Form) -> Wanted:
    """``all`` and ``labelled`` are ticks."""
    given = {k: v for k, v in data.items() if k in ("answer", "extent") and v}
    return validated(Wanted, failed="all" not in data, labelled="labelled" in data, **given)


def _around(session: Session, answer_id: int | None) -> dict[str, Any]:
    """What stands around an answer of a grid, to name it by."""
    answer = session.get(Answer, answer_id) if answer_id else None
    if answer is None:
        return {}
    prompt = session.get_one(Prompt, answer.prompt_id)
    return {"answer": answer, "column": column_of(session, answer), "prompt": prompt}
