"""Engines, sessions and migrations: the only file that knows which database it is.

On SQLite there are two engines. The writer has one connection and takes the write lock at BEGIN: a
transaction that reads first and writes later would otherwise fail at once with "database is
locked" when another one wrote in between. Readers are ten connections that cannot write.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, create_engine

from app.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
# Names of our advisory locks on Postgres: while migrating, and for the one runner.
_MIGRATING, _RUNNING = 0x626C7566, 0x626C7567


class Database:
    """One database: ``read()`` and ``write()`` give sessions, ``migrate()`` updates its tables."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._lock: FileLock | Connection | None = None
        if self.is_sqlite:
            if self.url.database and self.url.database != ":memory:":
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            self.writer = _sqlite_engine(url, writing=True)
            self.reader = _sqlite_engine(url, writing=False)
        else:
            self.writer = self.reader = _postgres_engine(url)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot of the data; nothing it holds is written."""
        with Session(self.reader, expire_on_commit=False) as session:
            if not self.is_sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that may write. Commit visibly; what is not committed is rolled back."""
        with Session(self.writer, expire_on_commit=False) as session:
            yield session

    def migrate(self) -> None:
        """Run all migrations in one transaction; safe when several processes start at once."""
        with self.writer.connect() as connection:
            if self.is_sqlite:
                # A batch step drops and recreates a table: with foreign keys on, the drop would
                # delete every row that points at it. The pragma does nothing inside a transaction.
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA foreign_keys=OFF")
                with connection.begin():
                    _upgrade(connection)
                    broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
                    if broken:
                        raise RuntimeError(f"migration left dangling rows: {broken[:5]}")
                driver.execute("PRAGMA foreign_keys=ON")
            else:
                with connection.begin():
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))
                    _upgrade(connection)

    def revision(self) -> str | None:
        with self.reader.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()

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

    def close(self) -> None:
        if isinstance(self._lock, FileLock):
            self._lock.release()
        elif self._lock is not None:
            with suppress(DBAPIError):  # the server is gone, and its locks with it
                self._lock.execute(text("SELECT pg_advisory_unlock_all()"))
            self._lock.close()
        self._lock = None
        self.reader.dispose()
        self.writer.dispose()


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings stand in pyproject.toml; the connection is ours."""
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["connection"] = connection
    return config


def revisions(connection: Connection) -> list[str]:
    """The revisions that this program knows, newest first."""
    scripts = ScriptDirectory.from_config(alembic_config(connection))
    return [script.revision for script in scripts.walk_revisions()]


def _upgrade(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "head")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn write-ahead logging on. For this, SQLite does not wait for others by itself."""
    give_up_at = time.monotonic() + 10
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


def _sqlite_engine(url: str, *, writing: bool) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False},
        pool_size=1 if writing else 10,
        max_overflow=0,
        pool_timeout=60,
        hide_parameters=True,  # prompts and answers do not belong into logs
    )
    pragmas = [
        # A saved answer was paid for and a label was somebody's work: with NORMAL the last commits
        # can be lost when the power goes.
        "synchronous=FULL",
        "busy_timeout=10000",
        "foreign_keys=ON",
    ]
    if not writing:
        pragmas.append("query_only=ON")

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late to be useful
        _write_ahead(connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine
