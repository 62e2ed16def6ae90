"""A grid with everything in it, for every kind of reader: by eye, by ear, by thumb, on paper, and
in a browser without scripts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.settings import Settings
from tests.browser import rich
from tests.browser.conftest import Open, axe_findings, serving
from tests.serving import providers_at, request_json
from tests.wire import WireServer

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True,
}  # fmt: skip
READERS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {**PHONE, "color_scheme": "dark"},
}
TOO_SMALL = """() => [...document.querySelectorAll("main :is(button, .button, .chip, summary)")]
  .filter((it) => it.checkVisibility() && it.getClientRects().length)
  .filter((it) => it.offsetHeight < 44 || it.offsetWidth < 44).map((it) => it.outerHTML)"""
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"
SQUEEZED = """() => [...document.querySelectorAll(".label-buttons .label")]
  .filter((it) => it.scrollWidth > it.clientWidth).map((it) => it.outerHTML)"""


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[str]:  # one for all of them: they only read, or write to grids of their own
    data = tmp_path_factory.mktemp("rich")
    (data / "bluffcheck.db").write_bytes(sqlite_template.read_bytes())
    with WireServer(rich.handler) as wire, pytest.MonkeyPatch.context() as patch:
        for name, value in providers_at(wire.url).items():
            patch.setenv(name, value)
        with serving(Settings(data_dir=data, discover=False)) as url:
            yield url


@pytest.fixture(scope="module")
def path(site: str) -> str:
    """The address of a labelled grid, some of which still runs."""
    path = rich.start(site, prompts=2)
    rich.label(site, path)
    return path


def answers(site: str, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = request_json("GET", f"{site}/api{path}/answers?limit=200")[
        "items"
    ]
    return items


def name(page: Page, who: str) -> None:
    page.context.request.post(re.sub(r"(//[^/]+).*", r"\1/reviewer", page.url), form={"name": who})
    page.reload()


@pytest.mark.parametrize("reader", READERS)
def test_nobody_is_shut_out_of_any_page(open_page: Open, site: str, path: str, reader: str) -> None:
    said = [it for it in answers(site, path) if it["outcome"] == "answered"]
    one, other = [it["id"] for it in said if len(it["labels"]) > 1][:2]
    page = open_page(path, **READERS[reader])
    name(page, "Ada")
    for address in (
        path,
        f"{path}?density=lines&fold=openai/odd&label=hallucinated,abstained&only=repeats",
        f"{path}?q=nothing+says+this",
        f"{path}/conflicts",
        f"{path}/answers/{one}?mark={one}&text=markdown",
        f"{path}/answers/{one}/diff/{other}",
        f"{path}/review",
        f"{path}/review?blind=0&left=0",
    ):
        page.goto(site + address)
        assert axe_findings(page) == [], address
        assert page.evaluate(TOO_WIDE) <= 0, address
        if reader == "phone":
            assert page.evaluate(TOO_SMALL) == [], address
            assert page.evaluate(SQUEEZED) == [], address
    page.goto(site + path)
    if reader == "light":
        page.set_viewport_size({"width": 1024, "height": 768})
        assert page.evaluate(TOO_WIDE) <= 0
    page.locator('.chip[data-status="disputed"]').first.click()
    expect(page.locator("#drawer .agreement")).to_contain_text("Tied")
    assert page.evaluate(SQUEEZED) == []
    page.locator(".menu summary", has_text="More filters").dispatch_event("click")
    assert axe_findings(page) == []


def test_screen_reader_finds_rows_and_columns(open_page: Open, path: str) -> None:
    page = open_page(f"{path}?fold=openai/odd")
    grid = page.get_by_role("grid", name="Birthdays, counts and a thesis")
    slots = 3 * 4 + 1
    expect(grid).to_have_attribute("aria-colcount", str(slots + 1))
    expect(grid).to_have_attribute("aria-rowcount", "3")
    index = "all => all.map(it => it.ariaColIndex)"
    expected = [str(n) for n in range(1, slots + 2)]
    assert grid.get_by_role("columnheader").evaluate_all(index) == expected
    for row in grid.locator("[data-row]").all():
        assert row.locator(":scope > *").evaluate_all(index) == expected
    names = [it["text"] for it in rich.PROMPTS[:2]]
    rows = grid.get_by_role("rowheader")
    for n, text in enumerate(names):
        expect(rows.nth(n)).to_have_accessible_name(re.sub(r"\s+", " ", text))
    head = grid.get_by_role(
        "columnheader", name="openai/knows-some · thinking off · as published", exact=True
    )
    expect(head).to_have_count(1)
    folded = grid.get_by_role("columnheader", name="openai/odd, 4 columns folded", exact=True)
    expect(folded).to_have_count(1)
    # What a chip says by its colour, shape and marks, it says in words.
    tied = grid.locator('.chip[data-status="disputed"]').first
    expect(tied).to_have_accessible_name(re.compile("disputed"))
    expect(grid.locator(".chip", has_text="§").first).to_have_accessible_name(re.compile("decided"))


def test_suggestion_is_told_apart_from_a_label(open_page: Open, path: str) -> None:
    page = open_page(path)
    page.locator(".chip[data-suggested=abstained]").first.click()
    expect(page.locator("#drawer .suggested")).to_contain_text(
        "Suggested: abstained (strong). The whole answer says that it does not know. "
        "A rule says so; it is no label."
    )
    expect(page.locator("#drawer .label[aria-pressed=true]")).to_have_count(0)


def test_phone_has_one_prompt_per_screen_and_columns_as_list(open_page: Open, path: str) -> None:
    page = open_page(path, **PHONE)
    expect(page.locator(".head-group")).to_be_hidden()
    row = page.locator(".row").first
    assert row.bounding_box()["height"] > 0.8 * 844  # type: ignore[index]
    cells = row.locator(".cell")
    left = [cells.nth(n).bounding_box()["x"] for n in range(3)]  # type: ignore[index]
    top = [cells.nth(n).bounding_box()["y"] for n in range(3)]  # type: ignore[index]
    assert left == [left[0]] * 3
    assert top == sorted(set(top))
    expect(cells.first.locator(".cell-name")).to_have_text(
        "openai/knows-some · thinking off · as published"
    )
    expect(page.locator("html")).to_have_css("scroll-snap-type", "y")
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("width", [1440, 1280, 1024, 760, 390])
def test_filters_open_on_the_page_and_above_what_stands_beside_them(
    open_page: Open, path: str, width: int
) -> None:
    page = open_page(path, viewport={"width": width, "height": 900})
    page.get_by_text("More filters").click()
    menu = page.locator(".popover.wide")
    box = menu.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert page.evaluate(TOO_WIDE) <= 0
    covered = """menu => [
      ...document.querySelectorAll(".shape :is(summary, .density a)")].filter((it) => {
        const { left, right, top, bottom } = it.getBoundingClientRect();
        const { x, y, width, height } = menu.getBoundingClientRect();
        const [at, down] = [(left + right) / 2, (top + bottom) / 2];
        return at > x && at < x + width && down > y && down < y + height
            && !menu.contains(document.elementFromPoint(at, down));
    }).map((it) => it.outerHTML)"""
    assert menu.evaluate(covered) == []


CUT_OFF = """() => [...document.querySelectorAll(".col :is(.seen, .rest, .rate)")]
  .filter((it) => it.scrollWidth > it.clientWidth).map((it) => it.innerText)"""


def test_column_of_sixty_prompts_says_its_counts_whole(open_page: Open, path: str) -> None:
    page = open_page(path, viewport={"width": 1024, "height": 900})
    page.locator(".col").first.evaluate("""it => {
        it.querySelector(".seen").textContent = "on → seen 180/180";
        it.querySelector(".rest").textContent = "n\u202f180 · all labelled";
        it.style.width = "7.6rem";
    }""")
    assert page.evaluate(CUT_OFF) == []


def test_paper_and_calm_eyes(open_page: Open, path: str) -> None:
    page = open_page(path, reduced_motion="no-preference")
    expect(page.locator('.chip[data-status="running"]').first).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
    page.emulate_media(media="print")
    for gone in (".site", ".actions", ".filters .quick", ".row .more", "#drawer"):
        expect(page.locator(gone).first).to_be_hidden()
    expect(page.locator(".cell-name").first).to_be_visible()
    expect(page.locator(".col .sr").first).to_be_visible()
    flat = "them => them.filter((it) => it.offsetHeight < 10).map((it) => it.innerText)"
    assert page.locator(".col > :is(.counts, .rate, .rest, .foot)").evaluate_all(flat) == []
    expect(page.locator(".row").last.locator(".chip").last).to_be_visible()
    assert page.evaluate(TOO_WIDE) <= 0


def test_everything_is_done_without_scripts(open_page: Open, site: str) -> None:
    path = rich.start(site, running=False)
    rich.label(site, path)
    page = open_page(path, java_script_enabled=False)
    chips, rows = page.locator(".chip"), page.locator("[data-row]")
    every = chips.count()
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("link", name="fold openai/odd").click()
    expect(chips).to_have_count(every - 4 * 4 * 3)
    page.get_by_text("Sort", exact=True).click()
    page.get_by_role("link", name="Most hallucinations first").click()
    expect(page).to_have_url(re.compile("sort=hallucinations"))
    page.get_by_role("searchbox").fill("don't know")
    page.get_by_role("searchbox").press("Enter")
    expect(page).to_have_url(re.compile("[?&]q="))
    matching = rows.first.locator(".chip:not([data-off])")
    idk = re.compile(r"^\s*(IDK|I don't know)")  # by the density, which their lengths decide
    expect(matching.first).to_have_text(idk)
    assert all(idk.search(text) for text in matching.all_text_contents())
    for part in ("fold=openai%2Fodd", "sort=hallucinations"):
        assert part in page.url
    page.get_by_role("link", name=re.compile(r"^Unlabelled \d")).click()
    expect(page).to_have_url(re.compile("only=unlabelled"))
    chip = page.locator(".chip:not([data-off])").first
    id_ = str(chip.get_attribute("id")).removeprefix("a-")
    chip.click()
    page.get_by_role("button", name="abstained").click()
    page.get_by_label("Your name").last.fill("Dora")
    page.get_by_role("button", name="Use this name").last.click()
    page.get_by_role("button", name="abstained").click()
    page.get_by_role("button", name="refusal").click()
    page.get_by_role("textbox", name="Note").fill("It names no date.")
    page.get_by_role("button", name="Save note").click()
    mine = next(it for it in answers(site, path) if it["id"] == int(id_))["labels"]
    assert [(la["label"], la["tags"], la["note"]) for la in mine if la["reviewer"] == "Dora"] == [
        ("abstained", ["refusal"], "It names no date.")
    ]
    page.get_by_role("link", name="Compare with…").click()
    page.locator(".to-choose .repeats a").first.click()
    expect(page.get_by_role("heading", level=2, name="Two answers compared")).to_be_visible()
    page.goto(f"{site}{path}/answers/{id_}")
    page.get_by_role("link", name="← Birthdays").click()
    expect(page.locator(f"#a-{id_}")).to_have_attribute("data-status", "abstained")

    page.get_by_role("link", name=re.compile("^Conflicts")).click()
    conflict = page.locator(".conflict").first
    number = str(conflict.get_attribute("id")).removeprefix("a-")
    conflict.get_by_label("Why").fill("Read again.")
    conflict.get_by_role("button", name="hallucinated").click()
    decided = next(it for it in answers(site, path) if it["id"] == int(number))
    assert (decided["label"], decided["disputed"]) == ("hallucinated", False)

    page.goto(f"{site}{path}/review")
    left = int(re.findall(r"\d+", page.locator("#review-progress b").first.inner_text())[0])
    page.get_by_label("hedged").check()
    page.locator(".label.hallucinated").click()
    expect(page.locator("#review-progress b").first).to_have_text(str(left + 1))
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#review-progress b").first).to_have_text(str(left))
