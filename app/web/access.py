"""Who may see and label a grid: a page for owners."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from app.errors import InvalidInput
from app.people.access import AccessInput, access_of, set_access
from app.people.members import members
from app.people.tables import Role
from app.tables import Grid, Reviewer
from app.web.deps import ByHere, Form, MaybeReviewer, OpenGrid, Reading, Server
from app.web.render import page
from app.web.typed import whole
from app.web.who import OWNER, needs

router = APIRouter(prefix="/grids/{grid_id}/access", dependencies=[needs(OWNER, by_token=False)])


@router.get("")
def show_access(
    server: Server, session: Reading, grid: OpenGrid, reviewer: MaybeReviewer
) -> Response:
    access, named = access_of(session, grid)
    given = AccessInput(
        access.named_readers,
        access.named_labellers,
        access.blind,
        frozenset(named),
        frozenset(one for one, person in named.items() if person.labels),
    )
    return _page(session, grid, given, reviewer)


@router.post("")
def change_access(
    server: Server,
    session: Reading,
    grid: OpenGrid,
    reviewer: MaybeReviewer,
    by: ByHere,
    data: Form,
) -> Response:
    labellers = _numbers(data, "labels")
    given = AccessInput(
        data.get("readers") == "named",
        data.get("labellers") == "named",
        "blind" in data,
        _numbers(data, "reads") | labellers,
        labellers,
    )
    try:
        with server.database.write() as writing:
            set_access(writing, by, grid, given)
            writing.commit()
    except InvalidInput as exc:
        return _page(session, grid, given, reviewer, str(exc))
    return RedirectResponse(f"/grids/{grid.public_id}/access", status_code=303)


def _numbers(data: Form, name: str) -> frozenset[int]:
    """What is no number of anybody is 0, which nobody has."""
    return frozenset(whole(str(one)) or 0 for one in data.getlist(name))


def _page(
    session: Session, grid: Grid, given: AccessInput, reviewer: Reviewer | None, error: str = ""
) -> Response:
    access, _ = access_of(session, grid)
    return page(
        "pages/access.html",
        422 if error else 200,
        grid=grid,
        given=given,
        error=error,
        people=[one for one in members(session) if one.account.role is not Role.owner],
        reviewer=reviewer,
        started_by=session.get(Reviewer, access.created_by) if access.created_by else None,
    )
