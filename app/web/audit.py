"""The audit log, for owners."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse

from app.people.audit import ACTIONS, KINDS, PAGE, About, as_csv, lines, names_in, note, people_in
from app.tables import MAX_INTEGER, storable
from app.web.deps import ByHere, MaybeReviewer, Reading, Server
from app.web.render import page
from app.web.who import OWNER, needs

router = APIRouter(dependencies=[needs(OWNER, by_token=False)])
Text = Annotated[str, Query(max_length=200)]


def about_at(
    action: Text = "",
    who: Annotated[str, Query(pattern=r"^\d{0,9}$")] = "",
    kind: Text = "",
    subject: Text = "",
) -> About:
    number = int(who) if who else None
    return About(storable(action), number, storable(kind), storable(subject))


AboutHere = Annotated[About, Depends(about_at)]


@router.get("/audit")
def show_audit(
    session: Reading,
    reviewer: MaybeReviewer,
    about: AboutHere,
    before: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
) -> Response:
    found = lines(session, about, before, PAGE + 1)
    return page(
        "pages/audit.html",
        reviewer=reviewer,
        about=about,
        lines=found[:PAGE],
        before=before,
        older=found[PAGE - 1][0].id if len(found) > PAGE else None,
        actions=ACTIONS,
        kinds=KINDS,
        people=people_in(session),
        names=names_in(session, found),
    )


@router.get("/audit.csv")
def download_audit(server: Server, about: AboutHere, by: ByHere) -> Response:
    """All lines that fit, the newest first."""
    with server.database.write() as session:
        note(session, by, "export", "audit")
        session.commit()

    def rows() -> Iterator[str]:
        with server.database.read() as session:
            yield from as_csv(session, about)

    return StreamingResponse(
        rows(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="bluffcheck-audit.csv"'},
    )
