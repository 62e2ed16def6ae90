"""A large library in a browser: its list, and choosing prompts out of it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from app.db import Database
from app.prompts import PromptInput
from app.tables import Prompt, now
from tests.browser.conftest import Open, findings_in_all_looks


@pytest.fixture
def practice_latency_ms() -> int:
    return 0


@pytest.fixture
def filled(site: str, tmp_path: Path) -> None:
    """A library of 250 numbered questions beside the seven that are shipped."""
    database = Database(f"sqlite:///{tmp_path}/bluffcheck.db")
    at = now()
    with database.write() as session:
        for n in range(250):
            tags = ["simpleqa", "Art" if n % 5 == 0 else "Music"]
            given = PromptInput(text=f"Question {n}?", references=[f"Answer {n}"], tags=tags)
            session.add(Prompt(key=f"q-{n}", created_at=at, **given.model_dump()))
        session.commit()
    database.close()


@pytest.mark.usefixtures("filled")
def test_list_is_searched_and_turned_without_leaving_the_page(open_page: Open) -> None:
    page = open_page("/library")
    found = findings_in_all_looks(page)
    page.evaluate("window.stayed = true")
    rows = page.locator("#library-prompts .library > li")
    page.get_by_label("Search text, question and references").press_sequentially("question")
    expect(page.get_by_role("status").first).to_have_text("250 prompts with “question”")
    expect(page).to_have_url(re.compile(r"/library\?q=question$"))
    page.get_by_role("link", name="Music").press("Enter")
    expect(page).to_have_url(re.compile(r"q=question&tag=Music$"))
    expect(rows.first).to_contain_text("Question 1?")
    page.get_by_role("link", name="Next").first.press("Enter")
    expect(page.get_by_text("101–200 of 200").first).to_be_visible()
    found += findings_in_all_looks(page)
    page.get_by_label("Search text, question and references").fill("question 17")
    expect(rows).to_have_count(9)  # with the tag that was chosen
    assert page.evaluate("window.stayed")
    page.get_by_label("Search text, question and references").fill("nothing like it")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Nothing was found.")
    page.go_back()
    expect(page.get_by_role("link", name="Music")).to_have_attribute("aria-current", "true")
    expect(page.get_by_label("Search text, question and references")).to_have_value("question")
    assert found == []


@pytest.mark.usefixtures("filled")
def test_prompts_are_chosen_out_of_a_large_library(open_page: Open) -> None:
    page = open_page("/compose")
    page.locator("summary", has_text="From the library").click()
    choices, preview = page.locator("#library-choices"), page.locator("#preview")
    page.get_by_label("Question 3?", exact=True).check()
    expect(page.locator("#chosen-count")).to_have_text(", 1 chosen")
    page.evaluate("window.stayed = true")
    page.get_by_label("Search the library").press_sequentially("question 24")
    page.get_by_label("Search the library").press("Enter")
    expect(choices).to_contain_text("11 prompts with “question 24”")
    page.get_by_label("Question 245?").check()
    expect(page.locator("#chosen-count")).to_have_text(", 2 chosen")
    page.get_by_label("Search the library").fill("")
    expect(choices.locator("summary")).to_have_text("2 chosen")
    for question in ("Question 3?", "Question 245?"):
        expect(
            choices.locator(".chosen-prompts").get_by_label(question, exact=True)
        ).to_be_checked()
    page.get_by_label("Only with the tag").select_option("Art")
    page.get_by_role("button", name="Add all 49").press("Enter")
    expect(choices.get_by_text("49 prompts added. 51 chosen.")).to_be_focused()
    expect(page.locator("#chosen-count")).to_have_text(", 51 chosen")
    expect(preview).to_contain_text("51 prompts")
    found = findings_in_all_looks(page)
    page.get_by_role("button", name="Take away these 50").press("Enter")
    expect(choices.get_by_text("50 prompts taken away. 1 chosen.")).to_be_focused()
    expect(preview).to_contain_text("1 prompt ×")
    assert page.evaluate("window.stayed")
    assert found == []


@pytest.mark.usefixtures("filled")
def test_search_that_comes_while_prompts_are_added_undoes_nothing(open_page: Open) -> None:
    page = open_page("/compose")
    page.locator("summary", has_text="From the library").click()
    choices = page.locator("#library-choices")
    asked: list[Route] = []

    def hold(route: Route) -> None:
        asked.append(route)
        if "add-found" not in (route.request.post_data or ""):
            route.continue_()

    page.route("**/compose/library", hold)
    page.get_by_label("Search the library").fill("question 24")
    page.get_by_role("button", name="Add all 11").press("Enter")
    expect(page.get_by_role("button", name="Add all 11")).to_be_focused()
    page.get_by_label("Search the library").fill("question 3")
    # It would be sent by now; what is to be seen is that it was not.
    page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    asked[-1].continue_()
    expect(choices.locator("summary")).to_contain_text("11 chosen")
    expect(choices).to_contain_text("with “question 3”")
    expect(page.locator("#chosen-count")).to_have_text(", 11 chosen")


@pytest.mark.usefixtures("filled")
def test_choice_needs_no_scripts(open_page: Open) -> None:
    page = open_page("/compose?find=question+24", java_script_enabled=False)
    page.get_by_label("Question 24?", exact=True).check()
    page.get_by_label("Search the library").fill("question 1")
    page.get_by_role("button", name="Search").click()
    page.get_by_label("Question 1?", exact=True).check()
    page.get_by_label("Only with the tag").select_option("Art")
    page.get_by_label("Search the library").press("Enter")
    page.get_by_role("button", name="Add all 22").click()
    expect(page.get_by_text("22 prompts added. 24 chosen.")).to_be_focused()
    page.get_by_label("Search the library").fill("")
    page.get_by_label("Only with the tag").select_option("")
    page.get_by_role("button", name="Search").click()
    page.locator(".chosen-prompts summary").click()
    expect(page.locator(".chosen-prompts").get_by_role("checkbox")).to_have_count(24)
    page.locator("#preview").get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("main")).to_contain_text("24 prompts × 12 columns")
