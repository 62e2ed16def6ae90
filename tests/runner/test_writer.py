"""The writer: order, grouping, one bad write among good ones, a database that is away."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from app.db import Database
from app.errors import Unavailable
from app.runner.writer import GROUP, Step, Writer
from tests.polling import wait_for
from tests.support.postgres import PostgresServer


class Notes:
    """A table to write to, and steps that write there."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.groups: list[list[str]] = []
        with database.write() as session:
            session.execute(text("CREATE TABLE note (text VARCHAR(20) NOT NULL UNIQUE)"))
            session.commit()

    def add(self, session: Session, items: Sequence[str]) -> list[str]:
        self.groups.append(list(items))
        insert = text("INSERT INTO note VALUES (:text)")
        session.execute(insert, [{"text": item} for item in items])
        return [f"{item}!" for item in items]

    def count(self, session: Session, items: Sequence[str]) -> list[int]:
        found = session.execute(text("SELECT count(*) FROM note")).scalar_one()
        return [found] * len(items)

    def all(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(text("SELECT text FROM note ORDER BY text")))

    def run(self, use: Callable[[Writer], Awaitable[None]]) -> None:
        async def go() -> None:
            steps: list[Step[str, object]] = [self.add, self.count]
            writer = Writer(self.database, steps)
            try:
                await use(writer)
            finally:
                await writer.stop()

        asyncio.run(go())


@pytest.fixture
def notes(database: Database) -> Notes:
    return Notes(database)


def test_each_gets_its_own_result_in_few_transactions(notes: Notes) -> None:
    names = [f"n{n:03}" for n in range(100)]

    async def use(writer: Writer) -> None:
        found = await asyncio.gather(*(writer.put(notes.add, name) for name in names))
        assert found == [f"{name}!" for name in names]

    notes.run(use)
    assert notes.all() == names
    assert [name for group in notes.groups for name in group] == names
    assert len(notes.groups) <= 2 + 100 // GROUP
    assert max(map(len, notes.groups)) <= GROUP


def test_steps_of_one_transaction_come_in_the_given_order(notes: Notes) -> None:
    async def use(writer: Writer) -> None:
        await writer.put(notes.add, "first")
        counted = writer.put(notes.count, "")
        added = writer.put(notes.add, "later")
        await asyncio.gather(counted, added)
        assert counted.result() in (1, 2)  # 2 when they shared a transaction

    notes.run(use)


def test_one_bad_write_does_not_take_others_down(notes: Notes) -> None:
    async def use(writer: Writer) -> None:
        names = ["a", "b", "a", "x" * 30, "c", None]
        found = await asyncio.gather(
            *(writer.put(notes.add, name) for name in names),  # type: ignore[arg-type]
            return_exceptions=True,
        )
        assert [isinstance(f, Exception) for f in found][2::3] == [True, True]
        assert found[0] == "a!"
        assert found[4] == "c!"

    notes.run(use)
    assert [n for n in notes.all() if len(n) == 1] == ["a", "b", "c"]


def test_write_happens_though_its_caller_was_cancelled(notes: Notes) -> None:
    async def use(writer: Writer) -> None:
        async def caller() -> None:
            await writer.put(notes.add, "paid for")

        task = asyncio.create_task(caller())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    notes.run(use)
    assert notes.all() == ["paid for"]


def test_stopping_writes_what_waits(notes: Notes) -> None:
    async def use(writer: Writer) -> None:
        for n in range(50):
            writer.put(notes.add, f"n{n:03}")

    notes.run(use)
    assert len(notes.all()) == 50


@pytest.fixture
def sqlite_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    """On SQLite, with little patience for locks."""
    monkeypatch.setattr("app.runner.writer.RETRY_S", 0.02)
    database = Database(f"sqlite:///{tmp_path / 'notes.db'}")
    with database.writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=10")
    yield Notes(database)
    database.close()


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Somebody else is in the middle of a write."""
    other = sqlite3.connect(database.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


def test_writes_wait_for_a_locked_database(
    sqlite_notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(writer: Writer) -> None:
        with locked(sqlite_notes.database):
            first = writer.put(sqlite_notes.add, "first")
            await asyncio.sleep(0.1)
            second = writer.put(sqlite_notes.add, "second")
            await asyncio.sleep(0.1)
            assert not first.done()
        assert [await first, await second] == ["first!", "second!"]

    sqlite_notes.run(use)
    assert sqlite_notes.all() == ["first", "second"]
    assert [record.getMessage() for record in caplog.records] == [
        "the database cannot be written, trying on: database is locked",
        "the database can be written again",
    ]


def test_trouble_is_over_though_what_waited_was_bad(sqlite_notes: Notes) -> None:
    database = sqlite_notes.database

    async def use(writer: Writer) -> None:
        with locked(database):
            twice = [writer.put(sqlite_notes.add, "twice") for _ in range(2)]
            await asyncio.to_thread(wait_for, lambda: writer.trouble, "that the writer notices")
            # Everybody else is told at once, and does not wait for the lock.
            with pytest.raises(Unavailable, match="Nothing was saved"), database.write():
                pass
        await asyncio.wait(twice)
        assert [write.exception() is None for write in twice] == [True, False]
        assert writer.trouble == ""

    sqlite_notes.run(use)
    assert sqlite_notes.all() == ["twice"]


def test_deadlock_is_repeated_at_once(
    postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(postgres.create_database())
    mine, theirs = (text(f"UPDATE note SET text = '{n}' WHERE text = '{n}'") for n in "ab")
    notes = Notes(database)
    with database.write() as session:
        session.execute(text("INSERT INTO note VALUES ('a'), ('b')"))
        session.commit()
    other = database.writer.connect()
    other.execute(text("SET deadlock_timeout = '60s'"))  # so that the writer is the one to give up
    other.execute(theirs)
    waiting = threading.Thread(target=other.execute, args=[mine])
    tries = 0

    def cross(session: Session, items: Sequence[str]) -> list[str]:
        nonlocal tries
        tries += 1
        if tries == 2:
            waiting.join()
            other.commit()
        session.execute(mine)
        if tries == 1:
            waiting.start()
            wait_for(lambda: is_waiting(database), "the other to wait")
        session.execute(theirs)
        return list(items)

    async def use() -> None:
        writer = Writer(database, [cross])
        assert await writer.put(cross, "crossed") == "crossed"
        await writer.stop()

    asyncio.run(use())
    other.close()
    database.close()
    assert (tries, notes.groups) == (2, [])
    assert [record for record in caplog.records if record.name == "app.runner.writer"] == []


def is_waiting(database: Database) -> bool:
    """Whether anybody waits for a row that somebody else has changed."""
    with database.reader.connect() as connection:
        statement = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        return bool(connection.scalar(text(statement)))


def test_stopping_does_not_wait_for_ever(
    sqlite_notes: Notes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("app.runner.writer.STOP_S", 0.2)

    async def use(writer: Writer) -> None:
        writer.put(sqlite_notes.add, "lost")

    started = time.monotonic()
    with locked(sqlite_notes.database):
        sqlite_notes.run(use)
    assert time.monotonic() - started < 2
    assert "some results are lost" in caplog.text
