"""Importing prompts in a real browser: a file is chosen, its columns are said, it is imported."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.web.problems import UPLOAD_TOO_LARGE
from tests.browser.conftest import Open, axe_findings, start_example

LOOKS: list[dict[str, Any]] = [
    {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    for scheme, width in (("light", 1440), ("dark", 390))
]
FRAGEN = 'Frage;Antwort\n"Was heißt ""oui""?";ja\nHow many Ls are in SPELL?;zwei\nWer?;"er\n'


@pytest.fixture
def fragen(tmp_path: Path) -> Path:
    path = tmp_path / "fragen.csv"
    path.write_bytes(FRAGEN.encode("cp1252"))
    return path


def findings(page: Page, looks: list[dict[str, Any]]) -> list[str]:
    """Of the page as it stands, in each look."""
    found = []
    for look in looks:
        page.set_viewport_size(look["viewport"])
        page.emulate_media(color_scheme=look["color_scheme"])
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        found += [f"{page.url} {look}: wider than the window"] if wide else []
        found += [f"{page.url} {look}: {finding}" for finding in axe_findings(page)]
    return found


def test_file_is_mapped_checked_and_imported(open_page: Open, fragen: Path) -> None:
    page = open_page("/library", expect_errors=True)  # nothing chosen is a 422
    page.get_by_role("link", name="Import…").click()
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a file, or paste.")
    found = findings(page, LOOKS)

    page.get_by_label("A file").set_input_files(fragen)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("alert")).to_have_text("Say which column holds the prompts.")
    expect(page.locator(".note").first).to_contain_text("read as Windows-1252, which is a guess")
    page.get_by_label("Frage", exact=True).select_option(label="prompt")
    page.get_by_label("Antwort").select_option(label="reference answers")
    page.get_by_label("Tags for all of them").fill("deutsch")
    page.get_by_role("button", name="Check again").first.click()
    expect(page.locator(".import-counts")).to_contain_text("1 new")
    expect(page.locator(".import-rows li").first).to_contain_text('Was heißt "oui"?')
    expect(page.locator(".import-rows li").nth(1)).to_contain_text("reference answers was: 2")
    expect(page.locator("#problems")).to_contain_text("line 4")
    found += findings(page, LOOKS)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download it with the reason").click()
    assert "import_problem,Frage,Antwort" in download.value.path().read_text("utf-8-sig")

    page.get_by_role("button", name="Import 1 new and 1 changed").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Imported")
    found += findings(page, LOOKS)
    page.get_by_role("link", name='Was heißt "oui"?').click()
    expect(page.get_by_label("Tags")).to_have_value("deutsch")
    assert found == []


def test_keys_and_pasted_text_are_enough_without_scripts(open_page: Open) -> None:
    page = open_page("/library/import", java_script_enabled=False)
    page.get_by_label("or text").fill("question\tanswer\nWhy?\tbecause")
    page.get_by_role("button", name="Look at it").press("Enter")
    expect(page.locator(".import-rows")).to_contain_text("reference: because")
    page.get_by_role("button", name="Import 1 new").press("Enter")
    page.get_by_role("button", name="Archive the new one again").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("The new prompt is archived")


def test_labels_go_back_into_their_grid(open_page: Open, tmp_path: Path) -> None:
    page = open_page("/")
    start_example(page)
    grid = page.url.partition("#")[0]
    ids = [chip.get_attribute("id") for chip in page.locator(".chip").all()[:3]]
    numbers = [str(id_).removeprefix("a-") for id_ in ids]
    rows = [f"{grid}/answers/{number},abstained,Bob" for number in numbers]
    file = tmp_path / "labels.csv"
    file.write_text("\n".join(["link,label,reviewer", *rows[:2], rows[0] + "by", "x,correct,Bob"]))
    page.goto(f"{grid.partition('/grids/')[0]}/grids/import")
    page.get_by_label("A file").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator(".import-counts")).to_contain_text("3 new")
    expect(page.get_by_text("Nobody here is called Bob, Bobby yet")).to_be_visible()
    found = findings(page, LOOKS)
    page.get_by_role("link", name="cannot be added").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download it with the reason").click()
    assert "is no address of an answer,x,correct,Bob" in download.value.path().read_text()
    page.get_by_role("button", name="Add 3 labels").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Labels added")
    found += findings(page, LOOKS)
    page.get_by_role("link", name="Open the grid").click()
    expect(page.locator(f"#a-{numbers[1]}")).to_have_attribute("data-status", "abstained")
    assert found == []


def test_file_that_is_too_large_gets_its_sentence(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(100_000_000)  # more than any buffer on the way holds
    page = open_page("/library/import", expect_errors=True)
    monkeypatch.setattr("app.web.security.UPLOADS", frozenset())  # then 2 MB is the limit
    page.get_by_label("A file").set_input_files(large)
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("main")).to_contain_text(UPLOAD_TOO_LARGE)


def test_answers_are_explained_and_imported(open_page: Open, tmp_path: Path) -> None:
    file = tmp_path / "evals.csv"
    file.write_text("prompt,model,answer,grade,effort\nWhy?,a/one,so,good,\nHow?,a/one,so,,loud\n")
    page = open_page("/")
    page.get_by_role("link", name="Import answers and labels…").click()
    found = findings(page, LOOKS)
    page.get_by_label("A file").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("alert")).to_contain_text("what this value of a label means")
    expect(page.locator("#problems")).to_contain_text("line 3")
    found += findings(page, LOOKS)
    page.get_by_label("good").select_option(label="correct")
    page.get_by_role("button", name="Check again").first.click()
    page.get_by_role("button", name="Import 1 answer, leave 1 line out").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    found += findings(page, LOOKS)
    page.get_by_role("link", name="Open the grid").click()
    expect(page.locator(".grid-title")).to_contain_text("imported from a table (evals.csv)")
    assert found == []
