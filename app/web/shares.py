"""Shares: making and taking back links, and what whoever has one sees."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from app.answerview import load_answer
from app.audit import note
from app.errors import NotFound
from app.figures.png import png
from app.figures.preview import preview
from app.gridfacts import load_facts
from app.gridqueries import load_view
from app.providers import is_practice
from app.results.choice import Choice
from app.results.pictures import card, pictures
from app.results.report import Report, load_report
from app.shares import (
    HIDEABLE,
    Shared,
    create_share,
    look_of,
    note_use,
    open_share,
    revoke,
    shared,
    shares_of,
)
from app.tables import Grid, Share, now
from app.web.deps import (
    MAX_INTEGER,
    AnswerId,
    ByHere,
    Form,
    GridHere,
    LookHere,
    MaybeReviewer,
    Reading,
    Server,
)
from app.web.problems import validated
from app.web.render import page
from app.web.results import drawn
from app.web.who import OPEN, OWNER, needs

router = APIRouter(dependencies=[needs(OWNER, by_token=False)])
visits = APIRouter(dependencies=[needs(OPEN)])
PRIVATE = {"Referrer-Policy": "no-referrer"}
NOT_LISTED = {"X-Robots-Tag": "noindex, nofollow"}


class ShareForm(BaseModel):
    hide: list[str] = []
    days: int | None = Field(None, ge=1, le=3650)
    listed: bool = False


@router.get("/grids/{grid_id}/shares")
def show_shares(grid: GridHere, session: Reading, reviewer: MaybeReviewer) -> Response:
    return page(
        "pages/shares.html",
        grid=grid,
        reviewer=reviewer,
        shares=shares_of(session, grid.id),
        hideable=HIDEABLE,
        now=now(),
    )


@router.post("/grids/{grid_id}/shares")
def make_share(
    server: Server, grid: GridHere, reviewer: MaybeReviewer, by: ByHere, data: Form
) -> Response:
    given = validated(
        ShareForm,
        hide=data.getlist("hide"),
        days=data.get("days") or None,
        listed="listed" in data,
    )
    name = reviewer.name if reviewer else ""
    with server.database.write() as session:
        share = create_share(
            session, grid, given.hide, days=given.days, listed=given.listed, by=name
        )
        note(session, by, "shared", "grid", grid.public_id, f"share {share.id}")
        session.commit()
        address = f"/grids/{grid.public_id}/shares#share-{share.id}"
    return RedirectResponse(address, status_code=303)


@router.post("/grids/{grid_id}/shares/{share_id}/revocation")
def end_share(
    server: Server, grid: GridHere, by: ByHere, share_id: Annotated[int, Path(ge=1, le=MAX_INTEGER)]
) -> Response:
    with server.database.write() as session:
        revoke(session, grid, share_id)
        note(session, by, "share revoked", "grid", grid.public_id, f"share {share_id}")
        session.commit()
    return RedirectResponse(f"/grids/{grid.public_id}/shares", status_code=303)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody with a link that holds."""

    share: Share
    real: Grid  # not for templates
    grid: Shared

    @property
    def headers(self) -> dict[str, str]:
        return PRIVATE if self.share.listed else PRIVATE | NOT_LISTED


def visit_at(server: Server, session: Reading, token: Annotated[str, Path(max_length=60)]) -> Visit:
    share, grid = open_share(session, token)
    note_use(server.database, share, now())
    return Visit(share, grid, shared(share, grid))


VisitHere = Annotated[Visit, Depends(visit_at)]


def report_at(session: Reading, visit: VisitHere) -> Report:
    return load_report(session, visit.real, Choice())


ReportHere = Annotated[Report, Depends(report_at)]


@visits.get("/s/{token}")
def show_shared(
    request: Request,
    server: Server,
    session: Reading,
    visit: VisitHere,
    look: LookHere,
    report: ReportHere,
    at: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
    row: Annotated[int, Query(ge=1, le=MAX_INTEGER)] = 1,
) -> Response:
    """The grid, to be read."""
    look = look_of(look)
    view = load_view(session, visit.real, look, at=at, row=row)
    for block in view.blocks:
        block.rows[:] = visit.grid.rows(block.rows)
    return page(
        "pages/shared.html",
        headers=visit.headers,
        grid=visit.grid,
        listed=visit.share.listed,
        created=visit.real.created_at,
        preview=str(request.url_for("show_preview", token=visit.share.token)),
        shape=view.shape,
        blocks=view.blocks,
        look=look,
        report=report,
        pictures=pictures(report),
        practice=any(is_practice(c.model, server.providers) for c in view.shape.columns),
    )


@visits.get("/s/{token}/answers/{answer_id}")
def show_shared_answer(session: Reading, visit: VisitHere, answer_id: AnswerId) -> Response:
    view = load_answer(session, visit.real, answer_id)
    number = load_facts(session, visit.real).prompts.index(view.prompt.id) + 1
    return page(
        "pages/shared_answer.html",
        headers=visit.headers,
        grid=visit.grid,
        listed=visit.share.listed,
        answer=view.answer,
        attempt=view.attempt,
        chip=view.chip,
        column=view.column,
        labels=view.labels,
        prompt=visit.grid.prompt(view.prompt, number),
    )


@visits.get("/s/{token}/figures/{name}.{kind}")
def show_shared_figure(
    visit: VisitHere,
    report: ReportHere,
    name: Annotated[str, Path(max_length=60)],
    kind: Literal["svg", "png"],
) -> Response:
    found = pictures(report).get(name)
    if found is None or (name == "heat" and not visit.grid.shows("prompts")):
        raise NotFound("There is no such picture here.")
    return drawn(found, kind, visit.headers)


@visits.get("/s/{token}/preview.png")
def show_preview(visit: VisitHere, report: ReportHere) -> Response:
    """The card that chats and forums show of the link."""
    image = png(str(preview(card(report))), 1.0)
    return Response(image, media_type="image/png", headers=visit.headers)
