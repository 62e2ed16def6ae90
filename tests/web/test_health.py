"""What machines that watch a server are told."""

import re
import shutil
from typing import NamedTuple
from unittest.mock import Mock

import pytest
from fastapi.testclient import TestClient

from app.errors import Unavailable
from app.main import create_app
from app.settings import Settings
from app.web import shares
from tests.conftest import BASE_URL
from tests.factories import run_grid


def numbers(text: str) -> dict[str, float]:
    return {
        name: float(value) for name, value in re.findall(r"^(bluffcheck_\S+) (\S+)$", text, re.M)
    }


def test_ready_until_something_is_missing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = {"Host": "10.0.0.7:8000"}  # by address, as those that watch a server do
    assert client.get("/healthz", headers=probe).json() == {"status": "alive"}
    ready = client.get("/readyz", headers=probe)
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert set(ready.json()["checks"].values()) == {"ok"}

    def problems() -> list[str]:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        return list(answer.json()["problems"])

    services = client.app.state.services  # type: ignore[attr-defined]
    services.database.trouble = "disk I/O error"
    assert problems() == ["The database cannot be written; see the log."]
    services.database.trouble = ""
    if services.database.is_sqlite:

        class Usage(NamedTuple):
            free: int = 3_000_000

        with monkeypatch.context() as patched:
            patched.setattr(shutil, "disk_usage", lambda _: Usage())
            assert problems() == ["Only 3 MB are left on the disk."]
    with services.database.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert "restart the server" in problems()[0]
    assert client.get("/healthz").status_code == 200


def test_numbers_count_what_happened(settings: Settings) -> None:
    app = create_app(settings)
    with TestClient(app, base_url=BASE_URL, client=("127.0.0.1", 50_000)) as client:
        before = numbers(client.get("/metrics").text)
        grid_id = run_grid(client, prompts=[{"text": "A prompt nobody must see"}])
        client.get(f"/grids/{grid_id}")
        client.get("/nothing/at/all")
        answer = client.get(f"/api/grids/{grid_id}/answers").json()["items"][0]["id"]
        given = {"label": "correct", "reviewer": "Ada"}
        client.put(f"/api/answers/{answer}/label", json=given).raise_for_status()
        text = client.get("/metrics").text
        after = numbers(text)
        more = {
            name: value - before.get(name, 0)
            for name, value in after.items()
            if value != before.get(name, 0) and "_created" not in name
        }
        route = 'method="GET",route="/grids/{grid_id}",status="200"'
        assert more[f"bluffcheck_http_requests_total{{{route}}}"] == 1
        assert more['bluffcheck_http_requests_total{method="GET",route="none",status="404"}'] == 1
        calls = [n for name, n in more.items() if name.startswith("bluffcheck_model_calls_total")]
        assert sum(calls) == 4
        assert more["bluffcheck_labels"] == 1
        assert more["bluffcheck_database_write_seconds_count"] > 0
        assert after['bluffcheck_model_calls_in_flight{provider="practice"}'] == 0
        assert (after["bluffcheck_event_streams"], after["bluffcheck_answers_waiting"]) == (0, 0)
        for secret in ("nobody must see", grid_id, "Ada"):
            assert secret not in text

        # Behind a proxy of this machine, everybody comes from here.
        for headers in ({"X-Forwarded-For": "203.0.113.5"}, {"Host": "grids.example"}):
            assert client.get("/metrics", headers=headers).status_code in (403, 404)
        app.state.services.settings.metrics = "off"
        assert client.get("/metrics").status_code == 404
    elsewhere = create_app(settings)
    with TestClient(elsewhere, base_url=BASE_URL) as client:  # from no address of this machine
        assert client.get("/metrics").status_code == 404
        elsewhere.state.services.settings.metrics = "open"
        assert client.get("/metrics").status_code == 200


def test_requests_have_numbers(shared_client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "app.web.requests")
    given = shared_client.get("/s/a-secret", headers={"X-Request-ID": "from-the-proxy.1"})
    assert given.headers["x-request-id"] == "from-the-proxy.1"
    assert "GET /s/{token} 404" in caplog.text
    assert "a-secret" not in caplog.text
    for bad in ("two words", "x" * 65, 'a"b'):
        own = shared_client.get("/api/grids/none", headers={"X-Request-ID": bad})
        assert re.fullmatch("[0-9a-f]{16}", own.headers["x-request-id"])
        assert own.json()["request_id"] == own.headers["x-request-id"]
    refused = shared_client.get("/", headers={"Host": "evil.example"})
    assert refused.headers["x-request-id"]


def test_what_goes_wrong_is_logged_without_secrets_of_addresses(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "s" * 22
    app = create_app(settings)
    with TestClient(app, base_url=BASE_URL, raise_server_exceptions=False) as client:
        for error, status in ((Unavailable("Away.", "it is away"), 503), (ValueError(), 500)):
            with monkeypatch.context() as patched:
                patched.setattr(shares, "open_share", Mock(side_effect=error))
                assert client.get(f"/s/{token}").status_code == status
    assert "GET /s/{token}: it is away" in caplog.text
    assert "GET /s/{token} failed" in caplog.text
    assert token not in caplog.text
