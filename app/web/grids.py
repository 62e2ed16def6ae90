"""The grid page, its rows, and its live updates."""

import math
import secrets
from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Header, Query
from fastapi.responses import PlainTextResponse, Response

from app.grid.found import labelled_by, reviewers_of
from app.grid.places import Step, next_unlabelled, row_of
from app.grid.queries import load_numbered, load_view
from app.grid.shape import Shape, load_shape
from app.grid.view import BLOCK_ROWS
from app.grids import snapshot_of
from app.providers import is_practice
from app.reviewing.queries import load_equal
from app.tables import MAX_INTEGER, Grid
from app.web.changes import Wanted, answer_changes, head, status_of
from app.web.deps import (
    BROWSER_COOKIE,
    GridHere,
    GridIdHere,
    LookHere,
    MaybeReviewer,
    MayLabel,
    Reading,
    ReviewerIdHere,
    Server,
    Since,
)
from app.web.keys import GRID, KeysHere
from app.web.live import View
from app.web.render import page
from app.web.streams import EventStream
from app.web.who import READER, needs

CHECKED_EVERY_S = 60  # whether whoever holds a stream may still see the grid
router = APIRouter(dependencies=[needs(READER)])
RowNumber = Annotated[int, Query(ge=1, le=MAX_INTEGER)]
# Of rows among all of the grid, with spaces between them.
Numbers = Annotated[
    str, Query(alias="rows", pattern=rf"^\d{{1,7}}( \d{{1,7}}){{0,{BLOCK_ROWS - 1}}}$")
]
Shown = Annotated[str, Query(pattern=r"^(\d{1,7}-\d{1,10})?$")]  # rows, as Shape.rows_mark
Browser = Annotated[str, Cookie(alias=BROWSER_COOKIE, max_length=40)]


def shape_at(grid: GridHere, session: Reading, reviewer: MaybeReviewer, look: LookHere) -> Shape:
    return load_shape(session, grid, look, reviewer.id if reviewer else None)


ShapeHere = Annotated[Shape, Depends(shape_at)]


@router.get("/grids/{grid_id}")
def show_grid(
    server: Server,
    grid: GridHere,
    session: Reading,
    reviewer: MaybeReviewer,
    look: LookHere,
    keys: KeysHere,
    may_label: MayLabel,
    at: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
    row: RowNumber = 1,
    whole: bool = False,
    browser: Browser = "",
) -> Response:
    """The grid with one block of its rows: the first, that of the answer ``at``, or of ``row``.

    ``whole``: with all of them, for print.
    """
    reviewer_id = reviewer.id if reviewer else None
    view = load_view(session, grid, look, reviewer_id, at=at, row=row, whole=whole)
    shape = view.shape
    practice = [is_practice(column.model, server.providers) for column in shape.columns]

    def by_id() -> dict[int, int]:
        return labelled_by(session, grid.id)

    response = page(
        "pages/grid.html",
        view=view,
        shape=shape,
        look=look,
        whole=whole,
        keys=keys.rows(GRID),
        matches=shape.matches,
        more_rows=None,
        reviewer=reviewer,
        may_label=may_label,
        reviewers=reviewers_of(session, grid.id, shape.facts.made("labelled by", by_id)),
        practice=any(practice),
        only_practice=all(practice),
        notice=server.runner_notice(grid.id),
        snapshot=snapshot_of(session, grid),
        live=session.get(Grid, grid.snapshot_of) if grid.frozen else None,
        **head(session, shape),
    )
    if not browser:
        token = secrets.token_urlsafe(16)
        response.set_cookie(BROWSER_COOKIE, token, httponly=True, samesite="lax")
    return response


@router.get("/grids/{grid_id}/rows")
def show_rows(
    session: Reading,
    shape: ShapeHere,
    look: LookHere,
    numbers: Numbers,
    first: Annotated[int, Query(alias="from", ge=1, le=MAX_INTEGER)],
) -> Response:
    """Some of the rows that a page came with, from its row ``from`` on, as a piece of it."""
    rows = load_numbered(session, shape, map(int, numbers.split()), first)
    return page(
        "partials/rows.html",
        grid=shape.grid,
        look=look,
        density=shape.look.density,
        rows=rows,
    )


@router.get("/grids/{grid_id}/row")
def find_row(shape: ShapeHere, of: Annotated[int, Query(ge=1, le=MAX_INTEGER)]) -> Response:
    """The number of the row that has an answer."""
    return PlainTextResponse(str(row_of(shape, of)))


@router.get("/grids/{grid_id}/next")
def find_next(
    shape: ShapeHere,
    start: Annotated[int, Query(alias="from", ge=1, le=MAX_INTEGER)],
    step: Step = Step.forwards,
) -> Response:
    """The id of the next answer to label in this look; empty: there is no other."""
    return PlainTextResponse(str(next_unlabelled(shape, start, step) or ""))


@router.get("/grids/{grid_id}/equal")
def find_equal(
    grid: GridHere, session: Reading, of: Annotated[int, Query(ge=1, le=MAX_INTEGER)]
) -> Response:
    """The ids of the answers to the same prompt that say the same, its own among them; empty where
    it cannot be labelled."""
    return PlainTextResponse(" ".join(str(id_) for id_ in load_equal(session, grid.id, of)))


@router.get("/grids/{grid_id}/events")
def stream_grid(
    server: Server,
    grid_id: GridIdHere,
    look: LookHere,
    reviewer_id: ReviewerIdHere,
    since: Since = 0,
    rows: Annotated[str | None, Query(pattern=r"^[1-9]\d{0,6}-\d{1,7}$")] = None,
    open_: Annotated[int | None, Query(alias="open", ge=1, le=MAX_INTEGER)] = None,
    shown: Shown = "",
    stay: bool = False,
    browser: Browser = "",
    last_event_id: Annotated[int | None, Header(ge=0, le=MAX_INTEGER)] = None,
) -> Response:
    """What changed, as fragments with ids; ends with the event "done", unless it is to ``stay``.

    Each event's id is the number of the last change it shows, read from the database: a browser
    that reconnects, even to another process, says where it was and misses nothing. Events "partial"
    hold the text so far of running answers, by id: of those in ``rows``, and of the ``open`` one.
    A browser may hold a few streams at a time; one more is answered with 204.
    """
    first, _, last = (rows or "").partition("-")
    lasts_s = math.inf if server.settings.login == "none" else CHECKED_EVERY_S
    place = (int(first), int(last)) if rows else None
    view = View(look, reviewer_id, place, open_, shown, stay, lasts_s)
    seen = since if last_event_id is None else last_event_id
    return EventStream(server.live, browser, grid_id, view, seen)


@router.get("/grids/{grid_id}/changes")
def poll_grid(
    server: Server,
    grid: GridHere,
    session: Reading,
    look: LookHere,
    reviewer: MaybeReviewer,
    since: Since = 0,
    shown: Shown = "",
) -> Response:
    """The same fragments for pages that hold no stream; the notices also where nothing changed."""
    notice = server.runner_notice(grid.id)
    headers = {"X-Seq": str(grid.seq)}
    if grid.seq <= since:
        headers["X-Status"] = status_of(session, grid)
        return page("partials/notices.html", headers=headers, notice=notice)
    wanted = Wanted(look, reviewer.id if reviewer else None, since, shown)
    return answer_changes(session, grid, wanted, notice)
