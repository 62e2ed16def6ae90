"""Logging in and out, and following an invite."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.errors import BluffcheckError, NotFound
from app.people import entering, logins, oidc
from app.people.audit import By, note
from app.people.credentials import LONGEST, SHORTEST
from app.people.members import Member, join, member_named, open_invite, welcome
from app.people.tables import Account, Login, Role
from app.tables import Reviewer
from app.web.deps import ByHere, Form, Reading, Server, own_path
from app.web.exports import own_address
from app.web.peers import address_of
from app.web.render import page
from app.web.who import OPEN, READER, SESSION_COOKIE, PersonHere, needs

NO_LOGIN = (
    "Nobody logs in here: the server listens on this machine only, and whoever uses it is an owner."
    " BLUFFCHECK_LOGIN turns logging in on."
)


def logins_on(server: Server) -> None:
    """Raises NotFound where there is no login."""
    if server.settings.login == "none":
        raise NotFound(NO_LOGIN)


router = APIRouter(dependencies=[needs(OPEN), Depends(logins_on)])
OIDC_COOKIE, OIDC_S = "bluffcheck_oidc", 600
CALLBACK = "/login/oidc/callback"
Secret = Annotated[str, Path(max_length=100)]


@router.get("/login")
def show_login(request: Request, server: Server, person: PersonHere, next: str = "/") -> Response:  # noqa: A002 (as addresses have it)
    if person.role is not None:
        return RedirectResponse(own_path(next), status_code=303)
    return page("pages/login.html", next=own_path(next), typed="", error="", named=person.named)


@router.post("/login")
def log_in(request: Request, server: Server, person: PersonHere, data: Form) -> Response:
    if server.settings.login != "password":
        raise NotFound("There are no passwords here: people log in elsewhere.")
    typed, back = str(data.get("login", "")), own_path(str(data.get("next", "/")))
    try:
        _, secret = entering.log_in(
            server.database,
            typed,
            str(data.get("password", "")),
            address_of(request, server.settings),
            request.headers.get("user-agent", ""),
        )
    except (entering.WrongPassword, logins.TooOften) as exc:
        shown = page(
            "pages/login.html", exc.status, next=back, typed=typed[:200], error=str(exc), named=""
        )
        if isinstance(exc, logins.TooOften):
            shown.headers["Retry-After"] = str(exc.wait_s)
        return shown
    _end(server, person.used)  # a session from before is not taken along
    return logged_in(request, server, secret, back)


@router.get("/login/oidc")
def begin_oidc(request: Request, server: Server, next: str = "/") -> Response:  # noqa: A002
    """Off to the provider. ``next``: where to go afterwards, or an invite to be followed."""
    address, begun = _provider(server).begin(_redirect_uri(request, server), own_path(next))
    response = RedirectResponse(address, status_code=303)
    _keep(response, request, server, OIDC_COOKIE, begun.as_cookie(), OIDC_S)
    return response


@router.get(CALLBACK)
def finish_oidc(
    request: Request,
    server: Server,
    person: PersonHere,
    code: Annotated[str, Query(max_length=4000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Back from the provider."""
    provider = _provider(server)
    begun = oidc.Begun.of(request.cookies.get(OIDC_COOKIE, ""))
    if error or not code:
        raise oidc.OidcFailed(f"The provider said: {error or 'nothing'}. Begin anew.")
    known = provider.finish(_redirect_uri(request, server), begun, code, state)
    by = By(None, address_of(request, server.settings))
    secret = begun.back.removeprefix("/invites/") if begun.back.startswith("/invites/") else ""
    with server.database.write() as session:
        member = member_named(session, known.login)
        if secret:
            member = join(session, by, secret, known.name, known.login, None, chosen=False)
        elif member is None and server.settings.oidc_role != "none":
            member = welcome(session, by, known.login, Role(server.settings.oidc_role))
        if member is None:
            return page("pages/login.html", 403, next="/", typed="", error="", named=known.login)
        cookie = _begin(session, request, member, by.address)
        session.commit()
    _end(server, person.used)
    response = logged_in(request, server, cookie, "/" if secret else begun.back)
    response.delete_cookie(OIDC_COOKIE)
    return response


@router.post("/logout", dependencies=[needs(READER, by_token=False)])
def log_out(server: Server, person: PersonHere, by: ByHere) -> Response:
    _end(server, person.used, by)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(SESSION_COOKIE)
    return response


@router.get("/invites/{secret}")
def show_invite(server: Server, session: Reading, person: PersonHere, secret: Secret) -> Response:
    """What the link is for: a new account, or a new password."""
    return _invite_page(session, person.named, secret)


@router.post("/invites/{secret}")
def follow_invite(
    request: Request,
    server: Server,
    session: Reading,
    person: PersonHere,
    secret: Secret,
    data: Form,
) -> Response:
    """Make the account, or set the password, and log in."""
    by_proxy = server.settings.login == "proxy"
    if server.settings.login == "oidc":
        return RedirectResponse(f"/login/oidc?next=/invites/{secret}", status_code=303)
    if by_proxy and not person.named:
        raise NotFound("Open this link through the proxy that lets you log in.")
    typed = {name: str(data.get(name, "")) for name in ("name", "login")}
    password = None if by_proxy else str(data.get("password", ""))
    login = person.named if by_proxy else typed["login"]
    address = address_of(request, server.settings)
    try:
        with server.database.write() as writing:
            member = join(writing, By(None, address), secret, typed["name"], login, password)
            cookie = _begin(writing, request, member, address) if password is not None else ""
            writing.commit()
    except BluffcheckError as exc:
        if exc.status in (404, 410):
            raise
        return _invite_page(session, person.named, secret, typed, exc)
    if not cookie:
        return RedirectResponse("/", status_code=303)
    _end(server, person.used)
    return logged_in(request, server, cookie, "/")


def logged_in(request: Request, server: Server, secret: str, back: str) -> Response:
    """The way back, with the cookie of a new session."""
    response = RedirectResponse(back, status_code=303)
    holds_s = int(logins.HOLDS.total_seconds())
    _keep(response, request, server, SESSION_COOKIE, secret, holds_s)
    return response


def _keep(
    response: Response, request: Request, server: Server, name: str, value: str, holds_s: int
) -> None:
    """A cookie that no script reads and no other site sends with a form."""
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=holds_s, httponly=True, samesite="lax", secure=secure)


def _provider(server: Server) -> oidc.OidcProvider:
    if server.oidc is None:
        raise NotFound("Nobody logs in that way here.")
    return server.oidc


def _redirect_uri(request: Request, server: Server) -> str:
    """Where the provider leads back to; it has to know this address."""
    return f"{own_address(server, request)}{CALLBACK}"


def _begin(session: Reading, request: Request, member: Member, address: str) -> str:
    note(session, By(member.id, address), "login")
    return logins.begin(session, member.id, address, request.headers.get("user-agent", ""))


def _end(server: Server, used: object, by: By | None = None) -> None:
    if not isinstance(used, Login):
        return
    with server.database.write() as session:
        if logins.end(session, used.reviewer_id, used.id) and by:
            note(session, by, "logout")
        session.commit()


def _invite_page(
    session: Reading,
    named: str,
    secret: str,
    typed: dict[str, str] | None = None,
    error: BluffcheckError | None = None,
) -> Response:
    invite = open_invite(session, secret)
    person = session.get(Reviewer, invite.reviewer_id) if invite.reviewer_id else None
    return page(
        "pages/invite.html",
        error.status if error else 200,
        headers={"Referrer-Policy": "no-referrer"},
        invite=invite,
        secret=secret,
        person=person,
        account=session.get(Account, person.id) if person else None,
        named=named,
        typed=typed or {"name": "", "login": ""},
        error=str(error or ""),
        lengths=(SHORTEST, LONGEST),
    )
