"""The paper's example against real HTTP servers, and hostile text from all sides."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.settings import Settings
from tests.browser.conftest import Open, serving
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

HOSTILE = """<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>
"><svg onload=window.pwned=3> {{7*7}} </title><a href="javascript:window.pwned=4">x</a>
<hx-partial hx-target="body">owned</hx-partial> ' onmouseover='window.pwned=5"""


def answer(request: Recorded) -> Script:
    """Hostile text for a model of that name; otherwise what a model might say."""
    if request.model == "hostile":
        return Script(text=HOSTILE, thinking=HOSTILE)
    return Script(text="I don't know", thinking="Nobody published it.")


@pytest.fixture
def wire() -> Iterator[WireServer]:
    with WireServer(answer) as server:
        server.models = {"object": "list", "data": [{"id": "hostile"}]}
        yield server


@pytest.fixture
def site(
    tmp_path: Path, sqlite_template: Path, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    monkeypatch.setenv("OPENAI_BASE_URL", wire.openai_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-browser-test-0123456789")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", wire.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-browser-test-0123456789")
    database = tmp_path / "bluffcheck.db"
    database.write_bytes(sqlite_template.read_bytes())
    with serving(Settings(data_dir=tmp_path, discover=False)) as url:
        yield url


def test_paper_example_runs_with_ones_own_models(open_page: Open, wire: WireServer) -> None:
    page = open_page("/")
    page.get_by_role("link", name="Set it up with your models").click()
    expect(page.locator(".calls")).to_have_text("72 calls")  # two providers with a key
    page.locator("#preview").get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/grids/*")
    page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)
    expect(page.locator('.chip[data-status="unlabelled"]')).to_have_count(72)
    expect(page.locator(".chip", has_text="IDK")).to_have_count(72)
    assert len(wire.calls) == 72
    assert {c.path for c in wire.calls} == {"/v1/messages", "/v1/responses"}
    # Off and on were asked for as often as each other, in each protocol's own words.
    efforts = [c.body.get("reasoning", {}).get("effort") for c in wire.calls]
    assert efforts.count("none") == 18
    assert sum(c.body.get("thinking", {}).get("type") == "adaptive" for c in wire.calls) == 18


def test_hostile_text_stays_text(open_page: Open) -> None:
    page = open_page("/library/prompts/new")
    page.get_by_label("Prompt, as its author wrote it").fill(HOSTILE)
    page.get_by_label("Tags").fill('"><img src=x onerror=window.pwned=6>')
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/library")
    page.goto(page.url.replace("/library", "/compose"))
    page.locator("summary", has_text="From the library").click()
    page.get_by_text("<img src=x onerror").first.click()
    ticked = page.locator('input[name="model"]:checked')
    while ticked.count():
        ticked.first.uncheck()
    page.get_by_label("Any other model of a ready provider").fill("openai-chat/hostile")
    page.locator('input[name="title"]').fill(HOSTILE.replace("\n", " "))
    expect(page.locator(".calls")).to_have_text("12 calls")
    page.locator("#preview").get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/grids/*")
    page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)
    expect(page.locator('.chip[data-status="unlabelled"]')).to_have_count(12)
    page.locator(".chip").first.click()
    drawer = page.locator("#drawer")
    expect(drawer.locator(".answer-text")).to_have_text(HOSTILE)
    drawer.get_by_text("Thinking", exact=False).first.click()
    drawer.get_by_label("Note").fill(HOSTILE)
    grid = page.url.partition("#")[0]
    drawer.get_by_label("Note").blur()  # which saves it, once its author is known
    page.locator("#ask-name").get_by_label("Your name").fill("<b onclick=window.pwned=7>Ada")
    page.locator("#ask-name button").click()
    page.locator(".chip").first.click()
    page.keyboard.press("h")
    expect(page.locator("#progress b").last).to_have_text("1")
    for address in (grid, f"{grid}?density=full", grid.partition("/grids")[0]):
        page.goto(address)
        assert page.evaluate("window.pwned") is None
        assert page.locator("img, main script, hx-partial").count() == 0
