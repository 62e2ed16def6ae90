"""The drawer in a real browser: Markdown, comparing, copying, and pages without scripts."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import httpx
import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Route, expect

from app.settings import Settings
from tests.browser.conftest import Open, axe_findings, known_as, serving, wait_on
from tests.factories import grid_input
from tests.polling import wait_for
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

MARKDOWN = """## Counting

| letter | D? |
|:------:|---:|
| D | yes |
| E | no |

1. See [the list](https://elsewhere.example/list).
2. ![pixel](https://elsewhere.example/pixel.gif) <img src="https://elsewhere.example/x">
   > so `1`
"""
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


slow = Event()  # while it is set, no answer comes


def answer(request: Recorded) -> Script:
    while slow.is_set():
        time.sleep(0.02)
    if request.model == "second":
        return Script(text=f"{MARKDOWN}\nThe answer is 2.", thinking="I count two.")
    return Script(text=f"{MARKDOWN}\nThe answer is 1.", thinking="I count one.")


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    database = tmp_path / "bluffcheck.db"
    database.write_bytes(sqlite_template.read_bytes())
    with WireServer(answer) as wire:
        monkeypatch.setenv("OPENAI_BASE_URL", wire.openai_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-browser-test-0123456789")
        with serving(Settings(data_dir=tmp_path, discover=False)) as url:
            yield url


@pytest.fixture
def grid(site: str) -> str:
    """The path of a grid with two models, one answer each."""
    models = ["openai-chat/first", "openai-chat/second"]
    with httpx.Client(base_url=site, timeout=30) as client:
        variants = [{"wording": "allowed", "thinking": "on"}]
        body = grid_input(models=models, variants=variants, repeats=1)
        created = client.post("/api/grids", json=body)
        assert created.status_code == 201, created.text
        url = f"/grids/{created.json()['id']}"
        wait_for(lambda: client.get(f"/api{url}").json()["status"] == "done", "the grid's end")
        return url


def open_first(page: Page) -> None:
    page.locator(".chip").first.click()
    page.locator("#drawer .answer").wait_for()


@pytest.mark.parametrize(("scheme", "size"), [("light", "desktop"), ("dark", "phone")])
def test_markdown_and_comparison_in_the_drawer(
    open_page: Open, grid: str, size: str, scheme: str
) -> None:
    page = open_page(grid, viewport=SIZES[size], color_scheme=scheme)
    open_first(page)
    drawer = page.locator("#drawer")
    expect(drawer.locator("pre.answer-text")).to_contain_text("| letter | D? |")
    drawer.get_by_role("link", name="Markdown").click()
    expect(drawer.locator(".markdown td").first).to_have_text("D")
    expect(drawer.locator(".markdown")).to_contain_text("the list (https://elsewhere.example/list)")
    assert drawer.locator(".markdown a, .markdown img").count() == 0
    expect(drawer.get_by_role("link", name="Markdown")).to_be_focused()
    page.evaluate("document.querySelectorAll('#drawer details').forEach(d => d.open = true)")
    assert axe_findings(page) == []

    drawer.get_by_role("link", name="Compare with…").click()
    drawer.get_by_role("link", name="openai-chat/second").click()
    expect(drawer.get_by_role("heading", name="Two answers compared")).to_be_focused()
    expect(drawer).to_contain_text("2 words differ: 1 only in A, 1 only in B.")
    expect(drawer.locator(".diff-text").first.locator("del")).to_have_text(" 1")
    expect(drawer.locator(".diff-text").first.locator("ins")).to_have_text("2")
    drawer.locator(".thinking-text summary").click()
    expect(drawer.locator(".thinking-text ins")).to_have_text("two")
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    drawer.get_by_role("link", name="Swap").click()
    expect(drawer.locator(".diff-text").first.locator("del")).to_have_text(" 2")
    drawer.get_by_role("link", name="openai-chat/first").click()
    expect(drawer.locator("pre.answer-text:not(.diff-text)")).to_contain_text("The answer is 1.")
    assert page.url.partition("#")[0].endswith(grid)  # it all happened in the drawer


@pytest.mark.parametrize("coming", ["drawer", "renewal"])
def test_answer_that_changes_while_its_drawer_comes_is_shown_as_it_is(
    open_page: Open, grid: str, site: str, coming: str
) -> None:
    page = open_page(grid)
    answer = httpx.get(f"{site}/api{grid}/answers").json()["items"][0]["id"]

    def say(label: str) -> None:
        body = {"label": label, "reviewer": "Ada"}
        httpx.put(f"{site}/api/answers/{answer}/label", json=body).raise_for_status()
        expect(chip).to_have_attribute("data-status", label)

    chip = page.locator(f"#a-{answer}")
    if coming == "renewal":
        open_first(page)
    held: list[Route] = []
    page.route("**/answers/*", lambda route: held.append(route), times=1)
    if coming == "renewal":
        say("hallucinated")
    else:
        chip.click()
    wait_on(page, lambda: bool(held), "the request of the drawer")
    before = held[0].fetch()
    say("correct")
    # Whoever looks something else up meanwhile has let go of it.
    with suppress(PlaywrightError):
        held[0].fulfill(response=before)
    expect(page.locator("#drawer")).to_contain_text("Ada correct")


def test_note_that_is_being_written_stays_while_its_answer_is_run_again(
    open_page: Open, grid: str, site: str
) -> None:
    page = open_page(grid, expect_errors=True)
    known_as(page, "Ada")
    open_first(page)
    note = page.locator("#drawer [name=note]")
    note.press_sequentially("half a se")
    id_ = str(page.locator(".chip").first.get_attribute("id"))
    slow.set()
    try:
        form: dict[str, str | float | bool] = {"answer": id_.removeprefix("a-"), "all": "1"}
        assert page.context.request.post(f"{site}{grid}/reruns", form=form).ok
        expect(page.locator(f"#{id_}")).to_have_attribute("data-status", "running")
        page.wait_for_timeout(300)
        expect(note).to_be_focused()
        note.press_sequentially("ntence")  # each of which would else be a key of the grid
        expect(note).to_have_value("half a sentence")
        expect(page.locator(f"#{id_}")).to_have_attribute("data-status", "running")
    finally:
        slow.clear()
    expect(page.locator(f"#{id_}")).to_have_attribute("data-status", "unlabelled")
    expect(note).to_have_value("half a sentence")


def test_request_is_copied(open_page: Open, grid: str) -> None:
    page = open_page(grid, permissions=["clipboard-read", "clipboard-write"])
    open_first(page)
    page.locator("#drawer summary", has_text="Request body").click()
    page.locator("#drawer").get_by_role("button", name="Copy the request body").click()
    expect(page.locator("#notices")).to_have_text("Text copied.")
    assert '"model": "first"' in page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize("size", SIZES)
def test_answers_are_read_and_compared_without_scripts(
    open_page: Open, grid: str, size: str
) -> None:
    page = open_page(grid, viewport=SIZES[size], java_script_enabled=False)
    page.locator(".chip").first.click()
    page.get_by_role("link", name="Markdown").click()
    expect(page.locator(".markdown td").first).to_have_text("D")
    page.get_by_role("link", name="Next answer").click()
    expect(page.get_by_role("heading", name="openai-chat/second")).to_be_visible()
    expect(page.locator(".markdown")).to_contain_text("The answer is 2.")
    page.get_by_role("link", name="Compare with…").click()
    page.get_by_role("link", name="Previous answer").click()
    page.get_by_role("link", name="Compare it with this one").click()
    expect(page.locator(".diff-text").first.locator("del")).to_have_text(" 2")
    expect(page.locator("button:visible")).to_have_count(0)
