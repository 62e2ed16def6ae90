"""What people and programs are told while the database takes no writes."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.db import LOCK_WAIT_S, Database
from tests.factories import grid_input, run_grid
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import answers, start, tries
from tests.wire import WireServer

LABEL = {"label": "correct", "reviewer": "Bob"}


@pytest.fixture
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    path = tmp_path / "bluffcheck.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@contextmanager
def locked(tmp_path: Path) -> Iterator[None]:
    other = sqlite3.connect(tmp_path / "bluffcheck.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@contextmanager
def read_only(client: TestClient) -> Iterator[None]:
    """SQLite refuses with the error of a read-only file, which an open file does not become."""
    database: Database = client.app.state.services.database  # type: ignore[attr-defined]
    for on in (True, False):
        with database.writer.execution_options(insist=True).connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute(f"PRAGMA query_only={'ON' if on else 'OFF'}")
        if on:
            yield


def test_nobody_waits_long_though_nobody_knows_of_the_lock_yet(
    client: TestClient, tmp_path: Path
) -> None:
    grid_id = run_grid(client)
    first = answers(client, grid_id)[0]["id"]
    with locked(tmp_path), ThreadPoolExecutor(2) as pool:
        started = time.monotonic()
        url = f"/api/answers/{first}/label"
        posts = [pool.submit(client.put, url, json=LABEL) for _ in range(2)]
        assert client.get(f"/grids/{grid_id}").status_code == 200
        assert time.monotonic() - started < LOCK_WAIT_S
        for post in posts:
            assert post.result().status_code == 503
            assert post.result().json()["detail"] == (
                "It cannot be written at the moment: database is locked."
                " Nothing was saved: try again."
            )
        assert time.monotonic() - started < 2 * LOCK_WAIT_S + 2
    assert client.put(f"/api/answers/{first}/label", json=LABEL).status_code == 200


def test_read_only_database_pauses_the_runner(wire: WireServer, client: TestClient) -> None:
    wire.delay_s = 0.2
    grid_id = start(client, "openai-chat/plain", prompts=20)
    wait_for(lambda: len(wire.calls) > 8, "some calls")
    said = "attempt to write a readonly database"
    with read_only(client):
        wait_for(lambda: said in client.get(f"/grids/{grid_id}").text, "the banner")
        wait_for(lambda: wire.in_flight == 0, "the end of the calls in flight")
        made = len(wire.calls)
        refused = client.post("/api/grids", json=grid_input())
        assert (refused.status_code, said in refused.json()["detail"]) == (503, True)
        # No test call either: what it costs could not be put on record.
        check = client.post("/api/models/checks", json={"model": "openai-chat/plain"})
        assert check.status_code == 503
        preview = client.post("/compose/preview", data={"prompt_text": "Why?", "model": "x/y"})
        assert f"There is no preview at the moment: {said}." in preview.text
        assert len(wire.calls) == made
    wait_until_done(client, grid_id)
    assert said not in client.get(f"/grids/{grid_id}").text
    assert [tries(answer) for answer in answers(client, grid_id)] == [["answered"]] * 20
    assert len(wire.calls) == 20
