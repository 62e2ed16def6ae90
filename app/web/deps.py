"""What handlers are given."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.datastructures import FormData

from app.db import Database
from app.errors import BluffcheckError
from app.grids import get_grid
from app.labels import reviewer_by_secret
from app.look import Look
from app.partials import Partials
from app.plans import Providers
from app.prices import PriceBook
from app.results.resampling import Resamples
from app.runner import Runner
from app.settings import Settings
from app.tables import Grid, Reviewer
from app.web.live import Hub
from app.web.notices import Notice, in_words
from app.web.problems import validated

REVIEWER_COOKIE = "bluffcheck_reviewer"
BROWSER_COOKIE = "bluffcheck_browser"  # tells browsers apart, by whose streams are counted
WHO = "Give your name once, so that your labels carry it."
MAX_INTEGER = 2**31 - 1  # what an integer column of Postgres holds

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


def grid_at(grid_id: str, session: Reading) -> Grid:
    """The grid named in the path, or 404."""
    return get_grid(session, grid_id)


GridHere = Annotated[Grid, Depends(grid_at)]


def grid_id_at(server: Server, grid_id: str) -> int:
    """Its id, for a stream, which must not keep a session open while it lasts."""
    with server.database.read() as session:
        return get_grid(session, grid_id).id


GridIdHere = Annotated[int, Depends(grid_id_at)]


def current_reviewer(request: Request, session: Reading) -> Reviewer | None:
    secret = request.cookies.get(REVIEWER_COOKIE)
    return reviewer_by_secret(session, secret) if secret and secret.isprintable() else None


MaybeReviewer = Annotated[Reviewer | None, Depends(current_reviewer)]


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


def reviewer_id_at(server: Server, request: Request) -> int | None:
    """Who looks, for a stream, which must not keep a session open while it lasts."""
    with server.database.read() as session:
        reviewer = current_reviewer(request, session)
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


def decimal(typed: str) -> str:
    """A number as typed, a decimal comma as a point. "1,000" stays, and is then no number: it may
    be a thousand or one."""
    typed = typed.strip()
    thousands = re.match(r"[1-9]\d{0,2}(,\d{3})+(\.|$)", typed)
    return typed if thousands else typed.replace(",", ".")


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


IsHtmx = Annotated[bool, Depends(is_htmx)]
