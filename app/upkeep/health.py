"""Whether a server can do its work: for what restarts it, and for what sends it visitors."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, func, select, text

from app.db import Database, revisions
from app.errors import Unavailable
from app.runner import Runner
from app.tables import Answer, AnswerState, Label

log = logging.getLogger(__name__)
Look = Callable[[Database], str]
LEAST_FREE = 50_000_000  # bytes; below, a database may stop being written at any time


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``problem``: a sentence; empty where it is in order."""

    name: str
    problem: str = ""


def readiness(database: Database, runner: Runner) -> list[Finding]:
    """What a server needs to serve. Sentences name no host, path or user: anybody may ask."""
    found = [Finding(name, _problem(name, look, database)) for name, look in _LOOKS.items()]
    return [*found, Finding("runner", runner.problem)]


def waiting_and_labels(session: Session) -> tuple[int, int]:
    """How many answers wait for their calls, and how many labels there are."""
    waiting = select(func.count()).where(col(Answer.state) == AnswerState.pending)
    return session.exec(waiting).one(), session.exec(select(func.count(col(Label.id)))).one()


def free_bytes(database: Database) -> int | None:
    """What is left on the disk of a SQLite file; None where it cannot be told."""
    folder = Path(database.url.database or "").absolute().parent
    return shutil.disk_usage(folder).free if database.is_sqlite and folder.is_dir() else None


def _problem(name: str, look: Look, database: Database) -> str:
    try:
        return look(database)
    except (Unavailable, DBAPIError, OSError) as exc:
        log.warning("not ready, %s: %s", name, getattr(exc, "orig", None) or exc)
        return f"The database cannot be {'written' if name == 'writing' else 'read'}; see the log."


def _reads(database: Database) -> str:
    with database.read() as session:
        session.execute(text("SELECT 1"))
    return ""


def _is_current(database: Database) -> str:
    if database.revision() == revisions()[0]:
        return ""
    return "The tables are not those of this version: restart the server, which updates them."


def _writes(database: Database) -> str:
    if (free := free_bytes(database)) is not None and free < LEAST_FREE:
        return f"Only {free / 1e6:.0f} MB are left on the disk."
    with database.write() as session:
        # On SQLite beginning is enough: it takes the lock that a writer needs.
        session.connection()
        read_only = not database.is_sqlite and session.scalar(text("SHOW transaction_read_only"))
        session.rollback()
    return "The database takes no writes." if read_only == "on" else ""


_LOOKS: dict[str, Look] = {"reading": _reads, "migrations": _is_current, "writing": _writes}
