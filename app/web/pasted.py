"""Pasting what chat windows said, cell by cell."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from app.errors import BluffcheckError, InvalidInput
from app.grid.shape import load_columns
from app.pasted import (
    BETWEEN,
    PasteInput,
    first_without,
    paste,
    places,
    products,
    split_answers,
    take_out,
)
from app.people.audit import note
from app.pubid import is_public_id, new_public_id
from app.tables import MAX_INTEGER, Grid, storable
from app.web.api import PROBLEMS
from app.web.deps import (
    AnswerToLabel,
    ByHere,
    Form,
    GridToLabel,
    MaybeReviewer,
    Reading,
    Server,
)
from app.web.problems import validated
from app.web.render import page
from app.web.typed import whole
from app.web.who import REVIEWER, needs

pages = APIRouter(dependencies=[needs(REVIEWER)])
api = APIRouter(prefix="/api", tags=["api"], responses=PROBLEMS, dependencies=[needs(REVIEWER)])
FIELDS = ("product", "variant", "prompt", "answer", "thinking", "asked_on", "search", "source")


class Pasted(BaseModel):
    answers: list[int]  # their ids


@pages.get("/grids/{grid_id}/pasted")
def show_paste(
    grid: GridToLabel,
    session: Reading,
    reviewer: MaybeReviewer,
    product: Annotated[str, Query(max_length=80)] = "",
    variant: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
    prompt: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
    saved: int = 0,
) -> Response:
    """One cell: what to send to the chat window, and room for what it says."""
    typed = dict.fromkeys(FIELDS, "") | {"product": product, "search": "unknown"}
    if variant is not None:
        typed["variant"] = str(variant)
    if prompt is not None:
        typed["prompt"] = str(prompt)
    return paste_page(session, grid, reviewer, typed, saved=saved)


@pages.post("/grids/{grid_id}/pasted")
def save_paste(
    server: Server,
    grid: GridToLabel,
    session: Reading,
    reviewer: MaybeReviewer,
    by: ByHere,
    data: Form,
) -> Response:
    typed = {name: str(data.get(name, "")) for name in FIELDS}
    form_id = str(data.get("form_id", ""))
    try:
        given = _given(typed)
        with server.database.write() as writing:
            here = writing.get_one(Grid, grid.id)
            known = form_id if is_public_id(form_id) else ""
            saved = len(paste(writing, here, given, _name(reviewer), known))
            note(writing, by, "pasted", "grid", grid.public_id, f"{saved} answers")
            writing.commit()
    except BluffcheckError as exc:
        return paste_page(session, grid, reviewer, typed, error=str(exc), status=exc.status)
    with server.database.read() as after:
        found = places(after, grid, given.variant, given.product)
    following = first_without(found, given.prompt) or found[given.prompt % len(found)]
    there = {"product": given.product, "variant": given.variant, "prompt": following.number}
    address = f"/grids/{grid.public_id}/pasted?{urlencode(there | {'saved': saved})}#answer"
    return RedirectResponse(address, status_code=303)


@pages.post("/answers/{answer_id}/removal")
def remove_pasted(server: Server, answer_id: AnswerToLabel, by: ByHere) -> Response:
    """Take a pasted answer out again."""
    with server.database.write() as session:
        answer = take_out(session, answer_id)
        note(session, by, "pasted", "answer", answer_id, "taken out")
        public_id = session.get_one(Grid, answer.grid_id).public_id
        session.commit()
    return RedirectResponse(f"/grids/{public_id}?at={answer_id}#a-{answer_id}", status_code=303)


@api.post("/grids/{grid_id}/pasted", status_code=201)
def add_pasted(
    server: Server, grid: GridToLabel, given: PasteInput, reviewer: MaybeReviewer, by: ByHere
) -> Pasted:
    """Add what a chat window said to one prompt under one variant, as further repeats.

    The column is called `pasted/` and the product. These answers are labelled and counted like
    others, and never called for.
    """
    with server.database.write() as session:
        answers = paste(session, session.get_one(Grid, grid.id), given, _name(reviewer))
        note(session, by, "pasted", "grid", grid.public_id, f"{len(answers)} answers")
        session.commit()
        return Pasted(answers=[answer.id for answer in answers])


def paste_page(
    session: Session,
    grid: Grid,
    reviewer: MaybeReviewer,
    typed: dict[str, str],
    *,
    error: str = "",
    status: int = 200,
    saved: int = 0,
) -> Response:
    variants = {column.variant.id: column for column in load_columns(session, grid.id)}
    number = whole(typed["variant"])
    chosen = number if number in variants else next(iter(variants))
    found = places(session, grid, chosen, storable(typed["product"]))
    row = whole(typed["prompt"]) or 0
    place = found[row - 1] if 0 < row <= len(found) else first_without(found) or found[0]
    known: dict[str, Any] = {"typed": typed | {"variant": str(chosen)}, "places": found}
    return page(
        "pages/pasted.html",
        status_code=status,
        grid=grid,
        reviewer=reviewer,
        variants=variants,
        place=place,
        products=products(session, grid.id),
        between=BETWEEN,
        form_id=new_public_id(),
        error=error,
        saved=saved,
        **known,
    )


def _given(typed: dict[str, str]) -> PasteInput:
    answers = split_answers(typed["answer"])
    if not answers:
        raise InvalidInput("Paste what it said. An empty reply is no answer of a chat window.")
    return validated(
        PasteInput,
        prompt=typed["prompt"],
        variant=typed["variant"],
        product=typed["product"],
        answers=answers,
        thinking=typed["thinking"].replace("\r\n", "\n"),
        asked_on=typed["asked_on"] or None,
        search=typed["search"] or "unknown",
        source=typed["source"].strip(),
    )


def _name(reviewer: MaybeReviewer) -> str:
    return reviewer.name if reviewer else ""
