"""The people page of owners: who has an account, with which role; invites."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from app.errors import BluffcheckError, InvalidInput
from app.people import members as people
from app.people import personal as personaldata
from app.people.tables import Role
from app.sharing.shares import hash_again
from app.tables import MAX_INTEGER
from app.web.deps import ByHere, Form, MaybeReviewer, Reading, Server
from app.web.exports import own_address
from app.web.me import data_file
from app.web.problems import validated
from app.web.render import page
from app.web.who import OWNER, needs

router = APIRouter(prefix="/people", dependencies=[needs(OWNER, by_token=False)])
Number = Annotated[int, Path(ge=1, le=MAX_INTEGER)]
BACK = "/people"


class InviteForm(BaseModel):
    role: Role = Role.reviewer
    reviewer: int | None = Field(None, ge=1, le=MAX_INTEGER)  # for one who is there already


class RoleForm(BaseModel):
    role: Role


@router.get("")
def show_people(server: Server, session: Reading, reviewer: MaybeReviewer) -> Response:
    return _page(server, session, reviewer)


@router.post("/invites")
def make_invite(
    request: Request,
    server: Server,
    session: Reading,
    reviewer: MaybeReviewer,
    by: ByHere,
    data: Form,
) -> Response:
    """The page tells the link, this once."""
    try:
        if server.settings.login == "none":
            raise InvalidInput("Nobody can log in yet: set BLUFFCHECK_LOGIN first.")
        given = validated(
            InviteForm,
            role=data.get("role") or Role.reviewer,
            reviewer=data.get("reviewer") or None,
        )
        with server.database.write() as writing:
            secret = people.invite(writing, by, given.role, given.reviewer)
            writing.commit()
    except BluffcheckError as exc:
        return _page(server, session, reviewer, exc)
    with server.database.read() as fresh:
        link = own_address(server, request) + people.path_of(secret)
        return _page(server, fresh, reviewer, link=link)


@router.post("/invites/{invite_id}/revocation")
def revoke_invite(server: Server, invite_id: Number, by: ByHere) -> Response:
    with server.database.write() as session:
        people.revoke_invite(session, by, invite_id)
        session.commit()
    return RedirectResponse(f"{BACK}#invites", status_code=303)


@router.post("/{person_id}/role")
def set_role(
    server: Server,
    session: Reading,
    reviewer: MaybeReviewer,
    by: ByHere,
    person_id: Number,
    data: Form,
) -> Response:
    role = validated(RoleForm, role=data.get("role")).role
    return _done(server, session, reviewer, lambda s: people.set_role(s, by, person_id, role))


@router.post("/{person_id}/deactivation")
def deactivate(
    server: Server, session: Reading, reviewer: MaybeReviewer, by: ByHere, person_id: Number
) -> Response:
    return _done(server, session, reviewer, lambda s: people.deactivate(s, by, person_id))


@router.post("/{person_id}/activation")
def activate(
    server: Server, session: Reading, reviewer: MaybeReviewer, by: ByHere, person_id: Number
) -> Response:
    return _done(server, session, reviewer, lambda s: people.activate(s, by, person_id))


@router.get("/{person_id}/data.json")
def download_data(server: Server, session: Reading, by: ByHere, person_id: Number) -> Response:
    """All that is kept of a person, for whoever cannot get it themselves."""
    return data_file(server, session, by, personaldata.get_person(session, person_id))


@router.post("/{person_id}/removal")
def remove(
    server: Server,
    session: Reading,
    reviewer: MaybeReviewer,
    by: ByHere,
    person_id: Number,
    data: Form,
) -> Response:
    """Remove a person, account and name; the form's tick says that this is meant."""

    def act(writing: Reading) -> None:
        if "sure" not in data:
            raise InvalidInput("Tick that this person shall be gone for good.")
        personaldata.remove(writing, by, personaldata.get_person(writing, person_id))

    done = _done(server, session, reviewer, act)
    if done.status_code == 303:
        hash_again(server.database, person_id, server.practice)
    return done


def _done(server: Server, session: Reading, reviewer: MaybeReviewer, act: Any) -> Response:
    try:
        with server.database.write() as writing:
            act(writing)
            writing.commit()
    except BluffcheckError as exc:
        if exc.status == 404:
            raise
        return _page(server, session, reviewer, exc)
    return RedirectResponse(BACK, status_code=303)


def _page(
    server: Server,
    session: Reading,
    reviewer: MaybeReviewer,
    error: BluffcheckError | None = None,
    link: str = "",
) -> Response:
    return page(
        "pages/people.html",
        error.status if error else 200,
        reviewer=reviewer,
        login=server.settings.login,
        members=people.members(session),
        without=[
            one
            for one in people.without_account(session)
            if one.name != personaldata.pseudonym(one.id)
        ],
        invites=people.open_invites(session),
        roles=list(Role),
        link=link,
        error=str(error or ""),
        pseudonym=personaldata.pseudonym,
    )
