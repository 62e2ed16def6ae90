"""One answer, whole: its drawer."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlmodel import Session, col, select

from app.errors import NotFound
from app.gridqueries import load_columns
from app.tables import Answer, Attempt, Grid, Prompt, Reviewer
from app.web.deps import AnswerId, GridHere, IsHtmx, MaybeReviewer, Reading
from app.web.labels import labels_part
from app.web.render import page

router = APIRouter()


@router.get("/grids/{grid_id}/answers/{answer_id}")
def show_answer(
    grid: GridHere, answer_id: AnswerId, session: Reading, reviewer: MaybeReviewer, htmx: IsHtmx
) -> Response:
    """The drawer for the grid page, or a page of its own where there are no scripts."""
    template = "partials/drawer.html" if htmx else "pages/answer.html"
    return page(
        template, headers={"Vary": "HX-Request"}, **_drawer(session, grid, answer_id, reviewer)
    )


def _drawer(
    session: Session, grid: Grid, answer_id: int, reviewer: Reviewer | None
) -> dict[str, Any]:
    answer = session.get(Answer, answer_id)
    if answer is None or answer.grid_id != grid.id:
        raise NotFound("This grid has no such answer.")
    attempts = session.exec(
        select(Attempt).where(Attempt.answer_id == answer_id).order_by(col(Attempt.number))
    ).all()
    attempt = next((a for a in attempts if a.id == answer.attempt_id), None)
    column = next(
        c
        for c in load_columns(session, answer.grid_id)
        if c.variant.id == answer.variant_id and c.model == answer.model
    )
    return {
        "grid": grid,
        "prompt": session.get_one(Prompt, answer.prompt_id),
        "column": column,
        "attempt": attempt,
        "attempts": attempts,
        **labels_part(session, answer, reviewer),
    }
