"""Sessions of browsers, and how often one may try to log in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import bindparam, delete, text, update
from sqlmodel import Session, col, select
from sqlmodel.sql.sqltypes import UTCDateTime

from app.errors import BluffcheckError
from app.people.credentials import digest, new_secret
from app.people.tables import Account, ApiToken, Login, LoginTry
from app.tables import Reviewer, now

HOLDS = timedelta(days=30)
IDLE = timedelta(days=7)  # not used for so long, it ends earlier
TRIES, WINDOW = 10, timedelta(minutes=15)
TRIES_OF_ADDRESS = 50  # a whole office may have one
NOTED_EVERY = timedelta(minutes=1)  # how exactly the last use is kept
U = TypeVar("U", Login, ApiToken)
_FIRST_TRY = text(
    "INSERT INTO login_try (key, tries, began_at) VALUES (:key, 0, :at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=UTCDateTime()))


class TooOften(BluffcheckError):
    """``wait_s``: how long until it may be tried again; ``first``: nobody was told before."""

    status = 429
    title = "Too many tries"

    def __init__(self, wait_s: int, *, first: bool) -> None:
        minutes = max(1, round(wait_s / 60))
        super().__init__(
            f"That was tried too often. Wait {minutes} minute{'s' if minutes > 1 else ''}, then try"
            " again."
        )
        self.wait_s = wait_s
        self.first = first


def count_try(session: Session, login: str, address: str) -> None:
    """Count a try before it is made, so that many at once do not pass. The caller commits, also
    where this raises TooOften."""
    at = now()
    session.execute(delete(LoginTry).where(col(LoginTry.began_at) < at - WINDOW))
    for key, most in ((f"login {login}", TRIES), (f"address {address}", TRIES_OF_ADDRESS)):
        hashed = digest(key)
        session.execute(_FIRST_TRY, {"key": hashed, "at": at})  # two may come at once
        found = session.get_one(LoginTry, hashed, with_for_update=True, populate_existing=True)
        found.tries += 1
        session.add(found)
        session.flush()
        if found.tries > most:
            left = (found.began_at + WINDOW - at).total_seconds()
            raise TooOften(max(1, round(left)), first=found.tries == most + 1)


def forget_tries(session: Session, login: str, address: str) -> None:
    """After the right password: nothing is held against the account, nor this try against an
    address from which many people may come."""
    session.execute(delete(LoginTry).where(col(LoginTry.key) == digest(f"login {login}")))
    of_address = col(LoginTry.key) == digest(f"address {address}")
    fewer = col(LoginTry.tries) - 1
    session.execute(update(LoginTry).where(of_address).values(tries=fewer))


def begin(session: Session, reviewer_id: int, address: str, browser: str) -> str:
    """A new session: what its cookie holds."""
    secret = new_secret()
    session.execute(delete(Login).where(col(Login.expires_at) < now()))
    session.add(
        Login(
            secret_hash=digest(secret),
            reviewer_id=reviewer_id,
            expires_at=now() + HOLDS,
            address=address,
            browser=browser[:200],
        )
    )
    session.flush()
    return secret


def find(session: Session, secret: str) -> tuple[Login, Account, Reviewer] | None:
    """The session of a cookie, while it and its account hold."""
    found = of_secret(session, Login, secret)
    return found if found and ends_at(found[0]) > now() else None


def of_secret(session: Session, kind: type[U], secret: str) -> tuple[U, Account, Reviewer] | None:
    """The session or token with this secret and whose it is, while the account holds."""
    statement = (
        select(kind, Account, Reviewer)
        .join(Account, col(Account.reviewer_id) == kind.reviewer_id)
        .join(Reviewer, col(Reviewer.id) == kind.reviewer_id)
        .where(kind.secret_hash == digest(secret), col(Account.deactivated_at).is_(None))
    )
    return session.exec(statement).first()


def ends_at(login: Login) -> datetime:
    return min(login.expires_at, login.last_used_at + IDLE)


def sessions_of(session: Session, reviewer_id: int) -> Sequence[Login]:
    """Those that hold, the latest used first."""
    statement = select(Login).where(Login.reviewer_id == reviewer_id)
    found = session.exec(statement.order_by(col(Login.last_used_at).desc()))
    return [login for login in found if ends_at(login) > now()]


def end(session: Session, reviewer_id: int, login_id: int) -> bool:
    """One session of this person; False where it is none of theirs."""
    found = session.get(Login, login_id)
    if found is None or found.reviewer_id != reviewer_id:
        return False
    session.delete(found)
    session.flush()
    return True


def end_all(session: Session, reviewer_id: int, but: int | None = None) -> None:
    """All sessions of this person, ``but`` one."""
    session.execute(
        delete(Login).where(col(Login.reviewer_id) == reviewer_id, col(Login.id) != (but or 0))
    )


def note_use(session: Session, used: Login | ApiToken) -> None:
    session.execute(
        update(type(used)).where(col(type(used).id) == used.id).values(last_used_at=now())
    )
