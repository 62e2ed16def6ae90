"""A Postgres database that goes away in the middle, or takes no writes for a while.

Both as its server would do it, but for one database: the server is shared with other tests.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import make_url
from sqlmodel import text

from app.db import Database
from app.settings import Settings
from tests.polling import wait_for
from tests.runner.starting import answers, running, start, tries
from tests.support.postgres import PostgresServer, start_postgres
from tests.wire import WireServer

AT_ONCE = 4


@pytest.fixture(params=["postgres"])
def database_url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    url = postgres.create_database(postgres_template)
    yield url
    postgres.drop_database(url)


@contextmanager
def changed(postgres: PostgresServer, url: str, change: str, back: str) -> Iterator[None]:
    """The database with another setting, which its sessions meet as they connect again."""
    name = make_url(url).database
    admin = postgres.admin.set(drivername="postgresql").render_as_string(hide_password=False)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} {change}".encode())
        connection.execute(end, [name])
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} {back}".encode())
            connection.execute(end, [name])


def trouble(client: TestClient) -> str:
    return str(client.app.state.services.runner.trouble)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "back", "said", "readable"),
    [
        ("ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true", "not currently accepting", False),
        (
            "SET default_transaction_read_only = on",
            "RESET default_transaction_read_only",
            "in a read-only transaction",
            True,
        ),
    ],
    ids=["away", "read-only"],
)
def test_runner_pauses_and_goes_on(
    settings: Settings,
    postgres: PostgresServer,
    wire: WireServer,
    change: str,
    back: str,
    said: str,
    readable: bool,
) -> None:
    wire.delay_s = 0.3
    with running(settings, concurrency=AT_ONCE) as client:
        grid_id = start(client, "openai-chat/plain", prompts=30)
        wait_for(lambda: len(wire.calls) > 8, "some calls")
        with changed(postgres, settings.database_url, change, back):
            wait_for(lambda: said in trouble(client), "that the runner notices")
            wait_for(lambda: wire.in_flight == 0, "the end of the calls in flight")
            made = len(wire.calls)
            page = client.get(f"/grids/{grid_id}")
            assert page.status_code == (200 if readable else 503)
            assert said in page.text
            given = {"prompts": [{"text": "Why?"}], "models": ["practice/honest"]}
            refused = client.post("/api/grids", json=given)
            assert (refused.status_code, said in refused.json()["detail"]) == (503, True)
            assert len(wire.calls) == made

        wait_for(lambda: not trouble(client), "that the runner can write again")
        wait_for(lambda: set(states(client, grid_id)) == {"done"}, "the rest of the answers", 30)
        ends = Counter(tuple(tries(answer)) for answer in answers(client, grid_id))
    repeated = ends.pop(("interrupted", "answered"), 0)
    assert ends == {("answered",): 30 - repeated}
    assert repeated <= 2 * AT_ONCE
    assert 30 <= len(wire.calls) <= 30 + repeated


def states(client: TestClient, grid_id: str) -> list[str]:
    return [str(answer["state"]) for answer in answers(client, grid_id)]


def test_commits_are_flushed_whatever_the_server_is_set_to(
    postgres: PostgresServer, database_url: str
) -> None:
    def setting() -> str:
        with database.write() as session:
            return str(session.execute(text("SHOW synchronous_commit")).scalar())

    off, remote = (f"SET synchronous_commit = {value}" for value in ("off", "remote_apply"))
    reset = "RESET synchronous_commit"
    with changed(postgres, database_url, off, reset):
        database = Database(database_url)
        assert setting() == "on"
        # A connection that was given back, and a new one after it.
        with database.write() as first, database.write() as second:
            for session in (first, second):
                assert session.execute(text("SHOW synchronous_commit")).scalar() == "on"
        database.close()
    with changed(postgres, database_url, remote, reset):
        database = Database(database_url)
        assert setting() == "remote_apply"
        database.close()


@pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="that server is not ours to stop")
def test_server_that_is_stopped_and_started_costs_nothing(tmp_path: Path, wire: WireServer) -> None:
    wire.delay_s = 0.2
    server = start_postgres()
    try:
        settings = Settings(
            database_url=server.create_database(),
            data_dir=tmp_path,
            discover=False,
            preflight_calls=20_000,
        )
        with running(settings, concurrency=AT_ONCE) as client:
            grid_id = start(client, "openai-chat/plain", prompts=30)
            wait_for(lambda: states(client, grid_id).count("done") > 5, "some answers")
            before = {a["id"]: a for a in answers(client, grid_id) if a["state"] == "done"}
            first, second = list(before)[:2]
            label = {"label": "correct", "reviewer": "Ada"}
            client.put(f"/api/answers/{first}/label", json=label).raise_for_status()

            server.halt()
            wait_for(lambda: client.get("/readyz").status_code == 503, "that it is noticed")
            wait_for(lambda: wire.in_flight == 0, "the end of the calls in flight")
            made = len(wire.calls)
            refused = client.put(f"/api/answers/{second}/label", json=label)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["reading"][:12]) == (
                503,
                "The database",
            )
            assert client.get("/healthz").status_code == 200
            assert len(wire.calls) == made

            server.go_on()
            wait_for(lambda: client.get("/readyz").status_code == 200, "that it is ready")
            wait_for(lambda: set(states(client, grid_id)) == {"done"}, "the rest", 30)
            after = {a["id"]: a for a in answers(client, grid_id)}
            client.put(f"/api/answers/{second}/label", json=label).raise_for_status()
        kept = {id_: (a["text"], a["attempts"]) for id_, a in before.items()}
        assert {id_: (after[id_]["text"], after[id_]["attempts"]) for id_ in before} == kept
        assert after[first]["label"] == "correct"
        ends = Counter(tuple(tries(answer)) for answer in after.values())
        repeated = ends.pop(("interrupted", "answered"), 0)
        assert ends == {("answered",): 30 - repeated}
        assert 30 <= len(wire.calls) <= 30 + repeated
    finally:
        server.stop()
