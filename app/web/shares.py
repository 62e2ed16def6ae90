"""Shares: making and taking back links, and what whoever has one sees."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from app.errors import BluffcheckError, NotFound
from app.exports.html import read
from app.exports.rows import open_export
from app.figures.png import png
from app.figures.preview import preview
from app.grid.answer import load_answer
from app.grid.facts import load_facts
from app.grid.queries import load_view
from app.people.audit import note
from app.providers import is_practice
from app.results.choice import Choice
from app.results.pictures import card, pictures
from app.results.report import Report, load_report
from app.sharing.hiding import HIDEABLE, Shown
from app.sharing.shares import (
    create_share,
    look_of,
    new_share,
    note_use,
    open_share,
    revoke,
    shares_of,
    shown_by,
)
from app.sharing.snapshots import find_snapshot, freeze, keep_hash, snapshots_of
from app.tables import MAX_INTEGER, Grid, Share, now
from app.web.deps import (
    AnswerId,
    ByHere,
    Form,
    LookHere,
    MaybeReviewer,
    OpenGrid,
    Reading,
    Server,
)
from app.web.exports import FORMATS, own_address, sent
from app.web.problems import validated
from app.web.render import page
from app.web.results import drawn
from app.web.who import OPEN, OWNER, needs

router = APIRouter(dependencies=[needs(OWNER, by_token=False)])
visits = APIRouter(dependencies=[needs(OPEN)])
PRIVATE = {"Referrer-Policy": "no-referrer"}
USUAL = {"of": "live", "hide": ["notes", "costs"], "days": "", "listed": False}
NOT_LISTED = {"X-Robots-Tag": "noindex, nofollow"}


class ShareForm(BaseModel):
    """``of``: the grid itself, a snapshot taken now, or the snapshot of this number."""

    of: str = Field("live", pattern=r"^(live|new|[1-9]\d{0,6})$")
    hide: list[str] = []
    days: int | None = Field(None, ge=1, le=3650)
    listed: bool = False


@router.get("/grids/{grid_id}/shares")
def show_shares(grid: OpenGrid, session: Reading, reviewer: MaybeReviewer) -> Response:
    return _page(session, grid, reviewer, USUAL)


def _page(
    session: Reading,
    grid: Grid,
    reviewer: MaybeReviewer,
    typed: dict[str, Any],
    error: BluffcheckError | None = None,
) -> Response:
    snapshots = snapshots_of(session, grid.id)
    return page(
        "pages/shares.html",
        error.status if error else 200,
        typed=typed,
        error=str(error or ""),
        grid=grid,
        reviewer=reviewer,
        shares=shares_of(session, grid.id),
        snapshots=snapshots,
        versions={snapshot.grid_id: snapshot.number for snapshot, _ in snapshots},
        hideable=HIDEABLE,
        now=now(),
    )


@router.post("/grids/{grid_id}/shares")
def make_share(
    server: Server,
    grid: OpenGrid,
    session: Reading,
    reviewer: MaybeReviewer,
    by: ByHere,
    data: Form,
) -> Response:
    """A new link, and a new snapshot if it is to be one. Of a large grid that takes a while."""
    typed = {"of": data.get("of") or "live", "hide": data.getlist("hide"),
             "days": data.get("days") or "", "listed": "listed" in data}  # fmt: skip
    name = reviewer.name if reviewer else ""
    try:
        given = validated(ShareForm, **typed | {"days": typed["days"] or None})
        share = new_share(grid, given.hide, days=given.days, listed=given.listed, by=name)
        if given.of not in ("live", "new"):
            share.grid_id = find_snapshot(session, grid.id, int(given.of)).grid_id
    except BluffcheckError as exc:
        return _page(session, grid, reviewer, typed, exc)
    if given.of == "new":
        share.grid_id = freeze(server.database, grid.id, server.practice, name)
    elif given.of != "live":
        keep_hash(server.database, share.grid_id, server.practice)
    id_ = create_share(server.database, share, server.practice, by)
    return RedirectResponse(f"/grids/{grid.public_id}/shares#share-{id_}", status_code=303)


@router.post("/grids/{grid_id}/shares/{share_id}/revocation")
def end_share(
    server: Server, grid: OpenGrid, by: ByHere, share_id: Annotated[int, Path(ge=1, le=MAX_INTEGER)]
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
    grid: Shown
    address: str  # of this server, as others reach it

    @property
    def headers(self) -> dict[str, str]:
        return PRIVATE if self.share.listed else PRIVATE | NOT_LISTED

    def page(self, template: str, **values: Any) -> Response:
        """``preview``: what chats and forums show; they want the whole address."""
        return page(
            template,
            headers=self.headers,
            grid=self.grid,
            listed=self.share.listed,
            preview=f"{self.address}{self.grid.path}/preview.png",
            **values,
        )


def visit_at(
    request: Request,
    server: Server,
    session: Reading,
    token: Annotated[str, Path(max_length=60)],
) -> Visit:
    share, grid = open_share(session, token)
    note_use(server.database, share, now())
    return Visit(share, grid, shown_by(session, share, grid), own_address(server, request))


VisitHere = Annotated[Visit, Depends(visit_at)]


def report_at(session: Reading, visit: VisitHere) -> Report:
    return load_report(session, visit.real, Choice())


ReportHere = Annotated[Report, Depends(report_at)]


@visits.get("/s/{token}")
def show_shared(
    server: Server,
    session: Reading,
    visit: VisitHere,
    look: LookHere,
    report: ReportHere,
    at: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
    row: Annotated[int, Query(ge=1, le=MAX_INTEGER)] = 1,
) -> Response:
    """The grid, to be read."""
    look = look_of(look, visit.grid)
    view = load_view(session, visit.real, look, at=at, row=row)
    for block in view.blocks:
        block.rows[:] = visit.grid.rows(block.rows)
    return visit.page(
        "pages/shared.html",
        shape=view.shape,
        blocks=view.blocks,
        look=look,
        report=report,
        pictures=visit.grid.pictures(pictures(report)),
        practice=any(is_practice(c.model, server.providers) for c in view.shape.columns),
        formats=FORMATS,
    )


@visits.get("/s/{token}/answers/{answer_id}")
def show_shared_answer(session: Reading, visit: VisitHere, answer_id: AnswerId) -> Response:
    view = load_answer(session, visit.real, answer_id)
    number = load_facts(session, visit.real).prompts.index(view.prompt.id) + 1
    return visit.page("pages/shared_answer.html", it=read(visit.grid, view, number))


@visits.get("/s/{token}/figures/{name}.{kind}")
def show_shared_figure(
    visit: VisitHere,
    report: ReportHere,
    name: Annotated[str, Path(max_length=60)],
    kind: Literal["svg", "png"],
) -> Response:
    found = visit.grid.pictures(pictures(report)).get(name)
    if found is None:
        raise NotFound("There is no such picture here.")
    return drawn(found, kind, visit.headers)


@visits.get("/s/{token}/preview.png")
def show_preview(visit: VisitHere, report: ReportHere) -> Response:
    """The card that chats and forums show of the link."""
    snapshot = visit.grid.snapshot
    image = png(str(preview(card(report, snapshot.taken_at if snapshot else None))), 1.0)
    return Response(image, media_type="image/png", headers=visit.headers)


@visits.get("/s/{token}/{file}")
def download_shared(
    server: Server,
    session: Reading,
    visit: VisitHere,
    look: LookHere,
    file: Annotated[str, Path(max_length=60)],
) -> Response:
    """The grid as a file, without what this link leaves out."""
    if file not in FORMATS:
        raise NotFound("There is no such file here.")
    export = open_export(
        session,
        visit.real,
        visit.address,
        server.practice,
        shown=visit.grid,
        look=look_of(look, visit.grid),
    )
    return sent(export, FORMATS[file], headers=visit.headers)
