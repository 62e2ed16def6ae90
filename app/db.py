"""Engines, sessions and migrations: the only file that knows which database it is.

On SQLite there are two engines. The writer has one connection and takes the write lock at BEGIN: a
transaction that reads first and writes later would otherwise fail at once with "database is
locked" when another one wrote in between. Readers are ten connections that cannot write.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session, create_engine

from app.errors import SettingsError, Unavailable
from app.upkeep import metrics

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ROOT / "migrations" / "versions"
# Names of our advisory locks on Postgres: while migrating, and for the one runner.
_MIGRATING, _RUNNING = 0x626C7566, 0x626C7567
LOCK_WAIT_S = 2  # while another program writes to a SQLite file: somebody may be waiting
PATIENCE_S = 10  # the same where nobody is, and for the one connection that writes
READ_CACHE_KB = 500  # of each SQLite connection that reads
_READ_ONLY = "25006"  # of Postgres
_CLASHES = ("40P01", "40001")  # deadlocks and the like, of Postgres


class Database:
    """One database: ``read()`` and ``write()`` give sessions, ``migrate()`` updates its tables."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.trouble = ""  # why the runner, which tries on and on, cannot write; empty: it can
        self.kept: dict[int, Any] = {}  # what readers of a grid keep for the next, by its id
        self._lock: FileLock | Connection | None = None
        if self.is_sqlite:
            if self.url.database and self.url.database != ":memory:":
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            self.writer = _sqlite_engine(url, self._refuse)
            self.reader = _sqlite_engine(url)
        else:
            self.writer = self.reader = _postgres_engine(url)
        self._insisting = self.writer.execution_options(insist=True)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot of the data; nothing it holds is written.

        Raises Unavailable where the database is away.
        """
        info = {"kept": self.kept}
        with _told(_not_read), Session(self.reader, expire_on_commit=False, info=info) as session:
            if not self.is_sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextmanager
    def write(self, *, insist: bool = False) -> Iterator[Session]:
        """A session that may write. Commit visibly; what is not committed is rolled back.

        Raises Unavailable where the database is locked, full, read-only or away: after a moment,
        or at once while the runner knows of it, unless this is to find out (``insist``).
        """
        engine = self._insisting if insist else self.writer
        with (
            metrics.WRITE_SECONDS.time(),
            _told(_not_written),
            Session(engine, expire_on_commit=False) as session,
        ):
            if not insist:
                self._refuse()
            yield session

    def _refuse(self) -> None:
        if self.trouble:
            raise _not_written(self.trouble)

    def take_turns(self, session: Session, about: str = "") -> None:
        """Let one process at a time go on from here, until its transaction ends.

        ``about``: one of those that are about the same. SQLite does that by itself.
        """
        if about and not self.is_sqlite:
            lock = text(f"SELECT pg_advisory_xact_lock(hashtextextended(:about, {_MIGRATING}))")
            session.execute(lock, {"about": about})
        elif not self.is_sqlite:
            session.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))

    def migrate(self, to: str = "") -> None:
        """Run all migrations (or those up to one) in one transaction; safe when several processes
        start at once."""
        to = to or revisions()[0]
        if self.revision() == to:
            return  # most starts: Alembic is loaded only where there is work for it
        from app.migrating import upgrade

        with self.writer.connect() as connection:
            if self.is_sqlite:
                # A batch step drops and recreates a table: with foreign keys on, the drop would
                # delete every row that points at it. The pragma does nothing inside a transaction.
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA foreign_keys=OFF")
                driver.execute(f"PRAGMA busy_timeout={PATIENCE_S * 1000}")
                with connection.begin():
                    upgrade(connection, to)
                    broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
                    if broken:
                        raise RuntimeError(f"migration left dangling rows: {broken[:5]}")
                driver.execute("PRAGMA foreign_keys=ON")
                driver.execute(f"PRAGMA busy_timeout={LOCK_WAIT_S * 1000}")
            else:
                with connection.begin():
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))
                    upgrade(connection, to)

    def revision(self) -> str | None:
        """That of the tables, as Alembic keeps it; None: there are none yet."""
        with self.reader.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return found

    def hold(self, *, alone: bool = True) -> None:
        """Make this the one process that uses this database, until ``close``.

        On Postgres several may, unless one wants to be ``alone``. Raises SettingsError when it
        cannot be had: on SQLite two processes would both call every model.
        """
        if self.is_sqlite:
            lock = FileLock(f"{self.url.database}.lock", blocking=False, thread_local=False)
            try:
                lock.acquire()
            except Timeout:
                raise SettingsError(
                    f"Another Bluffcheck is already using {self.url.database}."
                    " Stop it first, or choose another --data-dir."
                ) from None
            self._lock = lock
        else:
            connection = self.writer.connect().execution_options(isolation_level="AUTOCOMMIT")
            shared = "" if alone else "_shared"
            if not connection.scalar(text(f"SELECT pg_try_advisory_lock{shared}({_RUNNING})")):
                connection.close()
                raise SettingsError(
                    "Another Bluffcheck is already using this Postgres database. Stop its servers"
                    " and workers first."
                )
            self._lock = connection

    def hold_on(self) -> None:
        """On Postgres, ``hold`` again beside others if need be: when a connection breaks, the
        server lets go of what it held. Raises DBAPIError; then it works the next time, perhaps.
        """
        if isinstance(self._lock, Connection):
            try:
                # Held several times it is held all the same.
                self._lock.execute(text(f"SELECT pg_try_advisory_lock_shared({_RUNNING})"))
                self._lock.commit()
            except DBAPIError:
                self._lock.rollback()  # only then it connects again
                raise

    def close(self) -> None:
        if isinstance(self._lock, FileLock):
            self._lock.release()
        elif self._lock is not None:
            with suppress(DBAPIError):  # the server is gone, and its locks with it
                self._lock.execute(text("SELECT pg_advisory_unlock_all()"))
            self._lock.close()
        self._lock = None
        for engine in (self.reader, self.writer):
            # What a thread still uses comes back to a pool that nobody has any more.
            event.listen(engine, "checkin", lambda _, record: record.invalidate())
            engine.dispose()


@cache
def revisions() -> list[str]:
    """The revisions that this program knows, newest first: their files are numbered."""
    return sorted(
        (path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py")), reverse=True
    )


def newer(revision: str | None) -> str:
    """What is wrong with tables that only a later version knows; empty: nothing."""
    if revision is None or revision in revisions():
        return ""
    return (
        f"it comes from a newer Bluffcheck (its tables are at {revision}, this one knows them up"
        f" to {revisions()[0]})"
    )


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn write-ahead logging on. For this, SQLite does not wait for others by itself."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)


def _postgres_engine(url: str) -> Engine:
    try:
        engine = create_engine(url, pool_size=20, max_overflow=10, hide_parameters=True)
    except ModuleNotFoundError as exc:
        raise SettingsError(
            "A Postgres database needs the extra “team”: start with make run EXTRA=team, or"
            " uv run --extra team."
        ) from exc

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # A saved answer was paid for and a label was somebody's work. A server that is told to
        # wait for more than its own disk keeps doing that.
        if connection.execute("SHOW synchronous_commit").fetchone()[0] == "off":
            connection.execute("SET synchronous_commit = on")
        connection.commit()

    return engine


def _sqlite_engine(url: str, refuse: Callable[[], None] | None = None) -> Engine:
    """One that reads; with ``refuse``, which may raise before a transaction, one that writes."""
    writing = refuse is not None
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False},
        pool_size=1 if writing else 10,
        max_overflow=0,
        pool_timeout=PATIENCE_S if writing else 60,
        hide_parameters=True,  # prompts and answers do not belong into logs
    )
    pragmas = [
        # A saved answer was paid for and a label was somebody's work: with NORMAL the last commits
        # can be lost when the power goes.
        "synchronous=FULL",
        f"busy_timeout={(LOCK_WAIT_S if writing else PATIENCE_S) * 1000}",
        "foreign_keys=ON",
    ]
    if not writing:
        # Ten connections with SQLite's usual 2 MB each would be most of what a busy server takes;
        # what they read again is in the system's cache.
        pragmas += ["query_only=ON", f"cache_size=-{READ_CACHE_KB}"]

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late to be useful
        _write_ahead(connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # Again: trouble may have come while this waited for the connection.
        if refuse is not None and not connection.get_execution_options().get("insist"):
            refuse()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


@contextmanager
def _told(what: Callable[..., Unavailable]) -> Iterator[None]:
    """Turn what may pass into Unavailable; ``what`` is not possible meanwhile."""
    try:
        yield
    except PoolTimeout as exc:
        raise what("others are writing") from exc
    except DBAPIError as exc:
        state = getattr(exc.orig, "sqlstate", None)
        # A connection that breaks is not always an OperationalError, nor is "read-only".
        lost = exc.connection_invalidated
        # "No such table" is an OperationalError of SQLite too, and none that passes.
        broken = getattr(exc.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
        if broken or not (isinstance(exc, OperationalError) or lost or state == _READ_ONLY):
            raise
        # The first line, without the statement and its values.
        reason = str(exc.orig).strip().partition("\n")[0]
        raise what(reason, lost=lost, clashed=state in _CLASHES) from exc


def _not_read(reason: str, **_: bool) -> Unavailable:
    return Unavailable(f"It cannot be read at the moment: {reason}. Try again soon.", reason)


def _not_written(reason: str, *, lost: bool = False, clashed: bool = False) -> Unavailable:
    if lost:  # perhaps while it confirmed the commit
        sentence = f"Its connection broke: {reason}. Look whether this was saved, then try again."
    else:
        sentence = f"It cannot be written at the moment: {reason}. Nothing was saved: try again."
    return Unavailable(sentence, reason, clashed=clashed)
