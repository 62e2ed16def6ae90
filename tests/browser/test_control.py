"""Pause, run again and cancel in a real browser, by mouse, keyboard and on a phone; limits."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from app.settings import Settings
from tests.browser.conftest import Open, axe_findings, serving, wait_on
from tests.browser.test_live import start
from tests.browser.test_main_story import give_name
from tests.serving import providers_at
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

PHONE = {"width": 390, "height": 844}
LOOKS: list[dict[str, Any]] = [
    {"color_scheme": scheme, "viewport": {"width": width, "height": 844}}
    for scheme, width in (("light", 1440), ("dark", 390))
]


@pytest.fixture
def wire() -> Iterator[WireServer]:
    """Answers at once, until a test sets ``delay_s``."""

    def answer(request: Recorded) -> Script:
        return Script(status=400) if request.model == "broken" else Script()

    with WireServer(answer) as server:
        yield server


@pytest.fixture
def site(
    tmp_path: Path, sqlite_template: Path, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    for name, value in providers_at(wire.url).items():
        monkeypatch.setenv(name, value)
    database = tmp_path / "bluffcheck.db"
    database.write_bytes(sqlite_template.read_bytes())
    with serving(Settings(data_dir=tmp_path, discover=False, concurrency=2)) as url:
        yield url


def done(page: Page) -> None:
    page.locator('#progress[data-status="done"]').wait_for()


def end(page: Page, wire: WireServer) -> None:
    page.keyboard.press("Escape")  # on a phone the drawer would be in the way
    page.locator("#actions").get_by_role("button", name="Cancel").click()
    wait_on(page, lambda: wire.in_flight == 0, "the end of all calls")


def test_pause_and_resume_without_leaving_the_page(
    open_page: Open, site: str, wire: WireServer
) -> None:
    wire.delay_s = 30
    page = open_page(start(site, "openai-chat/x", repeats=5))
    wait_on(page, lambda: wire.in_flight == 2, "two calls")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#progress")).to_contain_text(
        "Paused: no new calls are made; the 2 calls in flight come to their end."
    )
    expect(page.get_by_role("button", name="Resume")).to_be_focused()
    assert axe_findings(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    expect(page.locator("#progress")).not_to_contain_text("Paused")
    end(page, wire)


def test_labelled_answer_asks_before_it_is_run_again(
    open_page: Open, site: str, wire: WireServer
) -> None:
    page = open_page(start(site, "openai-chat/x", repeats=3))
    done(page)
    wire.delay_s = 30
    first = page.locator(".chip").first
    first.focus()
    page.keyboard.press("h")
    give_name(page)
    expect(first).to_have_attribute("data-status", "hallucinated")
    first.focus()
    page.keyboard.press("r")
    dialog = page.locator("#reruns")
    expect(dialog).to_contain_text("its label goes when a new answer comes; the history keeps it")
    expect(dialog).to_contain_text("1 call,")
    expect(dialog.get_by_role("button", name="Run it again")).to_be_focused()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    expect(first).to_be_focused()
    assert len(wire.calls) == 3

    page.keyboard.press("Space")
    page.keyboard.press("r")
    dialog.get_by_role("button", name="Run it again").wait_for()
    page.keyboard.press("Enter")
    expect(first).to_have_attribute("data-status", "running")
    expect(first.locator(".flag")).to_have_text("↻")
    expect(page.locator("#drawer")).to_contain_text("the earlier answer counts until a newer one")
    expect(page.locator(".col")).to_contain_text("H 1")
    page.keyboard.press("r")
    expect(page.locator("#notices")).to_contain_text("on its way already")
    # An answer without a label needs no question.
    page.keyboard.press("ArrowDown")
    page.keyboard.press("r")
    expect(page.locator(".chip").nth(1)).to_have_attribute("data-status", "running")
    expect(dialog).to_be_hidden()
    page.locator("#drawer").get_by_role("button", name="Cancel this answer").click()
    expect(page.locator(".chip").nth(1)).to_have_attribute("data-status", "unlabelled")
    end(page, wire)
    expect(first).to_have_attribute("data-status", "hallucinated")


def test_answers_are_run_again_as_fast_as_one_presses(
    open_page: Open, site: str, wire: WireServer
) -> None:
    page = open_page(start(site, "openai-chat/x", repeats=3))
    done(page)
    held: list[Route] = []
    page.route("**/reruns*", lambda route: held.append(route), times=1)
    page.locator(".chip").first.focus()
    for key in ("r", "ArrowDown", "r", "ArrowDown", "r"):
        page.keyboard.press(key)
    wait_on(page, lambda: bool(held), "the first request")
    held[0].continue_()
    wait_on(page, lambda: len(wire.calls) == 6, "all three")


def test_drawer_shows_its_answer_when_the_row_was_run_again(
    open_page: Open, site: str, wire: WireServer
) -> None:
    page = open_page(start(site, "openai-chat/x", repeats=2))
    done(page)
    page.locator(".chip").first.click()
    expect(page.locator("#drawer .answer")).to_be_visible()
    wire.handler = lambda _: Script(text="Something new.")
    page.locator(".row .more").first.click()
    page.locator("#reruns").get_by_role("button", name="Run all 2 again").click()
    expect(page.locator("#drawer .answer")).to_contain_text("Something new.")


def test_column_is_run_again_from_its_head(open_page: Open, site: str, wire: WireServer) -> None:
    page = open_page(start(site, "openai-chat/x", prompts=2, more="openai-chat/broken"))
    done(page)
    page.locator(".col .more").nth(1).click()
    dialog = page.locator("#reruns")
    expect(dialog.locator("[aria-current]")).to_have_text("Column")
    expect(dialog.locator("button").first).to_have_text("Run 2 failed again")
    before = len(wire.calls)
    dialog.get_by_role("button", name="Run 2 failed again").click()
    expect(dialog).to_be_hidden()
    done(page)
    assert len(wire.calls) == before + 2
    page.locator(".row .more").first.click()
    expect(dialog.locator("[aria-current]")).to_have_text("Row")
    dialog.get_by_role("link", name="Cell").click()
    expect(dialog.locator("[aria-current]")).to_have_text("Cell")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_phone_reaches_everything(open_page: Open, site: str, wire: WireServer) -> None:
    page = open_page(start(site, "openai-chat/x", repeats=2), viewport=PHONE)
    done(page)
    wire.delay_s = 30
    page.locator(".chip").last.click()
    page.locator("#drawer").get_by_role("link", name="Its cell…").click()
    dialog = page.locator("#reruns")
    dialog.get_by_role("link", name="Column").click()
    expect(dialog.locator("[aria-current]")).to_have_text("Column")
    assert axe_findings(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    dialog.get_by_role("button", name="Run all 2 again").click()
    expect(page.locator('.chip[data-status="running"]')).to_have_count(2)
    end(page, wire)


def test_all_of_it_works_without_scripts(open_page: Open, site: str, wire: WireServer) -> None:
    path = start(site, "openai-chat/x", repeats=2)
    page = open_page(path)
    done(page)
    wire.delay_s = 30
    page = open_page(f"{path}?density=lines", java_script_enabled=False)
    page.locator(".row .more").click()
    expect(page.get_by_role("link", name="Row")).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Run all 2 again").click()
    assert re.search(r"/grids/\w+\?density=lines&at=\d+#a-\d+$", page.url)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".state").first).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Cancel").click()
    assert page.url.endswith("?density=lines")
    wait_on(page, lambda: wire.in_flight == 0, "the end of all calls")


def test_limits_of_a_provider(open_page: Open) -> None:
    page = open_page("/models", expect_errors=True)
    openai = page.locator("#provider-openai .limits")
    openai.locator("summary").click()
    openai.get_by_label("Requests per minute").fill("many")
    openai.get_by_label("Tokens per minute").fill("30000")
    openai.get_by_role("button", name="Save").click()
    expect(openai).to_contain_text("Nothing was saved.")
    expect(openai.get_by_label("Tokens per minute")).to_have_value("30000")
    assert axe_findings(page) == []
    openai.get_by_label("Requests per minute").fill("50")
    openai.get_by_role("button", name="Save").click()
    expect(openai).to_contain_text("50 requests a minute, 30,000 tokens a minute")
    expect(openai.get_by_label("Requests per minute")).to_be_visible()  # it stays open


def test_pages_have_no_accessibility_findings(open_page: Open, site: str) -> None:
    path = start(site, "openai-chat/x", prompts=2, more="openai-chat/broken")
    done(open_page(path))
    found = []
    for look in LOOKS:
        for address in (path, f"{path}/reruns", "/models"):
            page = open_page(address, **look)
            page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            found += [f"{address} {look}: wider than the window"] if wide else []
            found += [f"{address} {look}: {finding}" for finding in axe_findings(page)]
    assert found == []
