"""Pasting what a chat window said, by the keyboard alone."""

from playwright.sync_api import expect

from tests.browser.conftest import Open, axe_findings
from tests.serving import request_json


def test_answers_are_pasted_and_labelled_by_the_keyboard(open_page: Open, site: str) -> None:
    body = {
        "title": "By hand",
        "prompts": [{"text": "Who?"}, {"text": "When?"}],
        "models": ["practice/honest"],
        "variants": [{"wording": "allowed", "thinking": "off"}],
    }
    path = f"/grids/{request_json('POST', f'{site}/api/grids', body)['id']}"
    page = open_page(f"{path}/additions")
    page.get_by_role("link", name="pasted").click()
    expect(page.get_by_label("Answer", exact=False).last).to_be_focused()
    page.keyboard.type("It was me.\n===\nNobody knows.")
    page.locator("form[method=post] [name=product]").fill("Window 1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("2 answers saved. Next: prompt 2")
    expect(page.locator("#answer")).to_be_focused()
    page.keyboard.type("In 1905.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("1 answer saved.")

    found = []
    for width, scheme in ((1440, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [f"{width} {scheme}: {finding}" for finding in axe_findings(page)]
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert found == []

    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(site + path)
    page.locator(".row").first.locator(".cell").last.locator(".chip").first.click()
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text("Pasted from Window 1")
    drawer.get_by_role("button", name="Take it out").click()
    expect(page.locator(".chip[data-status=cancelled]")).to_have_count(1)
