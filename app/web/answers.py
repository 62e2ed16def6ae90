"""One answer, whole: its drawer, and what differs between two."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlmodel import Session

from app.grid.answer import (
    AnswerLook,
    AnswerText,
    candidates,
    compare,
    load_answer,
    neighbours,
    siblings,
)
from app.markdown import markdown
from app.tables import MAX_INTEGER, Grid, Reviewer
from app.web.deps import (
    AnswerId,
    GridHere,
    IsHtmx,
    MaybeReviewer,
    Reading,
    may_label_here,
)
from app.web.labels import labels_part
from app.web.render import page
from app.web.who import READER, PersonHere, needs

router = APIRouter(dependencies=[needs(READER)])


Mark = Annotated[int | None, Query(ge=1, le=MAX_INTEGER)]
BY_KIND = {"Vary": "HX-Request"}  # a page, or a piece of one


@router.get("/grids/{grid_id}/answers/{answer_id}")
def show_answer(
    grid: GridHere,
    answer_id: AnswerId,
    session: Reading,
    reviewer: MaybeReviewer,
    person: PersonHere,
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
    return page(
        "pages/answer.html",
        headers=BY_KIND,
        alone=True,
        around=around,
        may_label=may_label_here(grid, session, person),
        **shown,
    )


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
        "prompt": view.prompt,
        "column": view.column,
        "attempt": attempt,
        "attempts": view.attempts,
        "look": look,
        "as_markdown": markdown(attempt.text) if attempt and look.text == "markdown" else None,
        "to_choose": to_choose,
        "marked": marked,
        **labels_part(session, view.answer, view.chip, view.labels, reviewer),
    }
