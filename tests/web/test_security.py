"""What may come in, what goes out with every response, and that keys stay where they are."""

import logging
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.db import ROOT
from app.main import create_app
from app.settings import Settings
from app.web.security import RESPONSE_HEADERS
from tests.conftest import BASE_URL
from tests.factories import grid_input, run_grid
from tests.polling import wait_until_done
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

KEY = "sk-test-Secret0123456789abcdef"
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{7*7}}</title>"""


def test_own_names_are_answered(client: TestClient) -> None:
    for host in ("127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "127.0.0.1"):
        assert client.get("/api/grids", headers={"Host": host}).status_code == 200, host


def test_foreign_names_are_refused(client: TestClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:8000", "", "[::2]"):
        response = client.get("/api/grids", headers={"Host": host})
        assert response.status_code == 403, host
        assert "BLUFFCHECK_ALLOWED_HOSTS" in response.json()["detail"]


def test_other_sites_cannot_write(client: TestClient) -> None:
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "cross-site"},
    ):
        for response in writes(client, headers):
            assert response.status_code == 403, headers
        assert client.get("/", headers=headers).status_code == 200
    assert client.get("/api/grids").json() == {"items": [], "next": None}


def test_own_pages_and_programs_can_write(client: TestClient) -> None:
    answers = client.get(f"/api/grids/{run_grid(client)}/answers").json()["items"]
    for headers in (
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://127.0.0.1:8000"},
    ):
        done = writes(client, headers, answers[0]["id"])
        assert [r.status_code for r in done] == [201, 200, 204], headers


def writes(client: TestClient, headers: dict[str, str], answer: int = 1) -> list[Response]:
    url = f"/api/answers/{answer}/label"
    return [
        client.post("/api/grids", json=grid_input(), headers=headers),
        client.put(url, json={"label": "correct"}, headers=headers),
        client.delete(url, headers=headers),
    ]


def test_every_response_carries_the_policy(client: TestClient) -> None:
    grid_id = run_grid(client)
    urls = ["/", f"/grids/{grid_id}", f"/grids/{grid_id}/export.csv", "/nothing", "/api/grids",
            f"/grids/{grid_id}/events?since=0", "/static/css/base.css", "/api/docs"]  # fmt: skip
    responses = [client.get(url) for url in urls]
    responses.append(client.get("/", headers={"Host": "evil.example"}))
    responses.append(client.post("/api/grids", content=b"x" * 3_000_000))
    for response in responses:
        for name, value in RESPONSE_HEADERS.items():
            assert response.headers[name] == value
    assert "unsafe" not in RESPONSE_HEADERS["Content-Security-Policy"]


def test_large_bodies_are_refused_with_a_sentence(client: TestClient) -> None:
    response = client.post("/api/grids", json=grid_input(title="x" * 3_000_000))
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert "BLUFFCHECK_MAX_BODY_BYTES" in response.json()["detail"]
    form = client.post("/grids", data={"prompt_text": "x" * 3_000_000})
    assert form.status_code == 413
    unannounced = client.post("/api/grids", content=iter([b"x" * 1_000_000] * 3))
    assert unannounced.status_code == 413
    assert unannounced.headers["content-type"] == "application/problem+json"
    assert client.get("/api/grids").json() == {"items": [], "next": None}


def test_templates_have_no_inline_code_and_no_foreign_address() -> None:
    files = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static").rglob("*.*")]
    own = [f for f in files if "vendor" not in f.parts]
    assert len(own) > 20
    for file in own:
        text = file.read_text("utf-8")
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|\bhx-on", text), file
        assert not re.search(r"<script(?! src=\"/static/)", text), file
        assert "|safe" not in text, file
        addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
        examples = {"http://127.0.0.1:8000/api/grids", "http://127.0.0.1:9000/v1"}
        assert addresses <= {"http://www.w3.org/2000/svg", *examples}, file


@pytest.fixture
def wire() -> WireServer:
    def answer(request: Recorded) -> Script:
        if request.model == "leaks":
            key = request.headers["authorization"].removeprefix("Bearer ")
            return Script(status=401, error=f"Incorrect API key provided: {key}")
        return Script(text=HOSTILE, thinking=HOSTILE)

    return WireServer(answer)


def test_hostile_text_is_escaped_everywhere(
    settings: Settings, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire:
        monkeypatch.setenv("OPENAI_BASE_URL", wire.openai_url)
        with TestClient(create_app(settings), base_url=BASE_URL) as client:
            prompt = {"text": HOSTILE, "references": [HOSTILE], "tags": [HOSTILE]}
            grid_id = run_grid(client, title=HOSTILE, prompts=[prompt], models=["openai-chat/x"])
            answer = client.get(f"/api/grids/{grid_id}/answers").json()["items"][0]["id"]
            client.post("/reviewer", data={"name": HOSTILE})
            client.post(f"/answers/{answer}/label", data={"value": "correct", "note": HOSTILE})
            for url in (
                "/", f"/grids/{grid_id}", f"/grids/{grid_id}?density=full", "/library",
                f"/grids/{grid_id}/answers/{answer}", f"/grids/{grid_id}/changes?since=0",
                "/compose",
            ):  # fmt: skip
                page = client.get(url).text
                assert "&lt;script&gt;" in page
                assert "<script>alert" not in page
                assert "<img" not in page


def test_key_is_nowhere_but_on_the_wire(
    settings: Settings,
    wire: WireServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG)
    with wire:
        monkeypatch.setenv("OPENAI_BASE_URL", wire.openai_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        with TestClient(create_app(settings), base_url=BASE_URL) as client:
            given = grid_input(models=["openai-chat/leaks", "openai-chat/x"])
            grid_id = client.post("/api/grids", json=given).json()["id"]
            wait_until_done(client, grid_id)
            answers = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
            seen = [
                client.get(url).text
                for url in (
                    "/", f"/grids/{grid_id}", f"/grids/{grid_id}/export.csv", "/models",
                    f"/api/grids/{grid_id}/answers", "/api/models", "/api/openapi.json",
                    *(f"/grids/{grid_id}/answers/{a['id']}" for a in answers),
                )
            ]  # fmt: skip
    assert {c.headers["authorization"] for c in wire.calls} == {f"Bearer {KEY}"}
    failed = [a for a in answers if a["model"] == "openai-chat/leaks"]
    assert all("Incorrect API key provided" in a["error_message"] for a in failed)
    for text in (*seen, caplog.text):
        assert KEY not in text
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes()
