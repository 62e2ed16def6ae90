"""The results in a browser: they follow labels and the slider, and open to everybody."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.db import Database
from tests.browser.conftest import Open, axe_findings
from tests.results.labelled import FOUR, labelled_grid
from tests.serving import request_json

SAID = {
    f"{model} {thinking} {wording}": [marks] * 6 + ["CC"]
    for model, of_model in {
        "bluffer": ("HH", "HA", "HH", "AA"),
        "honest": ("HC", "AA", "CC", "AC"),
    }.items()
    for (thinking, wording), marks in zip(
        (("off", "not-mentioned"), ("off", "allowed"), ("on", "not-mentioned"), ("on", "allowed")),
        of_model,
        strict=True,
    )
}


LONG_TAG = "a-name-of-a-tag-that-does-not-end-soon-on-a-phone"


@pytest.fixture
def path(site: str, tmp_path: Path) -> str:
    """A grid whose labels are in, written beside the running server."""
    database = Database(f"sqlite:///{tmp_path / 'bluffcheck.db'}")
    prompts = [{"text": f"Question {n}?", "tags": ["made-up", LONG_TAG]} for n in range(7)]
    with database.write() as session:
        grid = labelled_grid(session, SAID, variants=FOUR, prompts=prompts)
        session.commit()
        path = f"/grids/{grid.public_id}"
    database.close()
    return path


def ranks(page: Page) -> list[str]:
    return page.locator("#price .ranking tbody th").all_inner_texts()


def test_the_answer_is_there_in_one_look(open_page: Open, path: str) -> None:
    page = open_page(path)
    page.get_by_role("link", name="Results").click()
    first = page.locator(".square-of").first
    expect(first.get_by_role("img")).to_be_visible()
    expect(first.locator(".finding").first).to_contain_text(
        re.compile(r"permission to abstain \(not mentioned → allowed\)")
    )
    # A picture stands once on the screen, in the layout that has room.
    for figure in page.locator(".figure").all():
        if figure.is_visible():
            assert len([svg for svg in figure.locator("svg").all() if svg.is_visible()]) == 1


def test_slider_scores_and_ranks_at_once(open_page: Open, path: str) -> None:
    page = open_page(f"{path}/results?t=0")
    expect(page.locator("#price")).to_contain_text("a wrong answer costs 0 points")
    page.get_by_label("t", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("PageUp")
    expect(page.locator("#price")).to_contain_text(re.compile(r"t = 0\.[23]\d"))
    assert ranks(page)[0] == "practice/honest"
    expect(page.get_by_label("t", exact=True)).to_be_focused()


def test_long_name_of_a_tag_fits_a_phone(open_page: Open, path: str) -> None:
    page = open_page(f"{path}/results", viewport={"width": 390, "height": 844})
    expect(page.locator("select[name=tag]")).to_contain_text(LONG_TAG)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_slider_is_part_of_what_is_shared_and_stays_when_labels_come(
    open_page: Open, path: str, site: str
) -> None:
    page = open_page(f"{path}/results?by=model")
    slider = page.get_by_label("t", exact=True)
    slider.focus()
    page.keyboard.press("PageUp")
    t = slider.input_value()
    assert t != "0.5"
    page.wait_for_url(f"**/results?by=model&t={t}")
    top = page.locator("#results-actions")
    expect(top.get_by_role("button", name="Copy link")).to_have_attribute(
        "data-copy", f"{path}/results?by=model&t={t}"
    )
    expect(top.get_by_role("link", name="CSV")).to_have_attribute("href", re.compile(f"t={t}$"))
    expect(slider).to_be_focused()
    answer = request_json("GET", f"{site}/api{path}/answers?limit=1")["items"][0]["id"]
    body = {"label": "correct", "reviewer": "Eve"}  # Ada says hallucinated
    request_json("PUT", f"{site}/api/answers/{answer}/label", body)
    expect(page.locator(".summary")).to_contain_text("tied between reviewers")
    expect(page.locator("#price")).to_contain_text(f"At t = {float(t):.2f} a wrong answer")


def test_new_labels_show_by_themselves(open_page: Open, path: str, site: str) -> None:
    page = open_page(f"{path}/results")
    labelled = page.locator(".summary b").first
    before = int(labelled.inner_text())
    items = request_json("GET", f"{site}/api{path}/answers?limit=200")["items"]
    page.locator("details.which summary").click()
    body = {"label": "correct", "reviewer": "Eve"}  # Ada says hallucinated
    request_json("PUT", f"{site}/api/answers/{items[0]['id']}/label", body)
    expect(page.locator(".summary")).to_contain_text("tied between reviewers")
    expect(labelled).to_have_text(str(before - 1))
    expect(page.locator("details.which")).to_have_attribute("open", "")  # what was opened stays


def test_two_are_compared_and_the_sentence_is_copied(open_page: Open, path: str) -> None:
    page = open_page(f"{path}/results", permissions=["clipboard-read", "clipboard-write"])
    page.locator('select[name="before"]').select_option(label="thinking off")
    page.locator('select[name="after"]').select_option(label="thinking on")
    page.get_by_role("button", name="Compare", exact=True).click()
    finding = page.locator("#finding-chosen")
    expect(finding).to_contain_text("thinking off → thinking on")
    finding.locator("xpath=..").get_by_role("button", name="Copy as sentence").click()
    assert page.evaluate("navigator.clipboard.readText()") == finding.inner_text()
    page.locator("#md-measures + button").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("| column | C | H | A |")


def test_one_that_is_compared_with_itself_is_told_where_it_was_chosen(
    open_page: Open, path: str
) -> None:
    page = open_page(f"{path}/results?by=model", expect_errors=True)
    for name in ("before", "after"):
        page.locator(f'select[name="{name}"]').select_option(label="thinking on")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("#compare").get_by_role("alert")).to_have_text(
        "Choose two different things to compare."
    )
    expect(page.locator('[aria-label="Measures by model"]')).to_be_visible()


def test_pictures_are_files_that_stand_alone(open_page: Open, path: str) -> None:
    page = open_page(f"{path}/results")
    for kind, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            page.locator(".square-of .get").first.get_by_role("link", name=kind).click()
        content = download.value.path().read_bytes()
        assert content.startswith(begins)
    picture = page.request.get(page.url + "/figures/bars.svg").text()
    counts = page.locator('[aria-label="Measures by column"] tbody tr').first.locator("td.num")
    said = [counts.nth(place).inner_text() for place in range(3)]
    assert f"{said[0]} correct, {said[1]} hallucinated, {said[2]} abstained" in picture


def test_ratios_come_when_they_are_drawn(open_page: Open, path: str) -> None:
    page = open_page(f"{path}/results?by=model")
    page.get_by_role("button", name="Intervals of the ratios…").click()
    expect(page.get_by_role("region", name="Ratios with intervals")).to_contain_text("F-score")


def test_all_of_it_works_without_scripts(open_page: Open, path: str) -> None:
    page = open_page(f"{path}/results", java_script_enabled=False)
    page.locator('input[name="t"]').fill("0.9")
    page.get_by_role("button", name="Score again").click()
    expect(page.locator("#price")).to_contain_text("t = 0.90")
    page.get_by_role("link", name="Models", exact=True).last.click()
    expect(page.locator("#price")).to_contain_text("t = 0.90")  # what was chosen stays
    page.get_by_role("button", name="Intervals of the ratios…").click()
    assert page.url.endswith("#ratios")


def test_pages_have_no_accessibility_findings(open_page: Open, path: str) -> None:
    page = open_page(f"{path}/results?before=thinking:off&after=thinking:on")
    found = []
    for width, scheme in ((1440, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [f"{width} {scheme}: {finding}" for finding in axe_findings(page)]
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("link", name="Compare with another grid…").click()
    found += axe_findings(page)
    assert found == []
