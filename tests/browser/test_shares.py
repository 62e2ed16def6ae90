"""A link for people outside, in a browser that was never here."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import (
    LOOKS,
    Open,
    axe_findings,
    findings_in_all_looks,
    offline,
    start_example,
)


def make_link(page: Page, shows: str, *left_out: str) -> str:
    page.get_by_role("radio", name=shows).check()
    for name in left_out:
        page.get_by_label(name).check()
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("table a").first.get_attribute("href") or ""
    assert re.fullmatch(r"/s/[\w-]{22}", link)
    return link


def test_strangers_read_and_download_and_the_owner_takes_it_back(
    open_page: Open, site: str, browser: Browser, tmp_path: Path
) -> None:
    page = open_page("/")
    start_example(page)
    page.get_by_role("link", name="Share…").click()
    live = make_link(page, "live")
    frozen = make_link(page, "frozen", "reviewers' names", "prompts and references")
    expect(page.locator("table").first).to_contain_text("v1")
    found = findings_in_all_looks(page, LOOKS[:2])

    stranger = open_page(live)
    found += findings_in_all_looks(stranger)
    stranger.locator(".chip").first.click()
    expect(stranger.locator(".answer-text")).to_be_visible()
    found += axe_findings(stranger)
    stranger.go_back()
    stranger.get_by_role("link", name=re.compile("^Repeats disagree")).click()
    assert stranger.url.endswith("?only=repeats")
    assert stranger.evaluate("document.scripts.length") == 0

    stranger = open_page(frozen)
    expect(stranger.locator(".snapshot")).to_contain_text("frozen snapshot v1")
    hash_ = stranger.locator(".snapshot code").inner_text()
    found += findings_in_all_looks(stranger)
    with stranger.expect_download() as download:
        stranger.get_by_role("link", name="Download as one file").click()
    file = tmp_path / "shared.html"
    download.value.save_as(file)
    with offline(browser, file) as kept:
        expect(kept.locator(".snapshot code")).to_have_text(hash_)
        found += findings_in_all_looks(kept)
        kept.locator(".chip").first.click()
        expect(kept.locator(".detail:target .prompt-text")).to_have_text("Prompt 1")
        found += axe_findings(kept)
        kept.keyboard.press("Escape")
        kept.get_by_label("Search prompts and answers").fill("prompt 2")
        expect(kept.get_by_role("status")).to_have_text("1 prompt")
    assert found == []

    page.get_by_role("button", name="Take back").first.click()
    expect(page.locator("table").first).to_contain_text("taken back")
    gone = open_page(frozen, expect_errors=True)
    expect(gone.locator("h1")).to_have_text("This link has ended")
    assert axe_findings(gone) == []
