"""While the database cannot be written, every page says so."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db import Database
from app.web.notices import Notice, in_words
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import start
from tests.wire import WireServer

BANNER = re.compile(r'<div id="trouble" class="trouble" role="alert"( hidden)?>(.*?)</div>')
FAILS = (
    "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN RAISE EXCEPTION 'no <space> left' USING ERRCODE = 'disk_full'; END$$;"
    " CREATE TRIGGER broken BEFORE UPDATE ON attempt EXECUTE FUNCTION broken()"
)


@contextmanager
def unwritable(database: Database) -> Iterator[None]:
    """Somebody else is in the middle of a write; on Postgres, its disk is full."""
    if database.is_sqlite:
        with closing(sqlite3.connect(str(database.url.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    for statement in (FAILS, None, "DROP TRIGGER broken ON attempt"):
        if statement is None:
            yield
            continue
        with database.write() as session:
            session.execute(text(statement))
            session.commit()


def banner(client: TestClient, path: str) -> str:
    [(hidden, said)] = BANNER.findall(client.get(path).text)
    assert bool(hidden) is not bool(said)
    return str(said)


def test_every_page_says_that_the_database_cannot_be_written(
    wire: WireServer, client: TestClient, database: Database
) -> None:
    pages = ["/", "/compose", "/library", "/models", "/api/docs", "/nothing/here"]
    assert {banner(client, page) for page in pages} == {""}
    wire.delay_s = 1
    grid_id = start(client, "openai-chat/plain")
    wait_for(lambda: wire.in_flight, "the call")
    with unwritable(database):
        pages += [f"/grids/{grid_id}", f"/grids/{grid_id}/reruns"]
        wait_for(lambda: banner(client, "/"), "the trouble")
        found = {banner(client, page) for page in pages}
        assert len(found) == 1
        assert found.pop().startswith("The database cannot be written (")
        changes = client.get(f"/grids/{grid_id}/changes?since=999").text
        assert changes.count('hx-swap-oob="outerMorph"') == 2
        assert "The database cannot be written" in changes
    wait_until_done(client, grid_id)
    wait_for(lambda: not banner(client, "/"), "the end of the trouble")
    assert {banner(client, page) for page in pages} == {""}


def test_notice_names_whom_is_waited_for() -> None:
    assert not Notice()
    assert Notice().waits_for == ""
    assert in_words("") == ""
    one, two = Notice(waits=(("A", 3),)), Notice(waits=(("A", 3), ("B", 5)))
    assert one.waits_for == "Waiting for A: its limit is used up."
    assert two.waits_for == "Waiting for A, B: their limits are used up."
