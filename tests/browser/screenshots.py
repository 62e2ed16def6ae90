"""Takes the pictures of the README: ``python -m tests.browser.screenshots docs/images``.

They show the real application with practice models and labels given through the keyboard.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from app.settings import Settings
from tests.browser import rich
from tests.browser.conftest import known_as, serving, start_example
from tests.polling import wait_for
from tests.serving import providers_at, request_json
from tests.support.chromium import chromium_path, launch_args
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

DESKTOP, TABLET, PHONE = (
    {"width": 1440, "height": 860},
    {"width": 1024, "height": 768},
    {"width": 390, "height": 844},
)


def label_like_a_reviewer(page: Page) -> None:
    """Label every answer of the example the way its references say."""
    known_as(page, "Ada")
    page.locator(".chip").first.focus()
    for _ in range(page.locator(".chip").count()):
        chip = page.locator(".chip[aria-current]")
        said = (chip.text_content() or "").rstrip("~≠")  # its marks
        row = chip.locator("xpath=ancestor::div[@role='row']").locator(".prompt-text").inner_text()
        right = "DEEPSEEK" in row and said == "1"
        page.keyboard.press("a" if said == "IDK" else "c" if right else "h")
    page.locator("#filters").get_by_text("Unlabelled 0").wait_for()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp())
    settings = Settings(data_dir=data, discover=False, practice_latency_ms=250)
    with serving(settings) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=launch_args())
        page = _page(browser, DESKTOP)
        page.goto(site)
        page.get_by_role("button", name="Run it with practice models").click()
        page.locator('.chip[data-status="unlabelled"]').nth(50).wait_for()
        page.screenshot(path=folder / "grid-live.png")
        page.goto(site)
        start_example(page)
        label_like_a_reviewer(page)
        grid = page.url.partition("#")[0]
        cookies = page.context.cookies()
        for name, size, scheme in (
            ("", DESKTOP, "light"), ("-dark", DESKTOP, "dark"), ("-1024", TABLET, "light"),
            ("-1024-dark", TABLET, "dark"), ("-phone", PHONE, "light"),
            ("-phone-dark", PHONE, "dark"),
        ):  # fmt: skip
            page = _page(browser, size, scheme)
            page.context.add_cookies(cookies)  # type: ignore[arg-type]
            for path, file in (
                (site, "home"), (f"{site}/compose?start=paper", "compose"), (grid, "grid"),
                (f"{grid}?density=lines", "grid-lines"), (f"{site}/library", "library"),
                (f"{site}/library/wordings/allowed", "wording"), (f"{site}/models", "models"),
                (f"{site}/api/docs", "api"),
            ):  # fmt: skip
                page.goto(path)
                page.screenshot(path=folder / f"{file}{name}.png")
            page.goto(grid)
            page.locator(".chip").nth(30).click()
            page.locator("#drawer .answer").wait_for()
            page.screenshot(path=folder / f"drawer{name}.png")
        browser.close()
    shutil.rmtree(data)


def models_and_switches(folder: Path) -> None:
    """Real protocols, spoken by a server of this script: it ignores one switch, refuses one key."""

    def handler(request: Recorded) -> Script:
        if request.model == "claude-haiku-5-5":
            return Script(status=401, error="invalid x-api-key")
        if request.model == "gpt-5.5" and "input" in request.body:
            return Script(text="1", thinking="I spell the word and count the letter D.")
        return Script(text="I don't know." if "birthday" in str(request.body) else "1")

    data = Path(tempfile.mkdtemp())
    with WireServer(handler) as wire, sync_playwright() as playwright:
        wire.models = lambda request: {
            "data": [
                {"id": name}
                for name in ("claude-opus-5-5", "claude-opus-4-6", "claude-haiku-5-5", "gpt-5.5")
                if ("anthropic-version" in request.headers) is name.startswith("claude")
            ]
        }
        os.environ.update(providers_at(wire.url))
        settings = Settings(data_dir=data, discover=True, preflight_calls=1)
        with serving(settings) as site:
            browser = playwright.chromium.launch(
                executable_path=chromium_path(), args=launch_args()
            )
            page = _page(browser, DESKTOP)
            page.goto(f"{site}/compose?model=anthropic/claude-opus-5-5")
            page.get_by_label("Prompt, as its author wrote it").fill("How many Ds are in DEEPSEEK?")
            page.locator("#models-of-openai input").first.check()
            page.locator('#models-of-anthropic input[value$="haiku-5-5"]').check()
            page.get_by_label("ask for it all the same").check()
            page.get_by_text("What the chosen models do not take").click()
            page.locator("#preview .note", has_text="Forced").wait_for()
            page.locator("#thinking-choices").scroll_into_view_if_needed()
            page.screenshot(path=folder / "compose-forced.png")
            page.locator("#preview").get_by_role("button", name="Run", exact=True).click()
            page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)
            page.locator(".chip .flag").first.click()
            page.locator("#drawer .answer").wait_for()
            page.screenshot(path=folder / "mismatch.png")
            for name, size, scheme in (("", DESKTOP, "light"), ("-phone-dark", PHONE, "dark")):
                page = _page(browser, size, scheme)
                for path, file in (
                    ("/models", "models"),
                    ("/models/anthropic/claude-opus-4-6", "model"),
                ):
                    page.goto(site + path)
                    page.screenshot(path=folder / f"{file}{name}.png")
            browser.close()
    shutil.rmtree(data)


def labelled_by_three(folder: Path) -> None:
    """Everything a grid can hold, three reviewers, and all that is done with their labels."""
    data = Path(tempfile.mkdtemp())
    with WireServer(rich.handler) as wire, sync_playwright() as playwright:
        os.environ.update(providers_at(wire.url))
        with serving(Settings(data_dir=data, discover=False)) as site:
            grid = rich.start(site)
            rich.label(site, grid)
            browser = playwright.chromium.launch(
                executable_path=chromium_path(), args=launch_args()
            )
            for name, size, scheme in (
                ("", DESKTOP, "light"), ("-dark", DESKTOP, "dark"), ("-phone", PHONE, "light"),
            ):  # fmt: skip
                page = _page(browser, size, scheme)
                page.context.request.post(f"{site}/reviewer", form={"name": "Ada"})
                for path, file in (
                    ("", "rich"), ("?fold=openai/odd&fold=practice/honest", "folded"),
                    ("?label=hallucinated&only=repeats", "filtered"), ("/review", "review"),
                    ("/review?blind=0&left=0", "review-open"), ("/conflicts", "conflicts"),
                ):  # fmt: skip
                    page.goto(site + grid + path)
                    page.screenshot(path=folder / f"{file}{name}.png")
                page.goto(site + grid)
                page.locator(".chip[data-can-label]").first.click()
                page.locator("#compare").click()
                page.locator(".to-choose .repeats a").first.click()
                page.locator("#drawer .diff-text").first.wait_for()
                page.screenshot(path=folder / f"diff{name}.png")
            browser.close()
    shutil.rmtree(data)


def with_results(folder: Path) -> None:
    """Enough prompts to tell something, labelled as the rules suggest, and some of them twice."""
    data = Path(tempfile.mkdtemp())
    made_up = ("library", "chess club", "observatory", "brewery", "choir", "harbour")
    body = {
        "title": "The paper's examples and Little Nowhere",
        "prompts": [{"key": key} for key in (
            "kalai-birthday", "deepseek-ds", "kalai-dissertation", "ladder-ds", "piano-ns",
            "spell-ls",
        )] + [
            {"text": f"In which year was the {what} of Little Nowhere founded? Give the year.",
             "answerable": "no", "tags": ["unknowable"]}
            for what in made_up
        ],
        "models": ["practice/bluffer", "practice/honest", "practice/thinker"],
        "variants": [
            {"wording": wording, "thinking": thinking}
            for wording in ("not-mentioned", "allowed", "target-75")
            for thinking in ("off", "on")
        ],
        "repeats": 3,
    }  # fmt: skip
    settings = Settings(data_dir=data, discover=False, practice_latency_ms=0, concurrency=50)
    with serving(settings) as site, sync_playwright() as playwright:
        path = f"/grids/{request_json('POST', f'{site}/api/grids', body)['id']}"
        wait_for(
            lambda: request_json("GET", f"{site}/api{path}")["status"] == "done", "answers", 60
        )
        for n, item in enumerate(
            request_json("GET", f"{site}/api{path}/answers?limit=1000")["items"]
        ):
            value = item["suggested"] or ("hallucinated" if n % 5 else "correct")
            for reviewer in ("Ada", "Boris")[: 1 + (n % 4 == 0)] if n % 19 else ():
                other = "abstained" if reviewer == "Boris" and n % 28 == 0 else value
                address = f"{site}/api/answers/{item['id']}/label"
                request_json("PUT", address, {"label": other, "reviewer": reviewer})
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=launch_args())
        page = _page(browser, DESKTOP)
        page.goto(f"{site}{path}/shares")
        page.get_by_role("radio", name="frozen").check()
        page.get_by_role("button", name="Make a link").click()
        link = page.locator("table a").first.get_attribute("href")
        for name, size, scheme in (
            ("", DESKTOP, "light"), ("-dark", DESKTOP, "dark"), ("-phone", PHONE, "light"),
            ("-phone-dark", PHONE, "dark"), ("-1024", TABLET, "light"),
        ):  # fmt: skip
            page = _page(browser, size, scheme)
            page.goto(f"{site}{link}")
            page.screenshot(path=folder / f"snapshot{name}.png")
            page.goto(f"{site}{path}/results")
            page.screenshot(path=folder / f"results{name}.png")
            for heading in ("measures", "price", "patterns", "agreement"):
                page.locator(f"section:has(#{heading}-title)").scroll_into_view_if_needed()
                page.locator(f"#{heading}-title").evaluate("e => e.scrollIntoView()")
                page.screenshot(path=folder / f"results-{heading}{name}.png")
        browser.close()
    shutil.rmtree(data)


def _page(browser: Browser, size: dict[str, int], scheme: str = "light") -> Page:
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    return context.new_page()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    models_and_switches(Path(sys.argv[1]))
    labelled_by_three(Path(sys.argv[1]))
    with_results(Path(sys.argv[1]))
