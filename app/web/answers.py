"""One answer: its drawer, and the label a reviewer gives it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from app.answerview import (
    AnswerLook,
    AnswerText,
    candidates,
    compare,
    load_answer,
    neighbours,
    siblings,
)
from app.errors import NotFound
from app.gridview import Density, Show
from app.labels import clear_label, set_label
from app.markdown import markdown
from app.prompts import Text
from app.tables import Answer, Grid, LabelValue, Reviewer
from app.web.changes import render_changes
from app.web.deps import (
    MAX_INTEGER,
    AnswerId,
    Form,
    GridHere,
    IsHtmx,
    KnownReviewer,
    MaybeReviewer,
    Reading,
    Server,
    Services,
    Since,
)
from app.web.problems import validated
from app.web.render import page

router = APIRouter()


class LabelForm(BaseModel):
    value: LabelValue
    note: Text | None = None


Mark = Annotated[int | None, Query(ge=1, le=MAX_INTEGER)]
BY_KIND = {"Vary": "HX-Request"}  # a page, or a piece of one


@router.get("/grids/{grid_id}/answers/{answer_id}")
def show_answer(
    grid: GridHere,
    answer_id: AnswerId,
    session: Reading,
    reviewer: MaybeReviewer,
    htmx: IsHtmx,
    text: AnswerText = "plain",
    mark: Mark = None,
) -> Response:
    """The drawer for the grid page, or a page of its own where there are no scripts."""
    shown = _drawer(session, grid, answer_id, reviewer, AnswerLook(text, mark))
    if htmx:
        return page("partials/drawer.html", headers=BY_KIND, alone=False, **shown)
    row = siblings(session, grid.id, shown["prompt"].id)
    around = neighbours(session, shown["answer"], row)
    return page("pages/answer.html", headers=BY_KIND, alone=True, around=around, **shown)


@router.get("/grids/{grid_id}/answers/{answer_id}/diff/{other_id}")
def show_diff(
    grid: GridHere,
    answer_id: AnswerId,
    other_id: AnswerId,
    session: Reading,
    reviewer: MaybeReviewer,
    htmx: IsHtmx,
) -> Response:
    """What differs between two answers, in the drawer or as a page."""
    template = "partials/diff.html" if htmx else "pages/diff.html"
    two = compare(session, grid, answer_id, other_id)
    return page(template, headers=BY_KIND, alone=not htmx, grid=grid, two=two, reviewer=reviewer)


@router.put("/answers/{answer_id}/label")
def put_label(
    server: Server,
    answer_id: AnswerId,
    data: Form,
    reviewer: KnownReviewer,
    since: Since = 0,
    density: Density = "chips",
    show: Show = "all",
) -> Response:
    given = _given(data)
    with server.database.write() as session:
        set_label(session, answer_id, reviewer, given.value, given.note)
        session.commit()
    return _changed(server, answer_id, since, density, show)


@router.delete("/answers/{answer_id}/label")
def delete_label(
    server: Server,
    answer_id: AnswerId,
    reviewer: KnownReviewer,
    since: Since = 0,
    density: Density = "chips",
    show: Show = "all",
) -> Response:
    with server.database.write() as session:
        clear_label(session, answer_id, reviewer)
        session.commit()
    return _changed(server, answer_id, since, density, show)


@router.post("/answers/{answer_id}/label")
def post_label(
    server: Server, answer_id: AnswerId, data: Form, reviewer: MaybeReviewer
) -> Response:
    """The drawer's form without scripts: label, then back to the answer."""
    with server.database.read() as reading:
        answer = reading.get(Answer, answer_id)
        grid = reading.get(Grid, answer.grid_id) if answer else None
    if grid is None:
        raise NotFound("There is no such answer.")
    back = f"/grids/{grid.public_id}/answers/{answer_id}"
    if reviewer is None:
        return page("pages/reviewer.html", next=back, reviewer=None)
    with server.database.write() as session:
        if data.get("value") == "none":
            clear_label(session, answer_id, reviewer)
        else:
            given = _given(data)
            set_label(session, answer_id, reviewer, given.value, given.note)
        session.commit()
    return RedirectResponse(back, status_code=303)


def _given(data: Form) -> LabelForm:
    return validated(LabelForm, **{k: v for k, v in data.items() if k in ("value", "note")})


def _changed(
    server: Services, answer_id: int, since: int, density: Density, show: Show
) -> Response:
    """The fragments of what this label changed, and of what others changed since ``since``."""
    with server.database.read() as session:
        answer = session.get_one(Answer, answer_id)
        grid = session.get_one(Grid, answer.grid_id)
        wanted = (density, show, min(since, answer.seq - 1))
        notice = server.runner_notice(grid.id)
        _, fragments = render_changes(session, grid, [wanted], notice)
    return HTMLResponse(fragments[wanted], headers={"X-Seq": str(grid.seq)})


def _drawer(
    session: Session, grid: Grid, answer_id: int, reviewer: Reviewer | None, look: AnswerLook
) -> dict[str, Any]:
    view = load_answer(session, grid, answer_id)
    attempt = view.attempt
    to_choose, marked = [], None
    if look.mark == answer_id:
        to_choose = candidates(siblings(session, grid.id, view.prompt.id), answer_id)
    elif look.mark is not None:
        marked = load_answer(session, grid, look.mark)
    return {
        "grid": grid,
        "answer": view.answer,
        "chip": view.chip,
        "prompt": view.prompt,
        "column": view.column,
        "attempt": attempt,
        "attempts": view.attempts,
        "labels": view.labels,
        "own": next((la for la, r in view.labels if reviewer and r.id == reviewer.id), None),
        "reviewer": reviewer,
        "look": look,
        "as_markdown": markdown(attempt.text) if attempt and look.text == "markdown" else None,
        "to_choose": to_choose,
        "marked": marked,
    }
