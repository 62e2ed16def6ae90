"""A link for people outside, in a browser that was never here."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open, axe_findings, start_example


def test_stranger_reads_and_the_owner_takes_it_back(open_page: Open, site: str) -> None:
    page = open_page("/")
    start_example(page)
    page.get_by_role("link", name="Share…").click()
    page.get_by_label("reviewers' names").check()
    page.get_by_role("button", name="Make a link").click()
    assert axe_findings(page) == []
    link = page.locator("table a").get_attribute("href") or ""
    assert re.fullmatch(r"/s/[\w-]{22}", link)

    found = []
    stranger = open_page(link)
    for width, scheme in ((1440, "light"), (390, "dark")):
        stranger.set_viewport_size({"width": width, "height": 844})
        stranger.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [f"{width} {scheme}: {it}" for it in axe_findings(stranger)]
        assert not stranger.evaluate("document.documentElement.scrollWidth > innerWidth")
    stranger.set_viewport_size({"width": 1440, "height": 900})
    stranger.locator(".chip").first.click()
    expect(stranger.locator(".answer-text")).to_be_visible()
    found += axe_findings(stranger)
    assert found == []
    stranger.go_back()
    stranger.get_by_role("link", name=re.compile("^Repeats disagree")).click()
    assert stranger.url.endswith("?only=repeats")
    assert stranger.evaluate("document.scripts.length") == 0

    page.get_by_role("button", name="Take back").click()
    expect(page.locator("table")).to_contain_text("taken back")
    gone = open_page(link, expect_errors=True)
    expect(gone.locator("h1")).to_have_text("This link has ended")
    assert axe_findings(gone) == []
