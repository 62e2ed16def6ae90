"""What handlers are given."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.datastructures import FormData

from app.db import Database
from app.errors import BluffcheckError, Conflict, Unavailable
from app.grid.look import Look
from app.grids import FROZEN
from app.partials import Partials
from app.people import access
from app.people.audit import By, note
from app.people.oidc import OidcProvider
from app.plans import Providers
from app.pricing.prices import PriceBook
from app.results.resampling import Resamples
from app.reviewing.labels import reviewer_by_secret
from app.runner import Runner
from app.settings import Settings
from app.tables import MAX_INTEGER, Grid, Reviewer
from app.web.live import Hub
from app.web.notices import Notice, in_words
from app.web.peers import address_of
from app.web.problems import validated
from app.web.who import PersonHere

log = logging.getLogger(__name__)
REVIEWER_COOKIE = "bluffcheck_reviewer"
BROWSER_COOKIE = "bluffcheck_browser"  # tells browsers apart, by whose streams are counted
WHO = "Give your name once, so that your labels carry it."

AnswerId = Annotated[int, Path(ge=1, le=MAX_INTEGER)]
Since = Annotated[int, Query(ge=0, le=MAX_INTEGER)]


class ReviewerUnknown(BluffcheckError):
    """The page answers by asking for a name once, then repeats the request."""

    status = 428
    title = "Who is labelling?"


@dataclass
class Services:
    """What lives as long as the server."""

    settings: Settings
    database: Database
    providers: Providers
    prices: PriceBook
    runner: Runner
    partials: Partials
    resamples: Resamples = field(default_factory=Resamples)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # ends open streams
    live: Hub = field(init=False)
    oidc: OidcProvider | None = None

    @property
    def practice(self) -> frozenset[str]:
        """The names of the providers that are simulated."""
        return frozenset(p.name for p in self.providers.values() if p.practice)

    def __post_init__(self) -> None:
        self.live = Hub(self.database, self.partials, self.stopping, self.runner_notice)

    def runner_notice(self, grid_id: int) -> Notice:
        """What there is to say of the runner that is no change of the grid. Asked often."""
        waits = sorted(self.runner.waits(grid_id).items())
        return Notice(
            in_words(self.runner.trouble),
            tuple((self.title_of(account), round(s)) for account, s in waits if s >= 1),
        )

    def title_of(self, account: str) -> str:
        return self.providers[account].title if account in self.providers else account


def get_services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Server = Annotated[Services, Depends(get_services)]


def read_session(server: Server) -> Iterator[Session]:
    with server.database.read() as session:
        yield session


Reading = Annotated[Session, Depends(read_session)]


# What a path names is loaded by one of these, and is not there for whom it is not.


def grid_at(grid_id: str, session: Reading, person: PersonHere) -> Grid:
    """The grid named in the path, whole, or 404."""
    grid = access.find_grid(session, grid_id, person.viewer)
    access.refuse_blinded(session, grid, person.viewer)
    return grid


GridHere = Annotated[Grid, Depends(grid_at)]


def may_label_here(grid: GridHere, session: Reading, person: PersonHere) -> bool:
    """Whether whoever asks may label the grid named in the path: else it shows them no forms."""
    return access.may_label(session, grid, person.viewer)


MayLabel = Annotated[bool, Depends(may_label_here)]


def open_grid_at(grid: GridHere) -> Grid:
    """The same where something is to be done to it. Raises Conflict for a snapshot."""
    if grid.frozen:
        raise Conflict(FROZEN)
    return grid


OpenGrid = Annotated[Grid, Depends(open_grid_at)]


def grid_id_at(server: Server, grid_id: str, person: PersonHere) -> int:
    """Its id, for a stream, which must not keep a session open while it lasts."""
    with server.database.read() as session:
        return grid_at(grid_id, session, person).id


GridIdHere = Annotated[int, Depends(grid_id_at)]


def grid_to_label_at(grid: OpenGrid, session: Reading, person: PersonHere) -> Grid:
    """The same, for people who may label it."""
    access.refuse_label(session, grid, person.viewer)
    return grid


GridToLabel = Annotated[Grid, Depends(grid_to_label_at)]


def grid_to_review_at(grid_id: str, session: Reading, person: PersonHere) -> Grid:
    """The grid for its review, which may be all that the person sees of it."""
    grid = open_grid_at(access.find_grid(session, grid_id, person.viewer))
    access.refuse_label(session, grid, person.viewer)
    return grid


GridToReview = Annotated[Grid, Depends(grid_to_review_at)]


def answer_at(answer_id: AnswerId, session: Reading, person: PersonHere) -> int:
    """The number of the answer named in the path, or 404."""
    _, grid = access.find_answer(session, answer_id, person.viewer)
    access.refuse_blinded(session, grid, person.viewer)
    return answer_id


AnswerHere = Annotated[int, Depends(answer_at)]


def answer_to_label_at(answer_id: AnswerHere, session: Reading, person: PersonHere) -> int:
    """The same, for people who may label it."""
    _, grid = access.find_answer(session, answer_id, person.viewer)
    access.refuse_label(session, grid, person.viewer)
    return answer_id


AnswerToLabel = Annotated[int, Depends(answer_to_label_at)]


def current_reviewer(
    request: Request, server: Server, session: Reading, person: PersonHere
) -> Reviewer | None:
    """The person who is logged in; without a login whoever this browser was told."""
    if server.settings.login != "none":
        return person.reviewer
    secret = request.cookies.get(REVIEWER_COOKIE)
    return reviewer_by_secret(session, secret) if secret and secret.isprintable() else None


MaybeReviewer = Annotated[Reviewer | None, Depends(current_reviewer)]


def by_at(request: Request, server: Server, reviewer: MaybeReviewer) -> By:
    """Who does it and from where, for the audit log."""
    return By(reviewer.id if reviewer else None, address_of(request, server.settings))


ByHere = Annotated[By, Depends(by_at)]


def note_export(request: Request, server: Server, by: ByHere) -> None:
    """Keep that the library was downloaded."""
    _note_export(request, server, by, "library")


def note_grid_export(request: Request, server: Server, by: ByHere, grid: GridHere) -> None:
    """Keep that a grid was downloaded, by whom it is there for."""
    _note_export(request, server, by, "grid", grid.public_id)


# What a route that answers with a file has among its dependencies.
Noted, NotedOfGrid = Depends(note_export), Depends(note_grid_export)


def _note_export(request: Request, server: Services, by: By, kind: str, subject: str = "") -> None:
    # A database that cannot be written may have to be saved by its exports: they go on.
    name = request.url.path.rpartition("/")[2]
    try:
        with server.database.write() as session:
            note(session, by, "export", kind, subject, name)
            session.commit()
    except Unavailable as exc:
        log.warning("the audit log lacks an export of %s %s: %s", kind, subject, exc.reason)


def look_at(request: Request) -> Look:
    """How the grid is looked at, from the address."""
    return Look.parse(request.query_params.multi_items())


LookHere = Annotated[Look, Depends(look_at)]


class Known(BaseModel):
    """What the page that sent a form knows of its grid."""

    since: int = Field(0, ge=0, le=MAX_INTEGER)  # the last change


def look_and_since(data: FormData) -> tuple[Look, int]:
    """How that page shows the grid, and the last change it knows. Raises InvalidInput."""
    fields = {k: v for k, v in data.items() if k in Known.model_fields}
    return Look.parse(data.multi_items()), validated(Known, **fields).since


def reviewer_id_at(server: Server, request: Request, person: PersonHere) -> int | None:
    """Who looks, for a stream, which must not keep a session open while it lasts."""
    with server.database.read() as session:
        reviewer = current_reviewer(request, server, session, person)
        return reviewer.id if reviewer else None


ReviewerIdHere = Annotated[int | None, Depends(reviewer_id_at)]


def known_reviewer(reviewer: MaybeReviewer) -> Reviewer:
    if reviewer is None:
        raise ReviewerUnknown(WHO)
    return reviewer


KnownReviewer = Annotated[Reviewer, Depends(known_reviewer)]


def own_path(address: str) -> str:
    """A path of ours to lead back to: "//host" and "/\\host" would lead elsewhere."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"


async def form_data(request: Request) -> AsyncIterator[FormData]:
    async with request.form(max_fields=5_000, max_files=0) as data:
        yield data


Form = Annotated[FormData, Depends(form_data)]


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


IsHtmx = Annotated[bool, Depends(is_htmx)]
