"""Compose → live grid → label by keyboard → reload → permalink elsewhere → CSV."""

import csv
import io
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, axe_findings, start_example


def chip(page: Page, number: int) -> str:
    """The address of the n-th chip on the page, as a selector."""
    return f"#{page.locator('.chip').nth(number).get_attribute('id')}"


def give_name(page: Page, name: str = "Ada") -> None:
    dialog = page.locator("dialog.ask-name")
    dialog.get_by_label("Your name").fill(name)
    dialog.get_by_role("button", name="Use this name").click()
    expect(dialog).to_be_hidden()


def test_story_from_compose_to_csv(open_page: Open) -> None:
    page = open_page("/compose")
    page.get_by_label("Prompt, as its author wrote it").fill("How many Ds are in DEEPSEEK?")
    page.get_by_label(re.compile("Correct answers")).fill("1")
    page.get_by_text("practice/flaky").click()  # four models
    preview = page.locator("#preview")
    expect(preview.locator(".calls")).to_have_text("48 calls")
    expect(preview.get_by_text("If you are not sure, you may answer").first).to_be_visible()

    preview.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/grids/*")
    expect(page).to_have_title("How many Ds are in DEEPSEEK? · Bluffcheck")
    expect(page.locator(".chip")).to_have_count(48)  # all there before they are in
    page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)
    assert page.locator('.chip[data-status="pending"], .chip[data-status="running"]').count() == 0

    first, second, third = (
        page.locator('.chip[data-status="unlabelled"]').nth(i).get_attribute("id") for i in range(3)
    )
    page.locator(f"#{first}").focus()
    page.keyboard.press("h")
    give_name(page)
    expect(page.locator(f"#{first}")).to_have_attribute("data-status", "hallucinated")
    expect(page.locator(f"#{second}")).to_be_focused()
    page.keyboard.press("c")
    page.keyboard.press("a")
    expect(page.locator("#progress b").last).to_have_text("3")
    page.keyboard.press("z")  # takes the last one back
    expect(page.locator(f"#{third}")).to_have_attribute("data-status", "unlabelled")
    expect(page.locator("#progress b").last).to_have_text("2")

    page.reload()
    expect(page.locator(f"#{first}")).to_have_attribute("data-status", "hallucinated")
    expect(page.locator(f"#{second}")).to_have_attribute("data-status", "correct")
    expect(page.locator(f"#{third}")).to_have_attribute("data-status", "unlabelled")

    address = page.url.partition("#")[0]
    path = "/grids/" + address.rpartition("/")[2]
    reader = open_page(f"{path}#{first}")  # another browser, nobody known to it
    drawer = reader.locator("#drawer")
    expect(drawer.get_by_role("heading", name="practice/bluffer")).to_be_visible()
    expect(drawer).to_contain_text("Ada")

    reader.get_by_role("link", name="Export…").click()
    with reader.expect_download() as download:
        reader.get_by_role("link", name="Download CSV, a row per answer").click()
    text = download.value.path().read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 48
    assert {(r["label"], r["reviewer"]) for r in rows if r["label"]} == {
        ("hallucinated", "Ada"),
        ("correct", "Ada"),
    }


def test_grid_fills_while_one_watches(open_page: Open) -> None:
    page = open_page("/")
    streams: list[str] = []  # those that are open
    page.on("request", lambda r: streams.append(r.url) if "/events?" in r.url else None)
    for ending in ("requestfinished", "requestfailed"):
        page.on(ending, lambda r: streams.remove(r.url) if "/events?" in r.url else None)
    page.get_by_role("button", name="Run it with practice models").click()
    page.wait_for_url("**/grids/*")
    chips = page.locator(".chip")
    expect(chips).to_have_count(108)
    page.locator('.chip[data-status="unlabelled"]').first.wait_for()
    assert len(streams) == 1
    heights = page.locator(".row").evaluate_all("rows => rows.map(r => r.offsetHeight)")
    top = page.locator(".scroller").evaluate("e => e.getBoundingClientRect().top")
    page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)
    assert page.locator(".row").evaluate_all("rows => rows.map(r => r.offsetHeight)") == heights
    assert page.locator(".scroller").evaluate("e => e.getBoundingClientRect().top") == top
    assert len(streams) == 1  # others may label


def test_keys_are_silent_while_typing(open_page: Open) -> None:
    page = open_page("/")
    start_example(page)
    page.locator(".chip").first.focus()
    page.keyboard.press("c")
    give_name(page)
    page.locator(".chip").nth(4).click()
    note = page.locator("#drawer").get_by_label("Note")
    note.fill("")
    note.press_sequentially("chaz? cha")
    expect(note).to_have_value("chaz? cha")
    expect(page.locator('.chip[data-status="unlabelled"]')).to_have_count(107)


def test_arrows_move_and_space_opens(open_page: Open) -> None:
    page = open_page("/")
    start_example(page)
    first = page.locator(".row").nth(0).locator(".cell").nth(0).locator(".chip")
    first.nth(0).focus()
    page.keyboard.press("ArrowDown")
    expect(first.nth(1)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(
        page.locator(".row").nth(0).locator(".cell").nth(1).locator(".chip").nth(1)
    ).to_be_focused()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(
        page.locator(".row").nth(1).locator(".cell").nth(1).locator(".chip").nth(0)
    ).to_be_focused()
    page.keyboard.press("Space")
    drawer = page.locator("#drawer")
    expect(drawer.get_by_role("heading", name="practice/bluffer")).to_be_visible()
    assert re.search(r"#a-\d+$", page.url)
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_focused()
    assert page.locator("#help").evaluate("it => it.scrollTop") == 0  # it begins with its beginning


def test_failed_save_is_shown_and_can_be_tried_again(open_page: Open) -> None:
    page = open_page("/", expect_errors=True)
    start_example(page)
    page.locator(".chip").first.focus()
    page.keyboard.press("c")
    give_name(page)
    expect(page.locator("#progress b").last).to_have_text("1")
    page.route("**/label?*", lambda route: route.abort())
    page.keyboard.press("h")
    failed = page.locator(".chip[data-unsaved]")
    expect(failed).to_have_count(1)
    page.unroute("**/label?*")
    page.get_by_role("button", name="Try again").click()
    expect(failed).to_have_count(0)
    expect(page.locator("#progress b").last).to_have_text("2")


def test_label_on_a_locked_database_can_be_tried_again(open_page: Open, tmp_path: Path) -> None:
    page = open_page("/", expect_errors=True)
    start_example(page)
    page.locator(".chip").first.focus()
    page.keyboard.press("c")
    give_name(page)
    expect(page.locator("#progress b").last).to_have_text("1")
    with closing(sqlite3.connect(tmp_path / "bluffcheck.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        page.keyboard.press("h")
        expect(page.locator(".chip[data-unsaved]")).to_have_count(1)
        expect(page.get_by_text("Not saved: The database cannot be used.")).to_contain_text(
            "database is locked. Nothing was saved: try again."
        )
        other.execute("ROLLBACK")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".chip[data-unsaved]")).to_have_count(0)
    expect(page.locator("#progress b").last).to_have_text("2")


def test_updates_come_by_polling_where_streams_do_not(open_page: Open, site: str) -> None:
    page = open_page("/", expect_errors=True)
    page.context.route("**/events?*", lambda route: route.abort())
    page.get_by_role("button", name="Run it with practice models").click()
    page.wait_for_url("**/grids/*")
    page.locator('#progress[data-status="done"]').wait_for(timeout=40_000)
    expect(page.locator('.chip[data-status="unlabelled"]')).to_have_count(108)


def test_cancel_and_run_again(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_role("button", name="Run it with practice models").click()
    page.wait_for_url("**/grids/*")
    page.get_by_role("button", name="Cancel").click()
    page.locator('#progress[data-status="cancelled"]').wait_for()
    page.get_by_role("button", name=re.compile(r"Run \d+ cancelled again")).click()
    page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)
    expect(page.locator('.chip[data-status="unlabelled"]')).to_have_count(108)


def test_everything_works_without_scripts(open_page: Open) -> None:
    page = open_page("/", java_script_enabled=False)
    page.get_by_label("One question").fill("How many Ls are in SPELL?")
    page.get_by_role("button", name="More options and preview").click()
    page.get_by_role("button", name="Add another prompt").click()
    expect(page.locator('textarea[name="prompt_text"]').first).to_have_value(
        "How many Ls are in SPELL?"
    )
    expect(page.locator(".calls")).to_have_text("36 calls")
    page.locator("#preview").get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/grids/*")
    for _ in range(60):
        if page.locator('#progress[data-status="done"]').count():
            break
        page.reload()
    page.locator('.chip[data-status="unlabelled"]').first.click()
    page.locator("button.label.correct").click()
    page.get_by_label("Your name").last.fill("Ada")
    page.get_by_role("button", name="Use this name").last.click()
    page.locator("button.label.correct").click()
    expect(page.locator("button.label.correct")).to_have_attribute("aria-pressed", "true")


def test_pages_have_no_accessibility_findings(open_page: Open) -> None:
    page = open_page("/")
    start_example(page)
    grid = "/grids/" + page.url.rpartition("/")[2]
    page.locator(".chip").first.focus()
    page.keyboard.press("h")
    give_name(page)
    page.keyboard.press("c")
    page.keyboard.press("a")
    expect(page.locator("#progress b").last).to_have_text("3")
    answer = page.locator(".chip").first.evaluate("chip => new URL(chip.href).pathname")
    found: list[str] = []
    looks: list[dict[str, Any]] = [
        {"color_scheme": "light"},
        {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
    ]
    # A grid, its answers and what is done to them: see test_rich_grid.py.
    pages = ["/", "/compose?start=paper", f"{grid}?density=full&show=correct", answer,
             "/library", "/library/prompts/new", "/library/wordings/target-75", "/models",
             "/api/docs", "/grids/unknown"]  # fmt: skip
    for look in looks:
        looking = open_page("/", expect_errors=True, **look)
        for path in pages:
            looking.goto(page.url.partition("/grids")[0] + str(path))
            found += [f"{path} {look}: {finding}" for finding in axe_findings(looking)]
    assert not found, "\n".join(found)
