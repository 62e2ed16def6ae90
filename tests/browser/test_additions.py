"""A grid gets more repeats, a model, a variant and a prompt: with scripts, without, on a phone."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, axe_findings

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


def small_grid(page: Page) -> str:
    """Run one question with one model and both wordings, thinking off; gives the grid's address."""
    for name in ("practice/bluffer", "practice/thinker"):
        page.get_by_label(name).uncheck()
    page.get_by_label("on", exact=True).uncheck()
    page.get_by_label("One question").fill("How many Ds are in DEEPSEEK?")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/grids/*")
    page.locator('#progress[data-status="done"]').wait_for()
    expect(page.locator(".chip")).to_have_count(6)
    return page.url


@pytest.mark.parametrize("look", [{}, PHONE], ids=["desktop", "phone"])
def test_more_of_everything(open_page: Open, look: dict[str, Any]) -> None:
    page = open_page("/", **look)
    grid = small_grid(page)
    page.get_by_role("link", name="Add…").click()
    page.wait_for_url("**/additions")
    preview = page.locator("#preview")
    expect(preview.get_by_text("Nothing is added yet")).to_be_visible()
    expect(page.get_by_label("practice/honest")).to_be_disabled()
    assert axe_findings(page) == []

    page.get_by_label("Further repeats").fill("2")
    expect(preview.locator(".calls")).to_have_text("4 calls")
    page.get_by_label("practice/flaky").check()
    expect(preview.locator(".calls")).to_have_text("14 calls")
    page.get_by_label("encouraged").focus()
    page.keyboard.press("Space")
    expect(preview.locator(".calls")).to_have_text("24 calls")
    page.get_by_label("Prompt, as its author wrote it").fill("How many Ls are in SPELL?")
    expect(preview.locator(".calls")).to_have_text("54 calls")
    expect(preview.get_by_text("4 new columns")).to_be_visible()
    expect(preview.get_by_text("that is better than a wrong answer").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe_findings(page) == []

    preview.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(grid)
    page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)
    expect(page.locator(".chip")).to_have_count(60)


def test_more_of_everything_without_scripts(open_page: Open) -> None:
    grid = small_grid(open_page("/"))
    page = open_page(grid[grid.index("/grids") :], java_script_enabled=False)
    page.get_by_role("link", name="Add…").click()
    page.get_by_label("Further repeats").fill("1")
    page.get_by_label("practice/flaky").check()
    page.get_by_role("button", name="Add another prompt").click()
    expect(page.get_by_label("Further repeats")).to_have_value("1")
    expect(page.get_by_label("practice/flaky")).to_be_checked()
    expect(page.locator(".calls")).to_have_text("10 calls")
    page.get_by_label("on", exact=True).check()
    page.get_by_role("button", name="Update this preview").click()
    expect(page.locator(".calls")).to_have_text("26 calls")
    page.locator("#preview").get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(grid)
    expect(page.locator(".chip")).to_have_count(32)
