"""Pages that are live: text while it comes, seven tabs at once, tabs that nobody sees."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Request, expect

from app.settings import Settings
from tests.browser.conftest import Open, Served, axe_findings, served, wait_on
from tests.serving import request_json
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

FIRST = "Nobody knows, but many have guessed."
TEXT = f"{FIRST}\nIt was never published. " + "There are several theories about it. " * 60
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def answer(request: Recorded) -> Script:
    """Models that stream for five seconds, or never come to an end."""
    if request.model == "endless":
        return Script(text=TEXT[:500], terminator=False, hang_up="never")
    return Script(text=TEXT, cut=300, drip_s=0.1)


@pytest.fixture
def wire() -> Iterator[WireServer]:
    with WireServer(answer) as server:
        yield server


@pytest.fixture
def app(
    tmp_path: Path, sqlite_template: Path, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    monkeypatch.setenv("OPENAI_BASE_URL", wire.openai_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-browser-test-0123456789")
    database = tmp_path / "bluffcheck.db"
    database.write_bytes(sqlite_template.read_bytes())
    with served(Settings(data_dir=tmp_path, discover=False, concurrency=50)) as it:
        yield it


@pytest.fixture
def site(app: Served) -> str:
    return app.url


def start(site: str, model: str, prompts: int = 1, repeats: int = 1, more: str = "") -> str:
    body = {
        "prompts": [{"text": f"Who was it? ({n})"} for n in range(prompts)],
        "models": [model, *([more] if more else [])],
        "variants": [{"wording": "allowed", "thinking": "default"}],
        "repeats": repeats,
    }
    return "/grids/" + str(request_json("POST", f"{site}/api/grids", body)["id"])


def listeners(app: Served) -> int:
    return sum(len(watch.listeners) for watch in app.services.live.watched.values())


def test_text_shows_while_it_comes(open_page: Open, site: str) -> None:
    page = open_page(start(site, "openai-chat/slow", repeats=2))
    chip = page.locator(".chip").first
    height = chip.evaluate("e => e.offsetHeight")
    expect(chip.locator(".text")).to_have_text(FIRST)
    expect(chip).to_have_attribute("data-status", "running")
    assert chip.evaluate("e => e.offsetHeight") == height
    chip.click()
    whole = page.locator("#drawer [data-partial]")
    expect(whole).to_contain_text("several theories")
    before = len(whole.inner_text())
    page.wait_for_function(
        "n => document.querySelector('#drawer [data-partial]').textContent.length > n", arg=before
    )
    expect(chip).to_have_attribute("data-status", "running")
    assert axe_findings(page) == []
    expect(chip).to_have_attribute("data-status", "unlabelled", timeout=20_000)
    expect(chip.locator(".text")).to_have_text(FIRST)
    expect(page.locator("#drawer [data-partial]")).to_have_count(0)
    expect(page.locator("#drawer .answer-text")).to_have_text(TEXT)


def test_text_is_asked_for_where_one_scrolls(open_page: Open, site: str) -> None:
    page = open_page(start(site, "openai-chat/endless", prompts=50))
    streams: list[str] = []
    page.on("request", lambda r: streams.append(r.url) if "/events?" in r.url else None)
    expect(page.locator(".chip .text").first).to_have_text(FIRST)
    last = page.locator(".chip").last
    expect(last.locator(".text")).to_have_text("running")  # it is too far below
    last.scroll_into_view_if_needed()
    expect(last.locator(".text")).to_have_text(FIRST)
    assert int(re.findall(r"rows=\d+-(\d+)", streams[-1])[0]) >= 50
    assert len(streams) <= 2  # not one for each row that passed by
    page.get_by_role("button", name="Cancel").click()


def test_seven_tabs_stay_live_and_take_labels(open_page: Open, app: Served) -> None:
    path = start(app.url, "openai-chat/slow", prompts=40, repeats=4, more="practice/honest")
    page = open_page("/library")
    pages = [page, *(page.context.new_page() for _ in range(6))]
    for tab in pages:
        tab.goto(app.url + path)
    wait_on(page, lambda: listeners(app) == 4, "four streams")
    for tab in pages:
        tab.locator('.chip[data-status="unlabelled"]').first.wait_for()
    # A label given in the last tab, which is not one of the four, shows in all of them.
    last = pages[-1]
    chip = last.locator('.chip[data-status="unlabelled"]').first
    id_ = chip.get_attribute("id")
    chip.focus()
    last.keyboard.press("h")
    last.locator("dialog.ask-name").get_by_label("Your name").fill("Ada")
    last.locator("dialog.ask-name").get_by_role("button").click()
    expect(last.locator("#progress b").last).to_have_text("1")
    for tab in pages:
        expect(tab.locator(f"#{id_}")).to_have_attribute("data-status", "hallucinated")
        assert tab.locator("#progress").get_attribute("data-status") == "running"
    # Those that leave make room for those that had to ask.
    streaming = [tab for tab in pages if tab.evaluate(HOLDS)]
    assert len(streaming) == 4
    for tab in streaming:
        tab.close()
    left = next(tab for tab in pages if not tab.is_closed())
    wait_on(left, lambda: listeners(app) == 3, "the streams of those that are left")
    left.get_by_role("button", name="Cancel").click()
    for tab in pages:
        if not tab.is_closed():
            tab.locator('#progress[data-status="cancelled"]').wait_for()
            tab.evaluate(HIDE, True)
    wait_on(left, lambda: listeners(app) == 0, "the end of all streams")


HOLDS = "() => performance.getEntriesByType('resource').every(e => !e.name.includes('/changes?'))"


def test_hidden_tab_lets_go_and_catches_up(open_page: Open, app: Served) -> None:
    page = open_page(start(app.url, "openai-chat/slow", prompts=4, more="practice/honest"))
    wait_on(page, lambda: listeners(app) == 1, "the stream")
    page.evaluate(HIDE, True)
    wait_on(page, lambda: listeners(app) == 0, "the end of the stream")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    page.wait_for_timeout(2500)  # longer than a tab that must ask would rest
    assert asked == []
    page.evaluate(HIDE, False)
    expect(page.locator('.chip[data-status="unlabelled"]')).to_have_count(8, timeout=20_000)
    page.locator('#progress[data-status="done"]').wait_for()
    assert listeners(app) == 1
    page.evaluate(HIDE, True)  # also when all is in
    wait_on(page, lambda: listeners(app) == 0, "the end of the stream")


def test_page_goes_on_after_its_server_was_away(open_page: Open, app: Served) -> None:
    page = open_page(start(app.url, "openai-chat/slow", prompts=4), expect_errors=True)
    wait_on(page, lambda: listeners(app) == 1, "the stream")
    page.context.set_offline(True)
    app.loop.call_soon_threadsafe(end_streams, app)
    wait_on(page, lambda: listeners(app) == 0, "the end of the stream")
    page.context.set_offline(False)
    expect(page.locator('.chip[data-status="unlabelled"]')).to_have_count(4, timeout=40_000)


def test_page_of_a_grid_that_was_deleted_says_so_and_asks_no_more(
    open_page: Open, app: Served
) -> None:
    path = start(app.url, "practice/honest")
    page = open_page(path, expect_errors=True)
    wait_on(page, lambda: listeners(app) == 1, "the stream")
    page.context.set_offline(True)
    app.loop.call_soon_threadsafe(end_streams, app)
    assert page.context.request.post(f"{app.url}{path}/deletion").ok
    page.context.set_offline(False)
    expect(page.locator("#notices")).to_contain_text(
        "There is no grid at this address.", timeout=20_000
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3500)  # longer than it would rest
    assert asked == []


def end_streams(app: Served) -> None:
    for watch in app.services.live.watched.values():
        watch.end()
