"""A grid whose rows are not all in the page; folds, levels and equal answers."""

import re
from collections.abc import Sequence

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open, axe_findings, known_as, wait_on
from tests.polling import wait_for
from tests.serving import request_json

ROWS = 150  # of four chips: three blocks
WORDINGS = ("allowed", "not-mentioned")
VARIANTS = [{"wording": wording, "thinking": "off"} for wording in WORDINGS]


def start(
    site: str,
    prompts: int = ROWS,
    repeats: int = 1,
    variants: Sequence[dict[str, str]] = VARIANTS,
) -> str:
    body = {
        "prompts": [{"text": f"How many Ds are in DEEPSEEK? ({n})"} for n in range(prompts)],
        "models": ["practice/bluffer", "practice/honest"],
        "variants": variants,
        "repeats": repeats,
    }
    grid_id = str(request_json("POST", f"{site}/api/grids", body)["id"])
    address = f"{site}/api/grids/{grid_id}"
    wait_for(lambda: request_json("GET", address)["status"] == "done", "the grid", 60)
    return f"/grids/{grid_id}"


def on_screen(page: Page, selector: str) -> bool:
    """Whether all of it is to be seen: neither heads nor edges cover a part."""
    return bool(
        page.locator(selector).evaluate(
            """chip => {
              const boxOf = (part) => part.getBoundingClientRect();
              const [box, head, prompt] = [".scroller", ".head", ".row > .prompt"]
                .map((selector) => boxOf(document.querySelector(selector)));
              const it = boxOf(chip);
              return it.top >= head.bottom && it.bottom <= Math.min(box.bottom, innerHeight)
                && it.left >= prompt.right && it.right <= box.right;
            }"""
        )
    )


def test_rows_come_and_go_with_the_scroll(open_page: Open, site: str) -> None:
    page = open_page(start(site))
    scroller, rows = page.locator(".scroller"), page.locator("[data-row]")
    first, last = page.locator('[data-row="1"]'), page.locator(f'[data-row="{ROWS}"]')
    expect(first).to_be_visible()
    expect(last).to_have_count(0)
    scroller.evaluate("e => e.scrollTop = e.scrollHeight")
    expect(last.locator(".chip")).to_have_count(4)
    expect(first).to_have_count(0)
    assert rows.count() <= 100
    height = scroller.evaluate("e => e.scrollHeight")
    # What is read stays where it is while rows around it come and go.
    chip = page.locator('[data-row="104"] .chip').first
    chip.scroll_into_view_if_needed()
    before = chip.bounding_box()
    expect(page.locator('[data-row="99"]')).to_have_count(1)
    after = chip.bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) <= 1
    scroller.evaluate("e => e.scrollTop = 0")
    expect(first.locator(".chip")).to_have_count(4)
    expect(last).to_have_count(0)
    assert abs(scroller.evaluate("e => e.scrollHeight") - height) < 100
    assert axe_findings(page) == []


def test_label_is_kept_in_rows_that_come_back(open_page: Open, site: str) -> None:
    path = start(site)
    request_json("GET", f"{site}/api{path}")
    page = open_page(path)
    chip = page.locator(".chip").first
    selector = f"#{chip.get_attribute('id')}"
    page.context.request.post(f"{site}/reviewer", form={"name": "Ada"})
    page.locator(".scroller").evaluate("e => e.scrollTop = e.scrollHeight")
    expect(page.locator(selector)).to_have_count(0)
    answer = selector.removeprefix("#a-")
    page.context.request.post(f"{site}/answers/{answer}/label", form={"value": "correct"})
    page.locator(".scroller").evaluate("e => e.scrollTop = 0")
    expect(page.locator(selector)).to_have_attribute("data-status", "correct")


def test_label_given_while_rows_come_in_is_shown(open_page: Open, site: str) -> None:
    """The page hears of a label before it has the row, which was read before the label."""
    path = start(site)
    answers = request_json("GET", f"{site}/api{path}/answers?limit=1000")["items"]
    page = open_page(path)
    page.context.request.post(f"{site}/reviewer", form={"name": "Ada"})
    known = page.locator("#since").input_value()
    page.evaluate(
        """() => {
          const usual = window.fetch, gate = new Promise((open) => { window.goOn = open; });
          window.fetch = async (url, options) => {
            const response = await usual(url, options);
            if (!String(url).includes("/rows?")) return response;
            const text = await response.text();
            window.holds = true;
            await gate;
            return new Response(text);
          };
        }"""
    )
    page.locator(".scroller").evaluate("e => e.scrollTop = e.scrollHeight")
    page.wait_for_function("() => window.holds")
    last = answers[-1]["id"]
    page.context.request.post(f"{site}/answers/{last}/label", form={"value": "correct"})
    expect(page.locator("#since")).not_to_have_value(known)
    expect(page.locator(f"#a-{last}")).to_have_count(0)
    page.evaluate("() => goOn()")
    expect(page.locator(f"#a-{last}")).to_have_attribute("data-status", "correct")


def wait_until_on_screen(page: Page, selector: str) -> None:
    wait_on(page, lambda: on_screen(page, selector), f"the way to {selector}")


def test_link_to_an_answer_far_below_leads_there(open_page: Open, site: str) -> None:
    path = start(site)
    with_last = request_json("GET", f"{site}/api{path}/answers?limit=1000")["items"]
    answer = with_last[-1]["id"]
    page = open_page(f"{path}#a-{answer}")
    expect(page.locator("#drawer .answer")).to_be_visible()
    expect(page.locator("#drawer [data-answer], #drawer .answer").first).to_have_attribute(
        "data-answer", str(answer)
    )
    assert on_screen(page, f"#a-{answer}")
    without = open_page(f"{path}?at={answer}#a-{answer}", java_script_enabled=False)
    expect(without.locator(f"#a-{answer}")).to_be_visible()
    without.get_by_role("link", name="rows 1–50").click()
    expect(without.locator('[data-row="1"]')).to_be_visible()


# Where heads and the cells of the first row begin and end, in pixels.
EDGES = """(selector) => [...document.querySelectorAll(selector)]
  .map((it) => it.getBoundingClientRect())
  .map(({ left, right }) => [Math.round(left), Math.round(right)])"""


def assert_heads_above_cells(page: Page) -> list[list[int]]:
    heads: list[list[int]] = page.evaluate(EDGES, ".head .col")
    assert heads == page.evaluate(EDGES, '[data-row="1"] .cell')
    return heads


@pytest.mark.parametrize("width", [1440, 700])
def test_heads_stand_above_their_cells_however_long_their_names(
    open_page: Open, site: str, width: int
) -> None:
    path = start(site, prompts=1)
    page = open_page(path, viewport={"width": width, "height": 600})
    assert_heads_above_cells(page)
    page.locator(".lev-1 > .name > span").first.evaluate(
        "it => it.prepend('openrouter/anthropic/')"
    )
    heads = assert_heads_above_cells(page)
    # A cost of many figures leaves room for what can be done to the column.
    page.locator(".col .cost").first.evaluate("it => it.prepend('$0.00079 and ')")
    [cost] = page.evaluate(EDGES, ".col:first-child .cost")[:1]
    [more] = page.evaluate(EDGES, ".col:first-child .more")[:1]
    assert cost[1] <= more[0] + 4 < more[1] <= heads[0][1]
    rates = "[...document.querySelectorAll('.col .rate')].map((it) => it.getBoundingClientRect().y)"
    assert len(set(page.evaluate(rates))) == 1


def test_current_answer_stays_on_the_screen_beside_the_drawer(open_page: Open, site: str) -> None:
    thinking = [{"wording": w, "thinking": t} for w in WORDINGS for t in ("off", "on")]
    path = start(site, prompts=12, variants=thinking)
    page = open_page(path, viewport={"width": 1024, "height": 600})
    for row, key in ((0, "End"), (11, "End"), (6, "Home")):
        page.locator(".row").nth(row).locator(".chip").first.focus()
        page.keyboard.press(key)
        current = f'[data-row="{row + 1}"] .chip[aria-current]'
        expect(page.locator(current)).to_be_focused()
        wait_until_on_screen(page, current)
        page.keyboard.press("Space")
        page.locator("#drawer .answer").wait_for()
        wait_until_on_screen(page, current)
        page.keyboard.press("Space")


def test_columns_are_folded_and_swapped(open_page: Open, site: str) -> None:
    page = open_page(start(site, prompts=3, repeats=2))
    expect(page.locator(".chip")).to_have_count(24)
    page.locator(".lev-1 > .name").first.hover()
    page.locator(".lev-1 > .name .fold").first.click()
    expect(page).to_have_url(re.compile(r"\?fold=practice/bluffer$"))
    expect(page.locator(".chip")).to_have_count(12)
    expect(page.locator(".cell.folded .mini")).to_have_text(["4", "4", "4"])
    assert_heads_above_cells(page)
    page.get_by_role("columnheader", name="practice/bluffer").get_by_role("link").click()
    expect(page.locator(".chip")).to_have_count(24)
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("link", name="wording › thinking › model").click()
    expect(page.locator(".lev-1 > .name").first).to_contain_text("allowed")
    expect(page.locator(".col .title").first).to_have_text("practice/bluffer")
    assert_heads_above_cells(page)
    expect(page.get_by_role("columnheader").nth(1)).to_contain_text(
        "practice/bluffer · thinking off · allowed"
    )


def test_search_and_filters_are_in_the_address(open_page: Open, site: str) -> None:
    page = open_page(start(site, prompts=3))
    page.get_by_role("searchbox").fill("nothing says this")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No answer matches.")).to_be_visible()
    page.get_by_role("link", name="“nothing says this” ✕").click()
    expect(page.locator(".chip")).to_have_count(12)
    page.get_by_text("More filters").click()
    page.get_by_role("link", name=re.compile("^Answered 12")).click()
    expect(page).to_have_url(re.compile(r"\?outcome=answered$"))
    expect(page.locator(".chip[data-off]")).to_have_count(0)
    assert axe_findings(page) == []


def test_equal_answers_light_up_together(open_page: Open, site: str) -> None:
    page = open_page(start(site, prompts=1, repeats=5))
    number = page.locator(".chip[data-eq]").first.get_attribute("data-eq")
    equals = page.locator(f'.chip[data-eq="{number}"]')
    assert equals.count() > 1
    page.mouse.move(0, 0)
    expect(equals.last).to_have_css("box-shadow", "none")
    equals.first.hover()
    expect(equals.last).not_to_have_css("box-shadow", "none")


def test_rows_stay_while_a_filter_lets_go_of_them(open_page: Open, site: str) -> None:
    """Rows that were labelled match no longer: those below move up on the server, not here."""
    page = open_page(f"{start(site, prompts=120)}?only=unlabelled")
    known_as(page, "Ada")

    def chips(row: int) -> Locator:
        return page.locator(f'[data-row="{row}"] .chip')

    for chip in [*chips(1).all(), *chips(2).all(), *chips(50).all()[:3]]:
        answer = (chip.get_attribute("id") or "").removeprefix("a-")
        page.context.request.post(f"{site}/answers/{answer}/label", form={"value": "correct"})
    expect(page.locator("#rows-now")).to_contain_text("2 fewer prompts match now.")
    chips(50).last.focus()
    page.keyboard.press("c")  # on to the next, whose row is yet to come
    expect(chips(51).first).to_be_focused()
    expect(page.locator("#rows-now")).to_contain_text("3 fewer prompts match now.")
    numbers = page.locator("[data-row]").evaluate_all("all => all.map((it) => it.dataset.row)")
    assert numbers == [str(n) for n in range(1, 101)]
    expect(page.locator('[data-row="51"]')).to_have_attribute("aria-rowindex", "52")
    page.keyboard.press("z")
    expect(chips(50).last).to_be_focused()
    page.keyboard.press("c")
    page.keyboard.press("[")
    expect(chips(49).last).to_be_focused()


def test_answer_that_has_no_place_here_is_told_of(open_page: Open, site: str) -> None:
    path = start(site, prompts=60)
    page = open_page(path)
    first = page.locator(".chip").first.get_attribute("id")
    with_filter = open_page(f"{path}?only=reviewers#{first}")
    folded = open_page(f"{path}?fold=practice/bluffer#{first}")
    for other in (with_filter, folded):
        expect(other.locator("#notices")).to_have_text(
            "This answer is in no row and no column that is shown here."
        )
    page.locator(".row .more").first.focus()  # from which one goes on as from any other place
    page.keyboard.press("c")
    page.keyboard.press("[")
    expect(page.locator('[data-row="60"] .chip').last).to_be_focused()
    all_folded = open_page(f"{path}?fold=practice/bluffer&fold=practice/honest")
    all_folded.keyboard.press("]")
    all_folded.wait_for_timeout(200)
    expect(all_folded.locator("#notices")).to_be_empty()
