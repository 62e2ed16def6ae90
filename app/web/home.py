"""Home: a compose box, the paper's example, recent grids."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse, Response

from app.catalogue import only_practice, suggested
from app.errors import NotFound
from app.grids import recent_grids, status
from app.origins import origins_of
from app.people.access import blinded_of, visible
from app.pricing.costs import spending_of_grids
from app.reviewing.labels import get_reviewer
from app.tables import MAX_INTEGER
from app.upkeep.deletion import deleted_grids
from app.web.compose import choices
from app.web.deps import (
    REVIEWER_COOKIE,
    Form,
    IsHtmx,
    MaybeReviewer,
    Reading,
    Server,
    own_path,
)
from app.web.forms import ComposeForm
from app.web.render import page
from app.web.who import READER, REVIEWER, PersonHere, needs

router = APIRouter(dependencies=[needs(READER)])
RECENT, PAGE = 20, 100  # grids at first, and of all of them


@router.get("/")
def show_home(
    server: Server,
    session: Reading,
    reviewer: MaybeReviewer,
    person: PersonHere,
    everything: Annotated[bool, Query(alias="all")] = False,
    before: Annotated[int, Query(ge=1, le=MAX_INTEGER)] = MAX_INTEGER,
) -> Response:
    """``before``: of all grids those that are older than the one of this id."""
    form = ComposeForm(models=suggested(server.providers))
    size = PAGE if everything else RECENT
    found = recent_grids(session, size + 1, visible(person.viewer), before)
    grids = found[:size]
    spending = spending_of_grids(session, [g.id for g, _ in grids])
    return page(
        "pages/home.html",
        grids=[(g, p, status(g, p)) for g, p in grids],
        blinded=blinded_of(session, (grid for grid, _ in grids), person.viewer),
        spending=spending,
        deleted=len(deleted_grids(session)),
        origins=origins_of(session, [g.id for g, _ in grids if g.imported]),
        more=len(found) > size,
        everything=everything,
        before=before if before < MAX_INTEGER else None,
        only_practice=only_practice(server.providers),
        reviewer=reviewer,
        **choices(server, session, form),
    )


@router.post("/reviewer", dependencies=[needs(REVIEWER)])
def name_reviewer(server: Server, data: Form, htmx: IsHtmx) -> Response:
    """Remember in this browser who is labelling, where nobody logs in. With scripts its page says
    so and stays."""
    if server.settings.login != "none":
        raise NotFound("Your account says who you are: your labels carry its name.")
    with server.database.write() as session:
        reviewer = get_reviewer(session, str(data.get("name", "")))
        session.commit()
    back = own_path(str(data.get("next", "/")))
    response: Response = RedirectResponse(back, status_code=303)
    if htmx:
        response = page("partials/reviewer.html", reviewer=reviewer, oob=True)
    response.set_cookie(
        REVIEWER_COOKIE, reviewer.secret, max_age=365 * 86_400, httponly=True, samesite="lax"
    )
    return response
