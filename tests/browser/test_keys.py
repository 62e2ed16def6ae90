"""The grid by keyboard, touch and ear: every key, other keys, and labels that are never lost."""

import itertools
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Locator, Page, Request, Route, expect

from tests.browser.conftest import Example, Open, axe_findings, known_as, wait_on
from tests.browser.test_main_story import give_name

VALUES = {"c": "correct", "h": "hallucinated", "a": "abstained"}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def practice_latency_ms() -> int:
    return 0


@pytest.fixture
def beginning(example: Example) -> Path:
    return example.database


@pytest.fixture
def grid(open_page: Open, example: Example) -> Page:
    """The example's grid, done, with a reviewer known and its first chip in focus."""
    page = open_page(example.path, expect_errors=True)
    known_as(page, "Ada")
    page.locator(".chip").first.focus()
    return page


def cell(page: Page, row: int, column: int) -> Locator:
    return page.locator(".row").nth(row).locator(".cell").nth(column).locator(".chip")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def all_saved(page: Page) -> None:
    expect(page.locator(".chip[data-saving], .chip[data-unsaved]")).to_have_count(0)


def stored(tmp_path: Path) -> dict[str, tuple[str, str]]:
    """Value and note of each labelled chip, as the database holds them."""
    with closing(sqlite3.connect(tmp_path / "bluffcheck.db")) as database:
        rows = database.execute("SELECT answer_id, value, note FROM label").fetchall()
    return {f"a-{answer}": (value, note) for answer, value, note in rows}


def refuse(page: Page, how: Callable[[Route], None]) -> None:
    page.route(re.compile(r"/answers/\d+/label"), how)


def allow(page: Page) -> None:
    page.unroute(re.compile(r"/answers/\d+/label"))


def refused_once(page: Page, words: str) -> Locator:
    """The first chip, whose label the server did not take; it would take the next one."""
    refuse(page, lambda route: route.fulfill(status=409, body=words))
    press(page, "c")
    first = page.locator(".chip").first
    expect(first).to_have_attribute("title", f"not saved: {words}")
    allow(page)
    first.focus()
    return first


def unavailable(route: Route) -> None:
    route.fulfill(status=503, body="<div><strong>Full.</strong> The disk is full.</div>")


def test_arrows_go_by_chip_and_with_shift_by_cell(grid: Page) -> None:
    press(grid, "ArrowDown", "ArrowDown")
    expect(cell(grid, 0, 0).nth(2)).to_be_focused()
    press(grid, "ArrowDown")
    expect(cell(grid, 1, 0).first).to_be_focused()
    press(grid, "ArrowRight", "ArrowDown", "Shift+ArrowRight")
    expect(cell(grid, 1, 2).nth(1)).to_be_focused()
    press(grid, "Shift+ArrowUp")
    expect(cell(grid, 0, 2).nth(2)).to_be_focused()
    press(grid, "Shift+ArrowDown")
    expect(cell(grid, 1, 2).first).to_be_focused()
    press(grid, "End")
    expect(grid.locator(".row").nth(1).locator(".chip").last).to_be_focused()
    press(grid, "Home", "ArrowLeft")
    expect(grid.locator(".row").nth(1).locator(".more")).to_be_focused()
    press(grid, "ArrowUp")
    expect(grid.locator(".row").nth(0).locator(".more")).to_be_focused()
    press(grid, "ArrowRight")
    expect(cell(grid, 0, 0).first).to_be_focused()


def test_grid_is_one_tab_stop(grid: Page) -> None:
    press(grid, "ArrowRight", "ArrowDown", "Tab")
    assert grid.locator(".grid *:focus").count() == 0
    press(grid, "Shift+Tab")
    expect(cell(grid, 0, 1).nth(1)).to_be_focused()
    press(grid, "c")
    all_saved(grid)
    expect(grid.locator(":is(.chip, .row .more):not([tabindex='-1'])")).to_have_count(1)


def test_brackets_go_to_unlabelled_answers(grid: Page) -> None:
    ids = [chip.get_attribute("id") for chip in grid.locator(".chip").all()[:5]]
    press(grid, "ArrowDown", "c", "c")  # the second and the third
    assert focused(grid) == ids[3]
    press(grid, "[")
    assert focused(grid) == ids[0]
    press(grid, "]")
    assert focused(grid) == ids[3]
    all_saved(grid)


def test_label_keys_announce_and_move_on(grid: Page, tmp_path: Path) -> None:
    ids = [str(chip.get_attribute("id")) for chip in grid.locator(".chip").all()[:4]]
    press(grid, "c", "h", "a")
    assert focused(grid) == ids[3]
    expect(grid.locator("#said")).to_have_text(
        re.compile(r"^abstained, next: practice/\w+ · thinking \w+ · .+, repeat \d$")
    )
    all_saved(grid)
    values = {id_: value for id_, (value, _) in stored(tmp_path).items()}
    assert values == dict(zip(ids, ["correct", "hallucinated", "abstained"], strict=False))
    for id_, value in values.items():  # which is read out with what the model said
        expect(grid.locator(f"#{id_}")).to_have_accessible_name(re.compile(f"^{value} ."))
    press(grid, "[", "]")
    grid.locator(f"#{ids[1]}").focus()
    press(grid, "u")
    all_saved(grid)
    assert ids[1] not in stored(tmp_path)


def test_undo_brings_back_value_and_note(grid: Page, tmp_path: Path) -> None:
    first = grid.locator(".chip").first
    id_ = str(first.get_attribute("id"))
    press(grid, "h")
    first.focus()
    press(grid, "e")
    note = grid.locator("#drawer [name=note]")
    expect(note).to_be_focused()
    grid.keyboard.type("cha, said before?")
    press(grid, "Escape")  # leaves the note, which saves it
    expect(first).to_be_focused()
    wait_on(grid, lambda: stored(tmp_path)[id_] == ("hallucinated", "cha, said before?"), "saving")
    press(grid, "Escape")
    expect(grid.locator("#drawer")).to_be_hidden()

    grid.reload()  # what was said before is now known to the server only
    first.focus()
    press(grid, "c")
    wait_on(grid, lambda: stored(tmp_path)[id_][0] == "correct", "saving")
    press(grid, "z")
    wait_on(grid, lambda: stored(tmp_path)[id_][0] == "hallucinated", "undo")
    expect(first).to_be_focused()
    press(grid, "u")
    wait_on(grid, lambda: id_ not in stored(tmp_path), "clearing")
    press(grid, "z")
    wait_on(
        grid, lambda: stored(tmp_path).get(id_) == ("hallucinated", "cha, said before?"), "undo"
    )
    press(grid, "z")
    expect(grid.locator("#notices")).to_have_text("Nothing to undo on this visit.")


def test_undo_says_nothing_of_a_text_that_came_later(grid: Page, tmp_path: Path) -> None:
    first = grid.locator(".chip").first
    for key in ("c", "u"):
        first.focus()
        press(grid, key)
    all_saved(grid)
    press(grid, "r")
    expect(first).to_have_attribute("data-attempt", "2")
    expect(first).to_have_attribute("data-status", "unlabelled")
    with grid.expect_response(re.compile("/label")) as undone:
        press(grid, "z")
    assert undone.value.status == 200
    all_saved(grid)
    expect(first).to_have_attribute("data-status", "unlabelled")
    assert stored(tmp_path) == {}


def test_equal_answers_of_a_row_are_labelled_together(grid: Page, tmp_path: Path) -> None:
    texts = grid.locator(".row").first.locator(".chip").all_text_contents()
    text = max(texts, key=texts.count)
    n = texts.count(text)
    assert n > 1
    grid.locator(".row").first.locator(".chip").nth(texts.index(text)).focus()
    press(grid, "g")
    expect(grid.locator("#said")).to_have_text(
        f"{n} equal answers: c h a label them all, Esc cancels"
    )
    expect(grid.locator(".chip[data-lit]")).to_have_count(n)
    press(grid, "Escape")
    expect(grid.locator(".chip[data-lit]")).to_have_count(0)
    assert stored(tmp_path) == {}
    press(grid, "g", "a")
    wait_on(grid, lambda: len(stored(tmp_path)) == n, "saving")
    assert {value for value, _ in stored(tmp_path).values()} == {"abstained"}
    press(grid, "z")
    wait_on(grid, lambda: stored(tmp_path) == {}, "undo of all of them")


def test_answer_is_not_equal_to_what_is_marked_with_its_number(grid: Page, tmp_path: Path) -> None:
    """Marks of equal answers are numbered, and a lone answer to a question of counting is such a
    number; with many equal answers in a row, two kinds of them have the same mark."""
    row = grid.locator(".row").nth(1)
    marks = row.locator("[data-eq]").evaluate_all("all => all.map((it) => it.dataset.eq)")
    lone = row.locator(".chip:not([data-eq])")
    alone = next(n for n, it in enumerate(lone.all()) if it.inner_text() in marks)
    lone.nth(alone).focus()
    press(grid, "g")
    said = grid.locator("#said")
    expect(said).to_have_text("No other answer of this row is equal.")
    first = row.locator("[data-eq]").first
    text = first.inner_text()
    row.locator("[data-eq]").evaluate_all("all => all.forEach((it) => { it.dataset.eq = 1; })")
    first.focus()
    press(grid, "g")
    expect(said).to_have_text(re.compile("equal answers: c h a label them all"))
    assert set(row.locator("[data-lit]").all_inner_texts()) == {text}


def test_answer_that_is_clicked_is_the_one_that_keys_act_on(grid: Page, tmp_path: Path) -> None:
    press(grid, "c")
    grid.locator(".chip").nth(5).click()
    press(grid, "1")  # no longer a tag of what was labelled last
    expect(grid.locator("#said")).to_have_text(re.compile("repeat 3: hedged$"))
    grid.locator(".row").nth(1).locator("[data-eq]").first.focus()
    press(grid, "g")
    expect(grid.locator(".chip[data-lit]").nth(1)).to_be_visible()
    other = grid.locator(".chip").nth(1)
    other.click()
    expect(grid.locator(".chip[data-lit]")).to_have_count(0)
    press(grid, "h")  # not what was lit
    expect(other).to_have_attribute("data-status", "hallucinated")
    all_saved(grid)
    values = [value for value, _ in stored(tmp_path).values()]
    assert values == ["correct", None, "hallucinated"]


def test_space_enter_and_escape_open_and_close(grid: Page) -> None:
    drawer = grid.locator("#drawer")
    for key in ("Space", "Enter"):
        press(grid, key)
        expect(drawer.locator(".answer")).to_be_visible()
        press(grid, "ArrowDown")
        expect(drawer).to_contain_text("repeat 2")
        press(grid, "ArrowUp")
        expect(drawer).to_contain_text("repeat 1")
        press(grid, "Escape")
        expect(drawer).to_be_hidden()
        expect(grid.locator(".chip").first).to_be_focused()


def test_two_marked_answers_are_compared(grid: Page) -> None:
    first, second = (chip.get_attribute("id") for chip in grid.locator(".chip").all()[:2])
    asked: list[str] = []

    def differences(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body="<article class='answer'><ins>07</ins></article>")

    grid.route("**/diff/*", differences)
    press(grid, "d")
    expect(grid.locator("#said")).to_contain_text("Marked.")
    press(grid, "ArrowDown", "d")
    expect(grid.locator("#drawer ins")).to_have_text("07")
    assert asked[0].endswith(f"/answers/{first[2:]}/diff/{second[2:]}")  # type: ignore[index]


def test_keys_are_changed_on_their_page(grid: Page) -> None:
    press(grid, "?")
    help_ = grid.locator("#help")
    expect(help_).to_be_visible()
    assert axe_findings(grid) == []
    address = grid.url
    help_.get_by_role("link", name="Other keys").click()
    grid.wait_for_url("**/keys")
    assert axe_findings(grid) == []
    hallucinated = grid.get_by_label("hallucinated, and on")
    use = grid.get_by_role("button", name="Use these keys")
    for key, complaint in (
        ("c", "c is taken by “correct, and on to the next”."),
        ("5", "The digits are for tags: give another key."),
        ("nothing", "Give a letter, a sign, or the name of a key, such as Space, F2 or Shift+←."),
    ):
        hallucinated.fill(key)
        use.click()
        expect(grid.locator(".error")).to_have_text(complaint)
        expect(hallucinated).to_have_value(key)
        assert axe_findings(grid) == []
    hallucinated.fill("j")
    use.click()
    grid.wait_for_url(address)

    ids = [chip.get_attribute("id") for chip in grid.locator(".chip").all()[:2]]
    grid.locator(".chip").first.focus()
    press(grid, "h")  # means nothing any more
    assert focused(grid) == ids[0]
    press(grid, "j")
    assert focused(grid) == ids[1]
    expect(grid.locator(f"#{ids[0]}")).to_have_attribute("data-status", "hallucinated")
    all_saved(grid)
    grid.reload()
    press(grid, "?")
    expect(help_.locator('[data-key="h"] kbd')).to_have_text("j")
    help_.get_by_role("link", name="Other keys").click()
    grid.get_by_role("button", name="All keys as usual").click()
    grid.wait_for_url(address)
    press(grid, "?")
    expect(help_.locator('[data-key="h"] kbd')).to_have_text("h")


def test_digits_tag_the_answer_just_labelled(grid: Page, tmp_path: Path) -> None:
    press(grid, "c", "1", "4")
    said = grid.locator("#said")
    expect(said).to_have_text(re.compile(r"^tags of practice/.+, repeat 1: hedged, extra error$"))
    expect(grid.locator(".chip").nth(1)).to_be_focused()
    press(grid, "1")
    expect(said).to_have_text(re.compile("repeat 1: extra error$"))
    press(grid, "z")  # takes back the last step only
    press(grid, "ArrowDown", "4")  # after a move they are those of the current answer
    expect(said).to_have_text(re.compile("repeat 2: extra error$"))
    all_saved(grid)
    with closing(sqlite3.connect(tmp_path / "bluffcheck.db")) as database:
        rows = database.execute("SELECT value, tags FROM label ORDER BY answer_id").fetchall()
    assert rows == [("correct", '["hedged", "extra_error"]'), (None, '["extra_error"]')]


def test_keys_with_a_modifier_and_held_down_label_nothing_more(grid: Page) -> None:
    press(grid, "Control+a", "Alt+h", "Meta+c")
    expect(grid.locator('.chip[data-status="unlabelled"]')).to_have_count(108)
    for _ in range(4):
        grid.keyboard.down("c")  # all but the first are repeats
    grid.keyboard.up("c")
    expect(grid.locator('.chip[data-status="correct"]')).to_have_count(1)
    all_saved(grid)


def test_labels_at_ten_keys_a_second_are_what_was_pressed(grid: Page, tmp_path: Path) -> None:
    ids = [str(chip.get_attribute("id")) for chip in grid.locator(".chip").all()[:72]]
    keys = list(itertools.islice(itertools.cycle("hacch"), 72))
    at_once: list[int] = []
    flying: set[Request] = set()

    def sent(request: Request) -> None:
        if request.method == "PUT":
            flying.add(request)
            at_once.append(len(flying))

    grid.on("request", sent)
    grid.on("requestfinished", lambda request: flying.discard(request))
    grid.on("requestfailed", lambda request: flying.discard(request))
    for key in keys:
        grid.keyboard.press(key)
        grid.wait_for_timeout(100)
    expect(grid.locator("#progress b").last).to_have_text("72")
    all_saved(grid)
    values = {id_: value for id_, (value, _) in stored(tmp_path).items()}
    assert values == {id_: VALUES[key] for id_, key in zip(ids, keys, strict=True)}
    assert max(at_once) <= 2
    for id_, key in zip(ids, keys, strict=True):
        assert grid.locator(f"#{id_}").get_attribute("data-status") == VALUES[key]


def test_last_press_stays_however_fast(grid: Page, tmp_path: Path) -> None:
    """Answers of the server that come late must not bring back what was said before."""
    first = grid.locator(".chip").first
    id_ = str(first.get_attribute("id"))
    for key in "chachachah":
        first.focus()
        grid.keyboard.press(key)
    expect(first).to_have_attribute("data-status", "hallucinated")
    all_saved(grid)
    expect(first).to_have_attribute("data-status", "hallucinated")
    assert stored(tmp_path)[id_][0] == "hallucinated"


def test_labels_that_fail_are_shown_and_tried_again(grid: Page, tmp_path: Path) -> None:
    ids = [str(chip.get_attribute("id")) for chip in grid.locator(".chip").all()[:4]]
    refuse(grid, unavailable)
    press(grid, "c", "h", "a", "c")
    unsaved = grid.locator(".chip[data-unsaved]")
    expect(unsaved).to_have_count(4)
    expect(unsaved.first).to_have_attribute("title", "not saved: Full. The disk is full.")
    expect(unsaved.first).to_have_attribute("data-status", "correct")
    expect(grid.locator("#notices")).to_contain_text("4 answers not saved: Full. The disk is full.")
    assert axe_findings(grid) == []
    assert stored(tmp_path) == {}
    warned: list[str] = []

    def stay(dialog: Dialog) -> None:
        warned.append(dialog.type)
        dialog.dismiss()

    grid.on("dialog", stay)
    grid.evaluate("location.href = '/library'")
    wait_on(grid, lambda: warned == ["beforeunload"], "the warning")

    allow(grid)
    unsaved.first.focus()
    press(grid, "h")  # the same answer again, with another key
    expect(unsaved).to_have_count(3)
    grid.locator(f"#{ids[1]}").click()
    expect(unsaved).to_have_count(2)
    press(grid, "Escape")
    grid.get_by_role("button", name="Try again").click()
    all_saved(grid)
    expect(grid.locator("#notices")).to_be_empty()
    values = {id_: value for id_, (value, _) in stored(tmp_path).items()}
    assert values == dict(
        zip(ids, ["hallucinated", "hallucinated", "abstained", "correct"], strict=True)
    )


def test_refused_label_is_given_up_for_what_is_said_next(grid: Page, tmp_path: Path) -> None:
    first = refused_once(grid, "This answer is running.")
    press(grid, "h")
    all_saved(grid)
    with closing(sqlite3.connect(tmp_path / "bluffcheck.db")) as database:
        changes = database.execute("SELECT value FROM label_change").fetchall()
    assert changes == [("hallucinated",)]
    press(grid, "z", "z")  # the second time there is nothing that was stored
    all_saved(grid)
    expect(first).to_have_attribute("data-status", "unlabelled")
    assert stored(tmp_path) == {}


def test_refused_label_holds_up_no_answer_that_is_run_again(grid: Page) -> None:
    first = refused_once(grid, "It was run again.")
    press(grid, "r")
    expect(first).to_have_attribute("data-attempt", "2")
    first.focus()
    press(grid, "h")
    all_saved(grid)
    press(grid, "r")  # of the next
    expect(grid.locator(".chip").nth(1)).to_have_attribute("data-attempt", "2")


def test_labels_wait_for_the_network(grid: Page, tmp_path: Path) -> None:
    grid.context.set_offline(True)
    press(grid, "c", "c", "z", "h")
    expect(grid.locator(".chip[data-unsaved]").first).to_be_visible()
    grid.context.set_offline(False)
    grid.get_by_role("button", name="Try again").click()
    all_saved(grid)
    values = [value for value, _ in stored(tmp_path).values()]
    assert sorted(values) == ["correct", "hallucinated"]  # two are on their way at a time


def test_two_reviewers_keep_their_own_labels(grid: Page, open_page: Open, tmp_path: Path) -> None:
    path = "/grids/" + grid.url.rpartition("/")[2]
    other = open_page(path)
    other.locator(".chip").first.focus()
    press(grid, "c")
    press(other, "h")
    give_name(other, "Bob")
    all_saved(other)
    all_saved(grid)
    with closing(sqlite3.connect(tmp_path / "bluffcheck.db")) as database:
        said = database.execute("SELECT value FROM label ORDER BY value").fetchall()
    assert said == [("correct",), ("hallucinated",)]
    other.locator(".chip").first.focus()
    press(other, "z")  # takes back Bob's, not Ada's
    expect(other.locator(".chip").first).to_have_attribute("data-status", "correct")


def test_phone_swipes_through_answers(open_page: Open, example: Example) -> None:
    page = open_page(example.path, viewport=PHONE, has_touch=True, is_mobile=True)
    page.locator(".chip").first.tap()
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text("repeat 1")
    session = page.context.new_cdp_session(page)

    def swipe(across: int, down: int) -> None:
        for kind, x, y in (
            ("touchStart", 200, 420), ("touchMove", 200 + across, 420 + down), ("touchEnd", 0, 0),
        ):  # fmt: skip
            points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    swipe(-120, 10)
    expect(drawer).to_contain_text("repeat 2")
    swipe(120, 10)
    expect(drawer).to_contain_text("repeat 1")
    small = drawer.locator("button:visible, a.button:visible").evaluate_all(
        "all => all.filter(e => e.offsetHeight < 44 || e.offsetWidth < 44).map(e => e.outerHTML)"
    )
    assert small == []
    assert axe_findings(page) == []
    swipe(0, 150)
    expect(drawer).to_be_hidden()


def test_help_lists_every_key(grid: Page) -> None:
    press(grid, "?")
    keys = grid.locator("#help [data-key]").evaluate_all("rows => rows.map(row => row.dataset.key)")
    assert len(keys) == len(set(keys))
    assert {"c", "h", "a", "u", "g", "e", "r", "d", " ", "f", "b", "z", "?", "[", "]"} <= set(keys)
