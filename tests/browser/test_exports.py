"""The HTML file from a disk, and the page of exports."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.db import Database
from tests.browser.conftest import LOOKS, Open, axe_findings, findings_in_all_looks, offline
from tests.results.labelled import FOUR, labelled_grid

SAID = {
    f"{model} {thinking} {wording}": ["HC", "A-"] if wording == "allowed" else ["HH", "CC"]
    for model in ("bluffer", "honest")
    for thinking in ("off", "on")
    for wording in ("not-mentioned", "allowed")
}


@pytest.fixture
def path(site: str, tmp_path: Path) -> str:
    """A grid whose labels are in, written beside the running server."""
    database = Database(f"sqlite:///{tmp_path / 'bluffcheck.db'}")
    with database.write() as session:
        grid = labelled_grid(session, SAID, variants=FOUR, title="Who bluffs?")
        session.commit()
        path = f"/grids/{grid.public_id}"
    database.close()
    return path


@pytest.fixture
def file(open_page: Open, path: str, tmp_path: Path) -> Path:
    """Downloaded as a reader would."""
    page = open_page(path)
    page.get_by_role("link", name="Export…").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download Web page").click()
    target = tmp_path / "grid.html"
    download.value.save_as(target)
    page.set_viewport_size({"width": 390, "height": 844})
    found = axe_findings(page)
    page.emulate_media(color_scheme="dark")
    assert found + axe_findings(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return target


@pytest.fixture
def opened(browser: Browser, file: Path) -> Iterator[Page]:
    with offline(browser, file) as page:
        yield page


def shown(page: Page) -> int:
    return len([chip for chip in page.locator(".chip").all() if chip.is_visible()])


def test_file_opens_from_a_disk(opened: Page) -> None:
    page = opened
    expect(page.get_by_role("heading", name="Who bluffs?")).to_be_visible()
    expect(page.locator(".figure svg:visible").first).to_be_visible()
    assert shown(page) == 32
    address = page.url
    page.keyboard.press("Escape")  # closes nothing, and the page stays where it is
    expect(page).to_have_url(address)
    detail = page.locator(".detail:target")
    page.locator(".chip").first.click()
    expect(detail.locator(".answer-text")).to_have_text("same")
    detail.get_by_text("Message as sent").click()
    detail.get_by_role("link", name="Next answer").click()
    expect(detail.locator("p").first).to_contain_text("repeat 2")
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)
    page.get_by_role("radio", name="Abstained").check()
    assert shown(page) == 4
    page.get_by_label("All", exact=True).check()
    page.get_by_label("Search prompts and answers").fill("question 1")
    expect(page.get_by_role("status")).to_have_text("1 prompt")
    assert shown(page) == 16


def test_file_has_no_accessibility_findings(opened: Page) -> None:
    found = findings_in_all_looks(opened)
    opened.locator(".chip").first.click()
    assert found + findings_in_all_looks(opened, LOOKS[:2]) == []


def test_file_works_without_scripts(browser: Browser, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    expect(page.get_by_label("Search prompts and answers")).to_be_hidden()
    page.get_by_role("radio", name="Hallucinated").check()
    assert shown(page) == 12
    page.locator(".chip:visible").first.click()
    expect(page.locator(".detail:target .answer-text")).to_have_text("same")
    page.get_by_role("link", name="Back to the grid").click()
    expect(page.locator(".detail:target")).to_have_count(0)
    context.close()
