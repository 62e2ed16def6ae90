"""What handlers are given."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlmodel import Session
from starlette.datastructures import FormData

from app.db import Database
from app.errors import BluffcheckError
from app.grids import get_grid
from app.labels import reviewer_by_secret
from app.plans import Providers
from app.runner import Runner
from app.settings import Settings
from app.tables import Grid, Reviewer

REVIEWER_COOKIE = "bluffcheck_reviewer"


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
    runner: Runner
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # ends open streams


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


def current_reviewer(request: Request, session: Reading) -> Reviewer | None:
    secret = request.cookies.get(REVIEWER_COOKIE)
    return reviewer_by_secret(session, secret) if secret else None


MaybeReviewer = Annotated[Reviewer | None, Depends(current_reviewer)]


def known_reviewer(reviewer: MaybeReviewer) -> Reviewer:
    if reviewer is None:
        raise ReviewerUnknown("Give your name once, so that your labels carry it.")
    return reviewer


KnownReviewer = Annotated[Reviewer, Depends(known_reviewer)]


async def form_data(request: Request) -> FormData:
    return await request.form(max_fields=5_000)


Form = Annotated[FormData, Depends(form_data)]


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


IsHtmx = Annotated[bool, Depends(is_htmx)]
