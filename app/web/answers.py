"""One answer: its drawer, and the label a reviewer gives it."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session, col, select

from app.errors import NotFound
from app.gridqueries import load_chip, load_columns
from app.labels import clear_label, labels_of, set_label
from app.look import Look
from app.prompts import Text
from app.tables import Answer, Attempt, Grid, LabelValue, Prompt, Reviewer
from app.web.changes import render_changes
from app.web.deps import (
    AnswerId,
    Form,
    GridHere,
    IsHtmx,
    KnownReviewer,
    LookHere,
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


@router.get("/grids/{grid_id}/answers/{answer_id}")
def show_answer(
    grid: GridHere, answer_id: AnswerId, session: Reading, reviewer: MaybeReviewer, htmx: IsHtmx
) -> Response:
    """The drawer for the grid page, or a page of its own where there are no scripts."""
    template = "partials/drawer.html" if htmx else "pages/answer.html"
    return page(
        template, headers={"Vary": "HX-Request"}, **_drawer(session, grid, answer_id, reviewer)
    )


@router.put("/answers/{answer_id}/label")
def put_label(
    server: Server,
    answer_id: AnswerId,
    data: Form,
    reviewer: KnownReviewer,
    look: LookHere,
    since: Since = 0,
) -> Response:
    given = _given(data)
    with server.database.write() as session:
        set_label(session, answer_id, reviewer, given.value, given.note)
        session.commit()
    return _changed(server, answer_id, since, look, reviewer)


@router.delete("/answers/{answer_id}/label")
def delete_label(
    server: Server,
    answer_id: AnswerId,
    reviewer: KnownReviewer,
    look: LookHere,
    since: Since = 0,
) -> Response:
    with server.database.write() as session:
        clear_label(session, answer_id, reviewer)
        session.commit()
    return _changed(server, answer_id, since, look, reviewer)


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
    server: Services, answer_id: int, since: int, look: Look, reviewer: Reviewer
) -> Response:
    """The fragments of what this label changed, and of what others changed since ``since``."""
    with server.database.read() as session:
        answer = session.get_one(Answer, answer_id)
        grid = session.get_one(Grid, answer.grid_id)
        wanted = (look, reviewer.id, min(since, answer.seq - 1))
        notice = server.runner_notice(grid.id)
        _, fragments = render_changes(session, grid, [wanted], notice)
    return HTMLResponse(fragments[wanted], headers={"X-Seq": str(grid.seq)})


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
    labels = labels_of(session, [answer_id]).get(answer_id, [])
    return {
        "grid": grid,
        "answer": answer,
        "chip": load_chip(session, answer),
        "prompt": session.get_one(Prompt, answer.prompt_id),
        "column": column,
        "attempt": attempt,
        "attempts": attempts,
        "labels": labels,
        "own": next((la for la, r in labels if reviewer and r.id == reviewer.id), None),
        "reviewer": reviewer,
    }
