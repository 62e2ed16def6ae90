"""What all tests share: a database of each kind, an application on it, and no real network."""

import gc
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import settings as hypothesis_settings

from app.db import Database
from app.main import create_app
from app.prompts import ship
from app.settings import Settings
from tests.factories import run_grid
from tests.serving import providers_at
from tests.support.postgres import PostgresServer, start_postgres
from tests.wire import WireServer

BASE_URL = "http://127.0.0.1:8000"
# An example that has to wait for a busy machine is not wrong.
hypothesis_settings.register_profile("patient", deadline=None, max_examples=50)
hypothesis_settings.load_profile("patient")


def pytest_collection_finish() -> None:
    """What was loaded stays: looking for garbage in it would take an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True, scope="session")
def environment() -> None:
    """Keys and settings of whoever runs the tests must not reach them."""
    for name in list(os.environ):
        setting = name.startswith("BLUFFCHECK_") and name != "BLUFFCHECK_CHROMIUM"
        if setting or name.endswith(("_API_KEY", "_AUTH_TOKEN", "_BASE_URL", "OLLAMA_HOST")):
            del os.environ[name]


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere but this machine fails the test that made it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        local = isinstance(address, str) or address[0] in ("127.0.0.1", "::1", "localhost")
        assert local, f"a test tried to reach {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = start_postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A migrated and filled database, copied for each test."""
    url = postgres.create_database()
    _filled(url).close()
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    _filled(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for one test, with tables and the shipped prompts and wordings."""
    yield from _copied(request, tmp_path)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return _settings(database_url, tmp_path)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    """OpenAI and Anthropic, moved to a server of this test."""
    with WireServer() as server:
        for name, value in providers_at(server.url).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """The whole application, runner included, behind HTTP."""
    app = create_app(settings)
    with TestClient(app, base_url=BASE_URL) as client:
        yield client


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def one_for_all(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("shared")
    with contextmanager(_copied)(request, folder) as url:
        app = create_app(_settings(url, folder))
        with TestClient(app, base_url=BASE_URL) as client:
            yield client


@pytest.fixture
def shared_client(one_for_all: TestClient) -> TestClient:
    """The same, started once per file, for tests that change nothing. It has no keys."""
    one_for_all.cookies.clear()
    return one_for_all


@pytest.fixture(scope="module")
def shared_grid(one_for_all: TestClient) -> str:
    """The id of a grid in there, which is done."""
    return run_grid(one_for_all)


def _copied(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """A copy of the template, of the kind that the fixture is for this time."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        path = folder / "bluffcheck.db"
        path.write_bytes(template.read_bytes())
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database(request.getfixturevalue("postgres_template"))
    yield url
    server.drop_database(url)


def _settings(database_url: str, folder: Path) -> Settings:
    return Settings(
        database_url=database_url,
        data_dir=folder,
        discover=False,
        practice_latency_ms=0,
        preflight_calls=20_000,  # tests that count calls want no test calls among them
    )


def _filled(url: str) -> Database:
    database = Database(url)
    database.migrate()
    with database.write() as session:
        ship(session)
        session.commit()
    return database
