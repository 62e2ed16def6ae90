"""While the database cannot be written, every page says so."""

import re

from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db import Database
from app.web.notices import Notice, in_words
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import start

BANNER = re.compile(r'<div id="trouble" class="trouble" role="alert"( hidden)?>(.*?)</div>')
BREAK = {
    "sqlite": ["CREATE TRIGGER broken BEFORE INSERT ON attempt BEGIN SELECT * FROM gone; END"],
    "postgresql": [
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'no <space> left' USING ERRCODE = 'disk_full'; END$$",
        "CREATE TRIGGER broken BEFORE INSERT ON attempt EXECUTE FUNCTION broken()",
    ],
}
MEND = {"sqlite": ["DROP TRIGGER broken"], "postgresql": ["DROP TRIGGER broken ON attempt"]}


def banner(client: TestClient, path: str) -> str:
    [(hidden, said)] = BANNER.findall(client.get(path).text)
    assert bool(hidden) is not bool(said)
    return str(said)


def test_every_page_says_that_the_database_cannot_be_written(
    client: TestClient, database: Database
) -> None:
    def execute(statements: dict[str, list[str]]) -> None:
        with database.write() as session:
            for statement in statements[database.url.get_backend_name()]:
                session.execute(text(statement))
            session.commit()

    pages = ["/", "/compose", "/library", "/models", "/api/docs", "/nothing/here"]
    assert {banner(client, page) for page in pages} == {""}
    execute(BREAK)
    grid_id = start(client, "practice/honest")
    pages += [f"/grids/{grid_id}", f"/grids/{grid_id}/reruns"]
    wait_for(lambda: banner(client, "/"), "the trouble")
    found = {banner(client, page) for page in pages}
    assert len(found) == 1
    assert found.pop().startswith("The database cannot be written (")
    changes = client.get(f"/grids/{grid_id}/changes?since=999").text
    assert changes.count('hx-swap-oob="outerMorph"') == 2
    assert "The database cannot be written" in changes
    execute(MEND)
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
