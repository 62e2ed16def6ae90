"""Labels in the drawer, of several people at once, and the list of conflicts."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open, axe_findings, known_as, wait_on
from tests.polling import wait_for
from tests.serving import request_json

SIZES = [(1440, "light"), (1440, "dark"), (1024, "light"), (390, "light"), (390, "dark")]


def done_grid(site: str, **changes: object) -> tuple[str, list[int]]:
    """The address of a grid all whose answers are in, and the numbers of these."""
    body = {
        "prompts": [{"text": "How many Ds are in DEEPSEEK?", "references": ["1"]}],
        "models": ["practice/bluffer", "practice/honest"],
        "variants": [{"wording": "allowed", "thinking": "off"}],
        "repeats": 2,
        **changes,
    }
    id_ = request_json("POST", f"{site}/api/grids", body)["id"]
    wait_for(
        lambda: request_json("GET", f"{site}/api/grids/{id_}")["status"] == "done", "the answers"
    )
    answers = request_json("GET", f"{site}/api/grids/{id_}/answers")["items"]
    return f"/grids/{id_}", [answer["id"] for answer in answers]


def say(site: str, answer: int, who: str, label: str, **more: object) -> None:
    body = {"reviewer": who, "label": label, **more}
    request_json("PUT", f"{site}/api/answers/{answer}/label", body)


def person(open_page: Open, name: str, path: str, **options: object) -> Page:
    """A browser of their own, which knows their name."""
    page = open_page(path, **options)
    known_as(page, name)
    expect(page.locator("#reviewer summary")).to_contain_text(name)
    return page


def test_what_is_left_follows_a_name_that_was_given_on_the_page(open_page: Open, site: str) -> None:
    path, [first, *_, last] = done_grid(site)
    page = open_page(path)
    expect(page.locator("#actions")).to_contain_text("Review 4 left")
    page.locator(f"#a-{first}").focus()
    page.keyboard.press("h")
    page.locator("dialog.ask-name").get_by_label("Your name").fill("Ada")
    page.keyboard.press("Enter")
    expect(page.locator("#actions")).to_contain_text("Review 3 left")
    say(site, last, "Bob", "correct")  # the stream tells it to whoever looks
    expect(page.locator(f"#a-{last}")).to_have_attribute("data-status", "correct")
    expect(page.locator("#actions")).to_contain_text("Review 3 left")


def test_two_people_label_one_answer_at_once_and_see_each_other(open_page: Open, site: str) -> None:
    path, [first, *_] = done_grid(site)
    ada, bob = (person(open_page, name, f"{path}#a-{first}") for name in ("Ada", "Bob"))
    for page in (ada, bob):
        page.locator("#drawer .label-form").wait_for()
        page.locator('#progress[data-status="done"]').wait_for()
    bob.locator("#drawer textarea").fill("half a sente")  # stays whatever Ada does meanwhile
    ada.locator("#drawer").get_by_role("button", name="hallucinated").click()
    expect(ada.locator(f"#a-{first}")).to_have_attribute("data-status", "hallucinated")
    chip = bob.locator(f"#a-{first}")
    expect(chip).to_have_attribute("data-status", "hallucinated")
    expect(bob.locator("#drawer .labels")).to_contain_text("Ada")
    assert bob.locator("#drawer textarea").input_value() == "half a sente"
    # Both press before either hears of the other.
    bob.locator("#drawer .label-form .correct").click(no_wait_after=True)
    ada.locator("#drawer [data-tag=reasoning]").click(no_wait_after=True)
    for page in (ada, bob):
        expect(page.locator(f"#a-{first}")).to_have_attribute("data-status", "disputed")
        expect(page.locator("#drawer .labels")).to_contain_text("Ada hallucinated reasoning")
        expect(page.locator("#drawer .labels")).to_contain_text("Bob correct")
        expect(page.locator("#drawer .agreement")).to_contain_text("Tied: 1 correct, 1 halluc")
        expect(page.locator("#actions")).to_contain_text("Conflicts 1")
    assert bob.locator("#drawer textarea").input_value() == "half a sente"
    assert axe_findings(bob) == []
    ada.locator("#drawer .history summary").click()
    bob.locator("#drawer .decide").get_by_role("button", name="abstained").click()
    expect(bob.locator(f"#a-{first}")).to_have_attribute("data-status", "abstained")
    agreement = ada.locator("#drawer .agreement")
    expect(agreement).to_contain_text("Bob decided: abstained.")
    # Bob left his note to press the button, by which it was saved.
    expect(ada.locator("#drawer .history li")).to_have_count(5)
    expect(ada.locator("#drawer .history li").last).to_be_visible()  # what was open stays open
    expect(ada.locator(f"#a-{first}")).to_have_attribute("data-status", "abstained")
    expect(ada.locator("#actions")).not_to_contain_text("Conflicts")
    said = request_json("GET", f"{site}/api{path}/answers")["items"][0]
    assert [(la["reviewer"], la["label"], la["tags"], la["note"]) for la in said["labels"]] == [
        ("Ada", "hallucinated", ["reasoning"], ""),
        ("Bob", "abstained", [], "half a sente"),
    ]


def test_what_others_say_is_shown_though_the_answer_to_a_label_comes_late(
    open_page: Open, site: str
) -> None:
    path, [first, second, *_] = done_grid(site)
    say(site, first, "Bob", "hallucinated")
    ada = person(open_page, "Ada", path)
    late: list[Route] = []
    ada.route(f"**/answers/{first}/label?*", lambda route: late.append(route), times=1)
    for answer in (first, second):
        ada.locator(f"#a-{answer}").focus()
        ada.keyboard.press("c")
    wait_on(ada, lambda: bool(late), "a label on its way")
    response = late[0].fetch()  # it is stored, and what is stored after it overtakes it
    expect(ada.locator(f"#a-{second}")).not_to_have_attribute("data-saving", "")
    say(site, second, "Bob", "abstained")
    expect(ada.locator(f"#a-{second}")).to_have_attribute("data-status", "disputed")
    expect(ada.locator(f"#a-{first}")).to_have_attribute("data-status", "correct")
    late[0].fulfill(response=response)
    expect(ada.locator(f"#a-{first}")).to_have_attribute("data-status", "disputed")


def test_label_of_what_is_run_again_meanwhile_is_refused(open_page: Open, site: str) -> None:
    path, [first, *_] = done_grid(site)
    page = person(open_page, "Ada", path, expect_errors=True)
    held: list[Route] = []
    page.route("**/label?*", lambda route: held.append(route), times=1)
    chip = page.locator(f"#a-{first}")
    chip.focus()
    page.keyboard.press("c")  # on a line that is slow
    wait_on(page, lambda: bool(held), "a label on its way")
    body = {"answer": first, "failed": False}
    request_json("POST", f"{site}/api{path}/reruns", body)
    expect(chip).to_have_attribute("data-attempt", "2")
    held[0].continue_()
    expect(page.locator("#notices")).to_contain_text("was run again since you looked at it")
    expect(chip).to_have_attribute("data-unsaved", "")
    chip.focus()
    page.keyboard.press("h")
    expect(chip).not_to_have_attribute("data-saving", "")
    expect(page.locator("#notices")).not_to_contain_text("Not saved")
    [said] = request_json("GET", f"{site}/api{path}/answers")["items"][0]["labels"]
    assert said["label"] == "hallucinated"


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_conflicts_are_decided_from_the_list(
    open_page: Open, site: str, width: int, scheme: str
) -> None:
    path, answers = done_grid(site)
    for answer in answers[:3]:
        say(site, answer, "Bob", "correct", tags=["hedged"], note="It says so.")
        say(site, answer, "Cleo " + "Long-Name" * 5, "hallucinated")
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = person(open_page, "Ada", path, **options)
    page.get_by_role("link", name="Conflicts 3").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("3 answers on which reviewers differ")
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator(".conflict").nth(1).get_by_label("Why").fill("Neither.")
    page.locator(".conflict").nth(1).get_by_role("button", name="abstained").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 answers on which reviewers differ")
    third = page.locator(f"#a-{answers[2]}")  # on with the one that came next
    expect(third).to_be_in_viewport()
    assert page.url.endswith(f"#a-{answers[2]}")
    page.get_by_text("Decided 1").click()
    expect(page.locator(f"#a-{answers[1]}")).to_contain_text("Ada decided: abstained.")
    expect(page.locator(f"#a-{answers[1]}")).to_contain_text("Neither.")
    assert axe_findings(page) == []


def test_labels_tags_and_decisions_work_without_scripts(open_page: Open, site: str) -> None:
    path, [first, *_] = done_grid(site)
    say(site, first, "Bob", "correct")
    page = open_page("/", java_script_enabled=False)
    page.goto(f"{site}{path}/answers/{first}")
    page.get_by_role("button", name="hallucinated").click()
    page.get_by_label("Your name").last.fill("Ada")
    page.get_by_role("button", name="Use this name").last.click()
    page.get_by_role("textbox", name="Note").fill("typed before")
    page.get_by_role("button", name="hedged").click()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("typed before")
    page.get_by_role("button", name="hallucinated").click()
    expect(page.locator(".agreement")).to_contain_text("Tied: 1 correct, 1 hallucinated")
    page.locator(".decide").get_by_role("button", name="hallucinated").click()
    expect(page.locator(".agreement")).to_contain_text("Ada decided: hallucinated.")
    page.get_by_role("button", name="unverifiable").click()
    expect(page.locator(".labels")).to_contain_text("Ada no label hedged unverifiable")
    page.locator(".history summary").click()
    expect(page.locator(".history li")).to_have_count(5)
