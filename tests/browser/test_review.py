"""The review in a browser: real keys, real fingers, and nothing lost on the way."""

import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, Request, Route, expect

from tests.browser.conftest import Example, Open, axe_findings, wait_on
from tests.serving import request_json

LABELS = {"c": "correct", "h": "hallucinated", "a": "abstained"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}


@pytest.fixture
def practice_latency_ms() -> int:
    return 0


@pytest.fixture
def beginning(example: Example) -> Path:
    return example.database


@pytest.fixture
def review(open_page: Open, example: Example) -> Open:
    """``review(query, **context options)``: a reviewer at the first answer of the example."""

    def open_(query: str = "", **options: Any) -> Page:
        page = open_page(f"{example.path}/review{query}", **options)
        page.locator("main").get_by_label("Your name").fill("Ada")
        page.locator("main").get_by_role("button", name="Use this name").click()
        page.wait_for_url("**/review?*")
        expect(page.locator(".one .answer-text")).to_be_visible()
        # While somebody reads. Keys do nothing until an answer is on the screen to be judged.
        wait_on(page, lambda: prefetched(page), "the answers that come next")
        return page

    return open_


def stored(tmp_path: Path) -> dict[int, str]:
    with closing(sqlite3.connect(tmp_path / "bluffcheck.db")) as database:
        return dict(database.execute("SELECT answer_id, value FROM label ORDER BY id").fetchall())


def alias(page: Page) -> str:
    return page.locator(".one").get_attribute("data-alias") or ""


def test_ten_keys_a_second_label_what_was_seen(review: Open, tmp_path: Path) -> None:
    page = review()
    pressed = ("hhcahca" * 5)[:30]
    seen = []  # what was on the screen when each key was pressed
    for key in pressed:
        seen.append((alias(page), page.locator(".one .answer-text").inner_text(), LABELS[key]))
        page.keyboard.press(key)
        page.wait_for_timeout(70)
    expect(page.locator("#review-progress b").first).to_have_text("30")
    assert len({name for name, *_ in seen}) == 30
    with closing(sqlite3.connect(tmp_path / "bluffcheck.db")) as database:
        rows = database.execute(
            "SELECT attempt.text, label.value FROM label JOIN answer ON answer.id = label.answer_id"
            " JOIN attempt ON attempt.id = answer.attempt_id ORDER BY label.id"
        ).fetchall()
    assert rows == [(text, value) for _, text, value in seen]
    expect(page.locator("#said")).to_have_text(f"labelled {LABELS[pressed[-1]]}, 30 of 108")
    page.reload()
    assert alias(page) not in {name for name, *_ in seen}


def test_next_answer_is_there_before_the_label_is_saved(review: Open, tmp_path: Path) -> None:
    page = review()
    waiting: list[Route] = []
    page.route("**/review?*", lambda route: waiting.append(route)
               if route.request.method == "POST" else route.continue_())  # fmt: skip
    first = alias(page)
    page.keyboard.press("h")
    assert alias(page) != first
    wait_on(page, lambda: bool(waiting), "the request")
    assert stored(tmp_path) == {}
    waiting.pop().continue_()
    expect(page.locator("#review-progress b").first).to_have_text("1")
    assert list(stored(tmp_path).values()) == ["hallucinated"]


def prefetched(page: Page) -> bool:
    script = "() => performance.getEntriesByType('resource').some(e => /ahead=/.test(e.name))"
    return bool(page.evaluate(script))


def test_label_that_could_not_be_saved_is_kept_and_tried_again(
    review: Open, tmp_path: Path
) -> None:
    page = review(expect_errors=True)
    broken = [True]

    def answer(route: Route, request: Request) -> None:
        if broken[0] and request.method == "POST":
            route.fulfill(status=503, body="The database is locked.")
        else:
            route.continue_()

    page.route("**/review?*", answer)
    page.reload()  # what was loaded before may go around the route
    page.wait_for_load_state("networkidle")  # what comes next is fetched ahead
    page.keyboard.press("h")
    notices = page.locator("#notices")
    expect(notices).to_contain_text("Not saved: The database is locked.")
    page.keyboard.press("c")  # waits behind it
    assert stored(tmp_path) == {}
    broken[0] = False
    notices.get_by_role("button", name="Try again").click()
    expect(page.locator("#review-progress b").first).to_have_text("2")
    assert list(stored(tmp_path).values()) == ["hallucinated", "correct"]


def test_leaving_asks_while_a_label_is_not_saved(review: Open) -> None:
    page = review(expect_errors=True)
    first = alias(page)
    page.context.set_offline(True)
    page.keyboard.press("h")
    expect(page.locator("#notices")).to_contain_text("Not saved: The server cannot be reached.")
    page.keyboard.press("[")  # once the label is saved, which it says
    assert alias(page) != first
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="←").click()
    wait_on(page, lambda: asked == ["beforeunload"], "the question")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#review-progress b").first).to_have_text("1")


def test_what_had_no_label_is_counted_as_it_gets_one(review: Open) -> None:
    page = review("?only=unlabelled&q=24-01")
    page.keyboard.press("h")
    expect(page.locator("#review-progress .figures")).to_contain_text("1 of 1 labelled by you")
    expect(page.locator(".over")).to_contain_text("All 1 are labelled")
    expect(page.locator(".over")).to_contain_text("You labelled 1 of 1, 1 in this sitting.")
    page.keyboard.press("z")
    expect(page.locator("#review-progress .figures")).to_contain_text("0 of 1 labelled by you")


def test_undo_previous_and_next(review: Open, tmp_path: Path) -> None:
    page = review()
    first = alias(page)
    page.keyboard.press("h")
    second = alias(page)
    page.keyboard.press("c")
    third = alias(page)
    page.keyboard.press("z")
    expect(page.locator(f'[data-alias="{second}"]')).to_be_visible()
    assert list(stored(tmp_path).values()) == ["hallucinated"]
    page.keyboard.press("a")
    expect(page.locator(f'[data-alias="{third}"]')).to_be_visible()
    page.keyboard.press("[")
    expect(page.locator(f'[data-alias="{second}"]')).to_be_visible()
    expect(page.locator('.label[aria-pressed="true"]')).to_contain_text("abstained")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(f'[data-alias="{first}"]')).to_be_visible()
    page.keyboard.press("ArrowRight")  # on to what has no label
    expect(page.locator(f'[data-alias="{third}"]')).to_be_visible()
    page.keyboard.press("]")
    expect(page.locator(f'[data-alias="{third}"]')).to_have_count(0)
    for left in (1, 0):
        page.keyboard.press("z")
        expect(page.locator("#review-progress b").first).to_have_text(str(left))
    assert stored(tmp_path) == {}
    page.keyboard.press("z")
    expect(page.locator("#said")).to_contain_text("nothing to undo")


def test_blind_until_labelled_and_by_choice(review: Open) -> None:
    page = review()
    assert "practice/" not in page.content()
    page.keyboard.press("h")
    page.keyboard.press("ArrowLeft")
    facts = page.locator(".one .facts")
    expect(facts).to_contain_text("practice/")
    page.keyboard.press("ArrowRight")
    expect(facts).to_have_count(0)
    here = alias(page)
    page.keyboard.press("b")
    page.wait_for_url("**blind=0*")
    expect(facts).to_contain_text("practice/")
    assert alias(page) == here
    page.keyboard.press("b")
    expect(facts).to_have_count(0)
    expect(page.locator(".reference")).to_be_visible()
    page.keyboard.press("t")
    page.wait_for_url("**reference=0*")
    expect(page.locator(".reference")).to_have_count(0)
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/grids/\w+$"))


def test_equal_answers_are_labelled_with_one_key(review: Open, tmp_path: Path) -> None:
    page = review()
    equal = page.locator('[name="equal"]')
    while not equal.count():
        page.keyboard.press("]")
    [together] = re.findall(r"label (both|all \d+)", page.locator(".tick").inner_text())
    count = 2 if together == "both" else int(together.removeprefix("all "))
    text = page.locator(".answer-text").inner_text()
    page.keyboard.press("g")
    expect(equal).to_be_checked()
    page.keyboard.press("a")
    expect(page.locator("#review-progress b").first).to_have_text(str(count))
    assert Counter(stored(tmp_path).values()) == {"abstained": count}
    expect(page.locator(".answer-text")).not_to_have_text(text)
    page.keyboard.press("z")
    expect(page.locator("#review-progress b").first).to_have_text("0")
    assert stored(tmp_path) == {}


def test_keys_are_silent_while_a_note_is_typed(review: Open, tmp_path: Path) -> None:
    page = review()
    first = alias(page)
    page.keyboard.press("e")
    note = page.get_by_role("textbox", name="Note")
    expect(note).to_be_focused()
    page.keyboard.type("chaz? [b] t")
    expect(note).to_have_value("chaz? [b] t")
    assert alias(page) == first
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    expect(page.locator("#review-progress b").first).to_have_text("1")
    with closing(sqlite3.connect(tmp_path / "bluffcheck.db")) as database:
        assert database.execute("SELECT note FROM label").fetchall() == [("chaz? [b] t",)]
    page.keyboard.press("[")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("chaz? [b] t")


def test_held_key_labels_once(review: Open, tmp_path: Path) -> None:
    page = review()
    for _ in range(5):
        page.keyboard.down("h")  # repeats, as a key that is held does
    page.keyboard.up("h")
    expect(page.locator("#review-progress b").first).to_have_text("1")
    assert len(stored(tmp_path)) == 1


def test_end_tells_what_was_done(review: Open, tmp_path: Path, site: str, example: Example) -> None:
    for answer in request_json("GET", f"{site}/api{example.path}/answers")["items"][:90]:
        label = {"reviewer": "Ada", "label": "hallucinated"}
        request_json("PUT", f"{site}/api/answers/{answer['id']}/label", label)
    page = review()
    page.keyboard.press("]")  # one is skipped
    for number in range(91, 108):
        shown = page.locator(f'[data-alias="{alias(page)}"]')
        page.keyboard.press("h")
        expect(shown).to_have_count(0)
        if number % 10 == 0:
            expect(page.locator("#review-progress b").first).to_have_text(str(number))
    over = page.locator(".over")
    expect(over).to_contain_text("You labelled 107 of 108, 107 in this sitting.")
    expect(over).to_contain_text("107 hallucinated")
    over.get_by_role("link", name="Review the 1 left").click()
    page.locator(".answer-text").wait_for()
    page.keyboard.press("a")
    expect(over).to_contain_text("All 108 are labelled")
    assert Counter(stored(tmp_path).values()) == {"hallucinated": 107, "abstained": 1}


def test_phone_has_its_buttons_at_the_thumb_and_takes_swipes(review: Open, tmp_path: Path) -> None:
    page = review(**PHONE)
    first = alias(page)
    for name in LABELS.values():
        box = page.locator(f".label.{name}").bounding_box()
        assert box
        assert box["height"] >= 44
        assert box["width"] >= 100
        assert 844 - 150 < box["y"] < 844 - box["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    swipe(page, 320, 60)
    expect(page.locator(f'[data-alias="{first}"]')).to_have_count(0)
    swipe(page, 60, 320)
    expect(page.locator(f'[data-alias="{first}"]')).to_be_visible()
    page.locator(".label.abstained").tap()
    expect(page.locator(f'[data-alias="{first}"]')).to_have_count(0)
    expect(page.locator("#review-progress b").first).to_have_text("1")
    assert list(stored(tmp_path).values()) == ["abstained"]


def swipe(page: Page, start: int, end: int) -> None:
    session = page.context.new_cdp_session(page)
    for kind, x in (("touchStart", start), ("touchMove", (start + end) // 2), ("touchMove", end)):
        points = [{"x": x, "y": 480}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@pytest.mark.parametrize(
    "options",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {**PHONE, "color_scheme": "dark"}],
    ids=["light", "dark", "phone"],
)
def test_review_is_accessible(review: Open, options: dict[str, Any]) -> None:
    page = review(**options)
    assert axe_findings(page) == []
    page.locator("summary", has_text="Borderline cases").click()
    page.locator(".label.hallucinated").click()
    expect(page.locator("#review-progress b").first).to_have_text("1")
    page.get_by_role("link", name="Look again").click()
    expect(page.locator(".one .facts")).to_be_visible()
    assert axe_findings(page) == []
    page.goto(re.sub(r"at=\w+", "at=end", page.url))
    assert axe_findings(page) == []
    page.get_by_role("button", name="Keys").click()
    assert axe_findings(page) == []


def test_note_that_is_changed_later_keeps_the_tags(review: Open, tmp_path: Path) -> None:
    page = review()
    for key in ("1", "c", "["):
        page.keyboard.press(key)
    expect(page.locator(".one .facts")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.type("it guesses")
    page.keyboard.press("Escape")

    def said() -> list[tuple[str, str, str]]:
        with closing(sqlite3.connect(tmp_path / "bluffcheck.db")) as database:
            return database.execute("SELECT value, tags, note FROM label").fetchall()

    wait_on(page, lambda: said()[0][2] == "it guesses", "saving")
    assert said() == [("correct", '["hedged"]', "it guesses")]
