"""The audit log: who did what, when, to what and from where. It is only ever added to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy
from sqlmodel import Session, col, select

from app.exports.csv import cell
from app.people.tables import AuditLine
from app.tables import Reviewer

PAGE = 100
COMMAND_LINE = "command line"  # instead of an address
COLUMNS = ("at", "who", "action", "kind", "subject", "detail", "address")
# Every action there is, and what it says.
ACTIONS: Final = {
    "login": "logged in",
    "login failed": "gave a wrong password, or there is no such account",
    "login held": "tried too often to log in",
    "logout": "logged out, or ended a session",
    "password": "set a password",
    "token made": "made a token for programs",
    "token revoked": "took a token back",
    "invite made": "made an invite link",
    "invite revoked": "took an invite link back",
    "joined": "got an account",
    "role": "changed somebody's role",
    "deactivated": "closed an account",
    "activated": "opened an account again",
    "removed": "removed a person",
    "data": "downloaded all that is kept of a person",
    "label": "labelled answers",
    "label cleared": "took a label away",
    "decision": "decided answers",
    "label undone": "took back the latest label",
    "pasted": "added pasted answers, or took one out",
    "shared": "made a link for people outside",
    "share revoked": "took a link back",
    "export": "downloaded a grid, the library or this log",
    "grid started": "started a grid",
    "grid enlarged": "added to a grid",
    "grid run again": "ran answers again",
    "grid cancelled": "cancelled a grid, or answers of it",
    "grid paused": "paused a grid",
    "grid resumed": "let a grid go on",
    "grid imported": "imported a grid",
    "labels imported": "added labels out of a file to a grid",
    "grid deleted": "deleted a grid",
    "grid restored": "restored a deleted grid",
    "ceiling": "changed what a grid may make or cost",
    "access": "changed who may see or label a grid",
    "price added": "entered a price",
    "price removed": "removed a price",
    "limit": "changed how fast a provider may be called",
}

# What it can be done to.
KINDS: Final = ("grid", "answer", "library", "person", "invite", "session", "token", "model",
                "account", "audit")  # fmt: skip


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, as far as known, and from where."""

    reviewer_id: int | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What is looked for in the log; what is empty is not."""

    action: str = ""
    who: int | None = None  # a reviewer's number
    kind: str = ""
    subject: str = ""

    def narrow(self, statement: Any) -> Any:
        wanted = {
            AuditLine.action: self.action,
            AuditLine.reviewer_id: self.who,
            AuditLine.kind: self.kind,
            AuditLine.subject: self.subject,
        }
        return statement.where(*(c == value for c, value in wanted.items() if value))


def note(
    session: Session, by: By, action: str, kind: str = "", subject: object = "", detail: str = ""
) -> None:
    """Add a line, in the transaction of what it tells of. ``detail`` must hold nobody's name."""
    session.add(
        AuditLine(
            reviewer_id=by.reviewer_id,
            action=action,
            kind=kind,
            subject=str(subject),
            detail=detail,
            address=by.address,
        )
    )
    session.flush()


def lines(
    session: Session, about: About, before: int | None = None, limit: int = PAGE
) -> list[tuple[AuditLine, Reviewer | None]]:
    """The newest first; ``before``: older than the line of this number."""
    statement = select(AuditLine, Reviewer).outerjoin(
        Reviewer, col(Reviewer.id) == col(AuditLine.reviewer_id)
    )
    statement = about.narrow(statement)
    if before is not None:
        statement = statement.where(col(AuditLine.id) < before)
    return list(session.exec(statement.order_by(col(AuditLine.id).desc()).limit(limit)))


def people_in(session: Session) -> list[Reviewer]:
    """Who stands in the log, by name."""
    statement = select(Reviewer).where(
        col(Reviewer.id).in_(sqlalchemy.select(col(AuditLine.reviewer_id)).distinct())
    )
    return list(session.exec(statement.order_by(col(Reviewer.name_key))))


def names_in(
    session: Session, found: Iterable[tuple[AuditLine, Reviewer | None]]
) -> dict[int, str]:
    """The names of the people whom these lines are about, by number."""
    numbers = {int(line.subject) for line, _ in found if line.kind == "person"}
    rows = session.exec(select(Reviewer).where(col(Reviewer.id).in_(numbers)))
    return {reviewer.id: reviewer.name for reviewer in rows}


def as_csv(session: Session, about: About) -> Iterator[str]:
    """All lines, the newest first, as CSV."""
    yield ",".join(COLUMNS) + "\r\n"
    before = None
    while found := lines(session, about, before, 1000):
        for line, who in found:
            told = {"at": line.at.isoformat(), "who": who.name if who else ""}
            values = line.model_dump() | told
            yield ",".join(cell(str(values[name])) for name in COLUMNS) + "\r\n"
        before = found[-1][0].id
