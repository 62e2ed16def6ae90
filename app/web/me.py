"""One's own page: password, sessions, tokens, one's data, and leaving."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from app.errors import BluffcheckError, Forbidden, InvalidInput, NotFound
from app.people import logins
from app.people import personal as personaldata
from app.people import tokens as apitokens
from app.people.audit import By, note
from app.people.credentials import LONGEST, SHORTEST, fits
from app.people.members import Member, get_member, login_key, set_password
from app.people.tables import Scope
from app.sharing.shares import hash_again
from app.tables import MAX_INTEGER, Reviewer, now
from app.web.deps import ByHere, Form, Reading, Server
from app.web.login import logged_in, logins_on
from app.web.peers import address_of
from app.web.problems import validated
from app.web.render import page
from app.web.who import READER, SESSION_COOKIE, Person, PersonHere, needs

router = APIRouter(prefix="/me", dependencies=[needs(READER, by_token=False), Depends(logins_on)])
Number = Annotated[int, Path(ge=1, le=MAX_INTEGER)]


class TokenForm(BaseModel):
    name: str
    scope: Scope
    days: int = Field(ge=1, le=apitokens.LONGEST_DAYS)


def myself(session: Reading, person: PersonHere) -> Member:
    assert person.reviewer  # whoever has a role here has an account  # noqa: S101
    return get_member(session, person.reviewer.id)


Myself = Annotated[Member, Depends(myself)]


@router.get("")
def show_me(session: Reading, me: Myself, person: PersonHere) -> Response:
    return _page(session, me, person)


@router.post("/password")
def change_password(
    request: Request,
    server: Server,
    session: Reading,
    me: Myself,
    person: PersonHere,
    by: ByHere,
    data: Form,
) -> Response:
    """All other sessions end; this one gets a new secret."""
    present, new = str(data.get("now", "")), str(data.get("new", ""))
    address = address_of(request, server.settings)
    try:
        with server.database.write() as writing:
            logins.count_try(writing, me.account.login_key, address)
            writing.commit()
        if not fits(present, me.account.password_hash):
            raise InvalidInput("That is not your present password.")
        with server.database.write() as writing:
            logins.forget_tries(writing, me.account.login_key, address)
            set_password(writing, by, get_member(writing, me.id), new)
            browser = request.headers.get("user-agent", "")
            secret = logins.begin(writing, me.id, address, browser)
            writing.commit()
    except BluffcheckError as exc:
        return _page(session, me, person, exc, "password")
    return logged_in(request, server, secret, "/me#password")


@router.post("/sessions/revocation")
def end_others(server: Server, me: Myself, person: PersonHere, by: ByHere) -> Response:
    """All sessions but this one."""
    with server.database.write() as session:
        logins.end_all(session, me.id, person.used.id if person.used else None)
        note(session, by, "logout", detail="all other sessions")
        session.commit()
    return RedirectResponse("/me#sessions", status_code=303)


@router.post("/sessions/{login_id}/revocation")
def end_session(server: Server, me: Myself, login_id: Number, by: ByHere) -> Response:
    with server.database.write() as session:
        if not logins.end(session, me.id, login_id):
            raise NotFound("You have no such session; perhaps it has ended.")
        note(session, by, "logout", "session", login_id)
        session.commit()
    return RedirectResponse("/me#sessions", status_code=303)


@router.post("/tokens")
def make_token(
    server: Server, session: Reading, me: Myself, person: PersonHere, by: ByHere, data: Form
) -> Response:
    """The page tells the token, this once."""
    typed = {name: str(data.get(name, "")) for name in TokenForm.model_fields}
    try:
        given = validated(TokenForm, **typed)
        with server.database.write() as writing:
            token = apitokens.make_token(
                writing, by, me.account, given.name, given.scope, given.days
            )
            writing.commit()
    except BluffcheckError as exc:
        return _page(session, me, person, exc, "tokens", typed)
    with server.database.read() as fresh:
        return _page(fresh, me, person, token=token)


@router.post("/tokens/{token_id}/revocation")
def revoke_token(server: Server, token_id: Number, by: ByHere) -> Response:
    with server.database.write() as session:
        apitokens.revoke_token(session, by, token_id)
        session.commit()
    return RedirectResponse("/me#tokens", status_code=303)


@router.get("/data.json")
def download_data(server: Server, session: Reading, me: Myself, by: ByHere) -> Response:
    """All that is kept of me."""
    return data_file(server, session, by, me.reviewer)


@router.post("/removal")
def leave(
    server: Server, session: Reading, me: Myself, person: PersonHere, by: ByHere, data: Form
) -> Response:
    """My account goes, my labels stay under another name."""
    try:
        if login_key(str(data.get("login", ""))) != me.account.login_key:
            raise Forbidden("Type your login to confirm that all this shall go.")
        with server.database.write() as writing:
            personaldata.remove(writing, by, me.reviewer)
            writing.commit()
    except BluffcheckError as exc:
        return _page(session, me, person, exc, "removal")
    hash_again(server.database, me.id, server.practice)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(SESSION_COOKIE)
    return response


def data_file(server: Server, session: Reading, by: By, reviewer: Reviewer) -> Response:
    """All that is kept of somebody, as a file."""
    found = personaldata.data_of(session, reviewer)
    with server.database.write() as writing:
        note(writing, by, "data", "person", reviewer.id)
        writing.commit()
    name = f"bluffcheck-person-{reviewer.id}.json"
    return JSONResponse(found, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def browser_in_words(told: str) -> str:
    """What a browser says of itself, as people call it."""
    names = {"Firefox": "Firefox", "Edg": "Edge", "OPR": "Opera", "Chrom": "Chrome",
             "Safari": "Safari"}  # fmt: skip
    systems = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux")
    name = next((name for part, name in names.items() if part in told), "")
    system = next((system for system in systems if system in told), "")
    return " on ".join(filter(None, (name, system))) or told[:40] or "unknown"


def _page(
    session: Reading,
    me: Member,
    person: Person,
    error: BluffcheckError | None = None,
    where: str = "",
    typed: dict[str, str] | None = None,
    token: str = "",
) -> Response:
    return page(
        "pages/me.html",
        error.status if error else 200,
        me=me,
        reviewer=me.reviewer,
        used=person.used,
        sessions=[(one, logins.ends_at(one)) for one in logins.sessions_of(session, me.id)],
        tokens=apitokens.tokens_of(session, me.id),
        scopes=[scope for scope in Scope if me.account.role.covers(scope.role)],
        browser=browser_in_words,
        token=token,
        pseudonym=personaldata.pseudonym(me.id),
        errors={where: str(error)} if error else {},
        typed=typed or {"name": "", "scope": "read", "days": "90"},
        lengths=(SHORTEST, LONGEST),
        now=now(),
    )
