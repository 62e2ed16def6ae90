"""Personal tokens: how programs log in. Each is shown once, for one purpose, until some day."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session, col, select

from app.errors import InvalidInput, NotFound
from app.people.audit import By, note
from app.people.credentials import digest, new_secret
from app.people.logins import of_secret
from app.people.tables import Account, ApiToken, Scope
from app.tables import Reviewer, now

PREFIX = "bluff_"  # by which a token that leaked is recognised
LONGEST_DAYS = 365
MOST = 20  # of one person


def make_token(
    session: Session, by: By, account: Account, name: str, scope: Scope, days: int
) -> str:
    """The token, which is told once. Raises InvalidInput."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise InvalidInput("Say what the token is for, in 1 to 80 printable characters.")
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(f"A token holds for 1 to {LONGEST_DAYS} days.")
    if not account.role.covers(scope.role):
        raise InvalidInput(f"A token to {scope} takes the role {scope.role}.")
    if len(tokens_of(session, account.reviewer_id)) >= MOST:
        raise InvalidInput(f"There are {MOST} tokens already: revoke one that is not used.")
    token = PREFIX + new_secret()
    made = ApiToken(
        secret_hash=digest(token),
        reviewer_id=account.reviewer_id,
        name=name,
        scope=scope,
        expires_at=now() + timedelta(days=days),
    )
    session.add(made)
    session.flush()
    note(session, by, "token made", "token", made.id, f"to {scope}, {days} days")
    return token


def find_token(session: Session, token: str) -> tuple[ApiToken, Account, Reviewer] | None:
    """While it and its account hold."""
    found = of_secret(session, ApiToken, token)
    return found if found and found[0].expires_at > now() else None


def tokens_of(session: Session, reviewer_id: int) -> Sequence[ApiToken]:
    """The newest first, also those whose day has come."""
    statement = select(ApiToken).where(ApiToken.reviewer_id == reviewer_id)
    return session.exec(statement.order_by(col(ApiToken.id).desc())).all()


def revoke_token(session: Session, by: By, token_id: int) -> None:
    """One of one's own. Raises NotFound."""
    found = session.get(ApiToken, token_id)
    if found is None or found.reviewer_id != by.reviewer_id:
        raise NotFound("You have no such token.")
    session.delete(found)
    session.flush()
    note(session, by, "token revoked", "token", token_id)
