"""Logging in with a password."""

from app.db import Database
from app.errors import BluffcheckError
from app.people import logins
from app.people.audit import By, note
from app.people.credentials import fits
from app.people.members import Member, login_key, member_of_login


class WrongPassword(BluffcheckError):
    status = 401
    title = "That did not work"


def log_in(
    database: Database, login: str, password: str, address: str, browser: str
) -> tuple[Member, str]:
    """The person, and the secret of a new session. Raises WrongPassword or TooOften.

    The try is counted before the password is looked at, and nothing is locked meanwhile. An
    account that is not there takes as long, and is told in the same words.
    """
    with database.write() as session:
        member = member_of_login(session, login)
        known = By(member.id if member else None, address)
        try:
            logins.count_try(session, login_key(login), address)
        except logins.TooOften as exc:
            if exc.first:
                note(session, known, "login held")
            session.commit()
            raise
        session.commit()
    right = fits(password, member.account.password_hash if member else "")
    with database.write() as session:
        if member is None or not right:
            note(session, known, "login failed")
            session.commit()
            raise WrongPassword("There is no account with this login and this password.")
        logins.forget_tries(session, login_key(login), address)
        note(session, known, "login")
        secret = logins.begin(session, member.id, address, browser)
        session.commit()
    return member, secret
