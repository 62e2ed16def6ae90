"""People: accounts, what role they have, and the invite links that make them.

An account is how a reviewer logs in, one each: what they label is theirs as it always was.
"""

import unicodedata
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import Conflict, Gone, InvalidInput, NotFound
from app.origins import IMPORTED
from app.people.audit import By, note
from app.people.credentials import digest, hash_password, new_secret
from app.people.logins import end_all
from app.people.tables import Account, Invite, Role
from app.reviewing.labels import get_reviewer
from app.tables import Reviewer, now

INVITE_HOLDS = timedelta(days=7)
FIRST_HOLDS = timedelta(days=1)
ASK = "Ask an owner for another one."


@dataclass(frozen=True, slots=True)
class Member:
    """One account with its person."""

    account: Account
    reviewer: Reviewer

    @property
    def id(self) -> int:
        return self.reviewer.id


def login_key(login: str) -> str:
    """What tells two logins apart: "Ada@Example.org" and "ada@example.org" are one."""
    return unicodedata.normalize("NFKC", " ".join(login.split())).casefold()


def members(session: Session) -> list[Member]:
    """Everybody with an account, by name."""
    statement = select(Account, Reviewer).join(Reviewer)
    rows = session.exec(statement.order_by(col(Reviewer.name_key)))
    return [Member(account, reviewer) for account, reviewer in rows]


def get_member(session: Session, reviewer_id: int) -> Member:
    """Raises NotFound."""
    account = session.get(Account, reviewer_id)
    if account is None:
        raise NotFound("There is no such person.")
    return Member(account, session.get_one(Reviewer, reviewer_id))


def member_of_login(session: Session, login: str) -> Member | None:
    """An account that is open."""
    key = login_key(login)
    if not key.isprintable():  # no account has such a login, and Postgres takes no NUL character
        return None
    found = session.exec(select(Account).where(Account.login_key == key)).first()
    if found is None or found.deactivated_at is not None:
        return None
    return Member(found, session.get_one(Reviewer, found.reviewer_id))


def member_named(session: Session, login: str) -> Member | None:
    """The open account of whom a proxy or a provider names: there the login is all that there is.

    Only the case of ASCII letters may differ. To a provider “strauß” and “strauss” are two people,
    and where everybody can make an account, one who chose “ａda” must not be Ada.
    """
    member = member_of_login(session, login)
    same = member is not None and _written(member.account.login) == _written(login)
    return member if same else None


def _written(login: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in " ".join(login.split()))


def without_account(session: Session) -> list[Reviewer]:
    """Reviewers from before there were accounts, by name."""
    there = sqlalchemy.select(col(Account.reviewer_id))
    out_of_files = col(Reviewer.name_key).startswith(IMPORTED)
    statement = select(Reviewer).where(col(Reviewer.id).not_in(there), ~out_of_files)
    return list(session.exec(statement.order_by(col(Reviewer.name_key))))


def reviewer_called(session: Session, name: str) -> Reviewer:
    """Raises NotFound."""
    key = " ".join(name.split()).casefold()
    found = session.exec(select(Reviewer).where(Reviewer.name_key == key)).first()
    if found is None:
        raise NotFound(f"There is no reviewer called {name}.")
    return found


def has_owner(session: Session) -> bool:
    return bool(_owners(session))


def invite(
    session: Session,
    by: By,
    role: Role,
    reviewer_id: int | None = None,
    *,
    first: bool = False,
) -> str:
    """A new link's secret, which is told once. ``reviewer_id``: for a reviewer who is there
    already; where they have an account it sets a new password. Raises NotFound."""
    if reviewer_id is not None:
        if session.get(Reviewer, reviewer_id) is None:
            raise NotFound("There is no such reviewer.")
        account = session.get(Account, reviewer_id)
        role = account.role if account else role
    secret = new_secret()
    made = Invite(
        secret_hash=digest(secret),
        role=role,
        reviewer_id=reviewer_id,
        first=first,
        created_by=by.reviewer_id,
        expires_at=now() + (FIRST_HOLDS if first else INVITE_HOLDS),
    )
    session.add(made)
    session.flush()
    note(session, by, "invite made", "invite", made.id, f"role {role}")
    return secret


def first_link(database: Database) -> str:
    """The path of a link for the first owner; empty where there is an owner."""
    with database.write() as session:
        if has_owner(session):
            return ""
        secret = invite(session, By(), Role.owner, first=True)
        session.commit()
    return path_of(secret)


def path_of(secret: str) -> str:
    """Where an invite is followed."""
    return f"/invites/{secret}"


def open_invites(session: Session) -> list[tuple[Invite, Reviewer | None]]:
    """Links that still hold, the newest first, and whom each is for."""
    statement = (
        select(Invite, Reviewer)
        .outerjoin(Reviewer, col(Reviewer.id) == col(Invite.reviewer_id))
        .where(col(Invite.used_at).is_(None), col(Invite.expires_at) > now())
        .where(col(Invite.first).is_(False))
    )
    return list(session.exec(statement.order_by(col(Invite.id).desc())))


def revoke_invite(session: Session, by: By, invite_id: int) -> None:
    """Raises NotFound."""
    found = session.get(Invite, invite_id)
    if found is None or found.used_at is not None:
        raise NotFound("There is no such link, or it was used already.")
    session.delete(found)
    session.flush()
    note(session, by, "invite revoked", "invite", invite_id)


def open_invite(session: Session, secret: str) -> Invite:
    """Raises NotFound for a link that never was, Gone for one that was used or is too old."""
    statement = select(Invite).where(Invite.secret_hash == digest(secret))
    found = session.exec(statement.with_for_update()).first()
    if found is None:
        raise NotFound("There is no such invite. Check that the link was copied whole.")
    if found.used_at is not None:
        raise Gone(f"This link was used already: it works once. {ASK}")
    if found.expires_at <= now():
        raise Gone(f"This link was good until {found.expires_at:%d %B %Y, %H:%M} UTC. {ASK}")
    if found.first and has_owner(session):
        raise Gone("There is an owner already. Ask them for an invite.")
    return found


def join(
    session: Session,
    by: By,
    secret: str,
    name: str,
    login: str,
    password: str | None,
    *,
    chosen: bool = True,
) -> Member:
    """Use an invite: a new account, or a new password for the one it is for.

    ``password`` is None where a proxy says who it is; then one who has an account already gets the
    invite's role. ``chosen``: they typed their name. Raises InvalidInput, Conflict, NotFound or
    Gone; then the link still holds.
    """
    used = open_invite(session, secret)
    there = session.get(Account, used.reviewer_id) if used.reviewer_id else None
    if there is not None:
        member = get_member(session, there.reviewer_id)
        if there.deactivated_at is not None:
            raise Conflict("This account is closed: ask an owner to open it again.")
        if password is None:
            raise Conflict(
                "This link sets a password, and nobody has one here:"
                f" {member.reviewer.name} logs in as {there.login}."
            )
        set_password(session, By(member.id, by.address), member, password)
    elif password is None and (known := member_named(session, login)):
        member = known
        if used.reviewer_id is not None:
            whose = session.get_one(Reviewer, used.reviewer_id).name
            raise Conflict(
                f"This link makes an account for the labels of {whose}, and you have one already,"
                f" as {known.reviewer.name}. Ask an owner to remove that one under People; then"
                " open this link again, before any other page."
            )
        if used.role.rank > known.account.role.rank:
            set_role(session, By(known.id, by.address), known.id, used.role)
    else:
        reviewer = _person(session, used, name, chosen=chosen)
        key = login_key(login)
        if not 1 <= len(key) <= 200 or not key.isprintable():
            raise InvalidInput("Give an email address or a name to log in with.")
        hashed = "" if password is None else hash_password(password, login, name, key)
        member = add_account(session, by, reviewer, login, used.role, hashed)
    # Somebody else may have been faster with the same link.
    statement = update(Invite).where(col(Invite.id) == used.id, col(Invite.used_at).is_(None))
    if not session.execute(statement.values(used_at=now())).rowcount:  # type: ignore[attr-defined]
        raise Gone(f"This link was used just now: it works once. {ASK}")
    return member


def add_account(
    session: Session, by: By, reviewer: Reviewer, login: str, role: Role, password_hash: str = ""
) -> Member:
    """Raises Conflict where the login is taken."""
    login = " ".join(login.split())
    account = Account(
        reviewer_id=reviewer.id,
        login=login,
        login_key=login_key(login),
        role=role,
        password_hash=password_hash,
    )
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError:
        raise Conflict(
            "There is an account with this login already. Take another one."
            if password_hash
            else f"The account of {login} is closed, or belongs to somebody whose login is written"
            " alike: ask an owner to look under People."
        ) from None
    note(session, By(reviewer.id, by.address), "joined", "person", reviewer.id, f"role {role}")
    return Member(account, reviewer)


def set_password(session: Session, by: By, member: Member, password: str) -> None:
    """And end all sessions of that person. Raises InvalidInput."""
    account = member.account
    account.password_hash = hash_password(
        password, account.login, account.login_key, member.reviewer.name
    )
    session.add(account)
    end_all(session, account.reviewer_id)
    note(session, by, "password", "person", member.id)


def set_role(session: Session, by: By, reviewer_id: int, role: Role) -> None:
    """Raises NotFound, and Conflict for the last owner."""
    account = _locked(session, reviewer_id)
    if account.role is role:
        return
    _keep_an_owner(session, account)
    before, account.role = account.role, role
    session.add(account)
    session.flush()
    note(session, by, "role", "person", reviewer_id, f"{before} → {role}")


def deactivate(session: Session, by: By, reviewer_id: int) -> None:
    """Close an account: its sessions end at once. Raises NotFound, and Conflict for the last
    owner."""
    account = _locked(session, reviewer_id)
    _keep_an_owner(session, account)
    account.deactivated_at = account.deactivated_at or now()
    session.add(account)
    end_all(session, reviewer_id)
    note(session, by, "deactivated", "person", reviewer_id)


def activate(session: Session, by: By, reviewer_id: int) -> None:
    """Open it again. Raises NotFound."""
    account = _locked(session, reviewer_id)
    account.deactivated_at = None
    session.add(account)
    session.flush()
    note(session, by, "activated", "person", reviewer_id)


def _person(session: Session, used: Invite, name: str, *, chosen: bool) -> Reviewer:
    """Whose account it becomes: nobody gets the labels of somebody else by giving their name.

    ``chosen``: they typed the name. A provider says what people are called, and they can give no
    other one, so one that is taken gets a number.
    """
    if used.reviewer_id is not None:
        return session.get_one(Reviewer, used.reviewer_id)
    known = {reviewer.id for reviewer in session.exec(select(Reviewer))}
    reviewer = get_reviewer(session, name)
    if reviewer.id not in known or (used.first and session.get(Account, reviewer.id) is None):
        return reviewer
    if not chosen:
        return get_reviewer(session, _free(session, name))
    raise Conflict(
        f"There is a reviewer called {reviewer.name} already. If that is you, ask an owner for a"
        " link that is made for this reviewer; else give another name."
    )


def _owners(session: Session) -> list[int]:
    """The open accounts of owners. Locked: two who step down at once come one after the other."""
    statement = select(Account.reviewer_id).where(
        Account.role == Role.owner, col(Account.deactivated_at).is_(None)
    )
    return list(session.exec(statement.order_by(col(Account.reviewer_id)).with_for_update()))


def _locked(session: Session, reviewer_id: int) -> Account:
    _owners(session)
    account = session.get(Account, reviewer_id, populate_existing=True)
    if account is None:
        raise NotFound("There is no such person.")
    return account


def _keep_an_owner(session: Session, account: Account) -> None:
    if _owners(session) == [account.reviewer_id]:
        raise Conflict("This is the last owner. Make somebody else an owner first.")


def welcome(session: Session, by: By, login: str, role: Role) -> Member:
    """An account for whom a proxy named for the first time. Nobody becomes a reviewer of before
    by being called like them. Raises InvalidInput, Conflict."""
    return add_account(session, by, get_reviewer(session, _free(session, login)), login, role)


def _free(session: Session, name: str) -> str:
    """This name, with a number where somebody has it."""
    known = set(session.exec(select(Reviewer.name_key)))
    name = " ".join(name.split())[:70]
    names = [name, *(f"{name} {n}" for n in range(2, 1000))]
    return next((one for one in names if one.casefold() not in known), name)
