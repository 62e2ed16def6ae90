"""The HTML file without a browser: complete, alone, and hostile text in it is only text."""

import base64
import hashlib
import re

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import BASE_URL
from tests.exports.reading import KEY
from tests.factories import run_grid
from tests.web.test_hostile_text import ELEMENTS, HOSTILE, MODEL, Page, hostile_grid
from tests.wire import WireServer
from tests.wire_scripts import Script

FILES = ("export.csv", "labels.csv", "export.jsonl", "export.md", "export.html", "export.zip")


@pytest.fixture
def texts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every export of a grid whose every text is hostile, by its name."""
    with WireServer(lambda _: Script(HOSTILE + "\0", thinking=HOSTILE)) as wire:
        monkeypatch.setenv("OPENAI_BASE_URL", wire.openai_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        with TestClient(create_app(settings), base_url=BASE_URL) as client:
            here = f"/grids/{hostile_grid(client)}"
            item = client.get(f"/api{here}/answers").json()["items"][0]["id"]
            label = {"label": "correct", "reviewer": "Ada", "note": HOSTILE}
            assert client.put(f"/api/answers/{item}/label", json=label).status_code == 200
            assert client.get(f"{here}/export").status_code == 200
            assert any(call.headers.get("authorization") == f"Bearer {KEY}" for call in wire.calls)
            return {name: client.get(f"{here}/{name}").content.decode("latin-1") for name in FILES}


def test_exports_hold_no_key_no_nul_no_markup(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        assert KEY not in text, name
        if name != "export.zip":
            assert "\0" not in text, name
            assert not re.search(r"(?<!\\)(\\\\)*\\u0000", text), name
    html = texts["export.html"].encode("latin-1").decode()
    page = Page(html)
    assert page.tags & {"img", "iframe", "object", "embed", "form", "link", "base"} == set()
    assert not any(name.startswith("on") for name in page.attributes)
    assert "style" not in page.attributes
    assert {address[:1] for address in page.addresses} == {"#"}
    assert ELEMENTS in page.texts
    assert MODEL in page.texts


def test_file_says_by_hash_what_may_run_in_it(client: TestClient) -> None:
    response = client.get(f"/grids/{run_grid(client)}/export.html")
    assert response.headers["content-disposition"].endswith('.html"')
    html = response.text
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    assert policy
    for tag in ("style", "script"):
        parts = re.findall(rf"<{tag}>(.+?)</{tag}>", html, re.DOTALL)
        digests = {base64.b64encode(hashlib.sha256(it.encode()).digest()).decode() for it in parts}
        allowed = re.search(rf"{tag}-src &#39;sha256-([^&]+)&#39;", policy[1])
        assert allowed
        assert {allowed[1]} == digests
    assert policy[1].startswith("default-src &#39;none&#39;")
    assert html.count('class="answer detail"') == html.count('class="chip"') == 4


def test_filters_choose_rows_of_the_file(client: TestClient) -> None:
    grid_id = run_grid(client)
    html = client.get(f"/grids/{grid_id}/export.html?label=correct").text
    assert "No answer matches." in html
    assert "Only rows with answers that match: Correct." in html
    assert "detail" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL).split("<main")[
        1
    ].replace('class="details"', "")
