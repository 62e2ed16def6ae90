"""Who asks, and what they may. Every route declares the role it takes: ``needs(REVIEWER)``.

A router says it for all its routes, and a route may ask for more. Without a login everybody is an
owner. OPEN routes are for people without an account.
"""

from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import BluffcheckError, Conflict, Forbidden, Unavailable
from app.people import logins
from app.people import tokens as apitokens
from app.people.access import EVERYTHING, Viewer
from app.people.audit import By
from app.people.members import Member, member_named, welcome
from app.people.tables import Account, ApiToken, Login, Role
from app.settings import Settings
from app.tables import Reviewer, now
from app.web.peers import address_of, from_proxy, over_https

if TYPE_CHECKING:
    from app.web.deps import Services

OPEN, READER, REVIEWER, OWNER = None, Role.reader, Role.reviewer, Role.owner
SESSION_COOKIE = "bluffcheck_session"


class NotLoggedIn(BluffcheckError):
    """A page answers by leading to the login, and back."""

    status = 401
    title = "Please log in"


@dataclass(frozen=True, slots=True)
class Person:
    """Who made this request. Without a role: nobody that we know."""

    role: Role | None = None
    account: Account | None = None
    reviewer: Reviewer | None = None
    used: Login | ApiToken | None = None  # by which we know them
    named: str = ""  # what the proxy calls them

    @property
    def viewer(self) -> Viewer:
        """For what depends on the person, not on what a token lends of them."""
        if self.account is None:
            return EVERYTHING
        return Viewer(self.account.role, self.account.reviewer_id)

    @property
    def by_token(self) -> bool:
        return isinstance(self.used, ApiToken)


EVERYBODY, NOBODY = Person(OWNER), Person()


@dataclass(slots=True)
class Visitor:
    """The person, for the frame that all pages share."""

    login: str = "none"  # how one logs in
    person: Person = field(default=NOBODY)

    def may(self, role: str) -> bool:
        return self.person.role is not None and self.person.role.covers(Role(role))


_visitor: ContextVar[Visitor] = ContextVar("visitor")


def visitor_now() -> Visitor:
    return _visitor.get(Visitor(person=EVERYBODY))


class VisitorMiddleware:
    """Makes room for who it is, so that no handler has to hand it on to the frame of its page."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            login = self.settings.login
            _visitor.set(Visitor(login, EVERYBODY if login == "none" else NOBODY))
            if over_https(HTTPConnection(scope), self.settings):
                scope["scheme"] = "https"  # in the addresses that pages tell of themselves
        await self.app(scope, receive, send)


BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A personal token, where people log in; see “Your account”.",
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]


async def person_at(request: Request, bearer: Bearer) -> Person:
    """By their token, their session, or what our proxy says of them."""
    server: Services = request.app.state.services
    if server.settings.login == "none":  # of which each request should be told at once
        return EVERYBODY
    token = bearer.credentials if bearer else None
    return await run_in_threadpool(_identify, server, request, token)


PersonHere = Annotated[Person, Depends(person_at)]


def _identify(server: "Services", request: Request, token: str | None) -> Person:
    with server.database.read() as session:
        person = _find(session, request, server.settings.login, token)
    if server.settings.login == "proxy" and not person.by_token:
        person = _named_by_proxy(server, request)
    _note_use(server, person)
    visitor_now().person = person
    return person


def _find(session: Session, request: Request, login: str, token: str | None) -> Person:
    if token is not None:
        found = apitokens.find_token(session, token.strip())
        if found is None:
            raise NotLoggedIn("This token is not known here. It was revoked, or its day has come.")
        used, account, reviewer = found
        role = min(account.role, used.scope.role, key=lambda role: role.rank)
        return Person(role, account, reviewer, used)
    secret = request.cookies.get(SESSION_COOKIE, "")
    if login in ("password", "oidc") and secret and (there := logins.find(session, secret)):
        began, account, reviewer = there
        return Person(account.role, account, reviewer, began)
    return NOBODY


def _named_by_proxy(server: "Services", request: Request) -> Person:
    """Whoever our proxy names; a new name gets an account, if the settings say so."""
    settings = server.settings
    given = request.headers.getlist(settings.proxy_header)
    if not from_proxy(request, settings) or len(given) != 1 or not given[0].strip():
        return NOBODY
    named = given[0].strip()[:200]
    with server.database.read() as session:
        member = member_named(session, named)
    # A link that is followed first may be for a reviewer of before, or for another role.
    invited = request.url.path.startswith("/invites/")
    if member is None and settings.proxy_role != "none" and not invited:
        member = _welcomed(server, named, By(None, address_of(request, settings)))
    if member is None:
        return Person(named=named)
    return Person(member.account.role, member.account, member.reviewer, named=named)


def _welcomed(server: "Services", named: str, by: By) -> Member | None:
    try:
        with server.database.write() as session:
            member = welcome(session, by, named, Role(server.settings.proxy_role))
            session.commit()
            return member
    except Conflict:  # another request of theirs was faster; or the account is closed
        with server.database.read() as session:
            return member_named(session, named)


def _note_use(server: "Services", person: Person) -> None:
    """Keep when it was last used; not at every request, and never in the way of one."""
    used = person.used
    if used is None or (
        used.last_used_at is not None and now() - used.last_used_at < logins.NOTED_EVERY
    ):
        return
    with suppress(Unavailable), server.database.write() as session:
        logins.note_use(session, used)
        session.commit()


class Needs:
    """Lets those through who have this role. ``by_token``: programs too."""

    def __init__(self, role: Role | None, by_token: bool) -> None:
        self.role = role
        self.by_token = by_token

    async def __call__(self, person: PersonHere) -> None:
        if self.role is None:
            return
        if person.role is None:
            raise NotLoggedIn("Log in to see this.")
        if person.by_token and not self.by_token:
            raise Forbidden("This is for people: a token cannot do it.")
        if not person.role.covers(self.role):
            what = "token's scope gives" if person.by_token else "account has"
            raise Forbidden(
                f"This takes the role {self.role}; your {what} {person.role}. Ask an owner."
            )


def needs(role: Role | None, *, by_token: bool = True) -> Any:
    """What a router or a route has among its ``dependencies``."""
    return Depends(Needs(role, by_token))
