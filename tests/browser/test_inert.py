"""Scripts in every text that people and models give stay text, in a real browser: also while they
stream. The browser would say on its console what the content security policy had to stop."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.settings import Settings
from tests.browser.conftest import Open, serving
from tests.serving import providers_at, request_json
from tests.web.test_hostile_text import ELEMENTS, HOSTILE
from tests.wire import WireServer
from tests.wire_scripts import Script

MODEL = "openai-chat/<img src=x onerror=hostile()>"
TEXT = f"{HOSTILE}\n\n# [x](javascript:hostile()) ![x](x)\n\n{HOSTILE * 12}"


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    slow = Script(text=TEXT, thinking=HOSTILE, cut=900, drip_s=0.05)
    with WireServer(lambda _: slow) as wire:
        for name, value in providers_at(wire.url).items():
            monkeypatch.setenv(name, value)
        (tmp_path / "bluffcheck.db").write_bytes(sqlite_template.read_bytes())
        with serving(Settings(data_dir=tmp_path, discover=False)) as url:
            yield url


def assert_inert(page: Page, where: str) -> None:
    found = page.evaluate(
        """() => [window.ran ?? 0, document.querySelectorAll(
          "[onclick], [onerror], [style='x'], img[src=x], a[href^='javascript:']").length]"""
    )
    assert found == [0, 0], where


def test_scripts_in_texts_never_run(open_page: Open, site: str) -> None:
    prompt = dict.fromkeys(("text", "constraint", "source", "answer_format"), HOSTILE)
    body = {
        "title": HOSTILE,
        "prompts": [{**prompt, "references": [HOSTILE], "tags": [ELEMENTS]}],
        "models": [MODEL],
        "variants": [{"wording": "allowed", "thinking": "default", "system_prompt": HOSTILE}],
        "repeats": 2,
    }
    grid = "/grids/" + str(request_json("POST", f"{site}/api/grids", body)["id"])
    page = open_page(grid)
    page.context.add_init_script("window.hostile = () => { window.ran = 1 + (window.ran ?? 0) }")
    page.reload()

    chip = page.locator(".chip").first
    expect(chip).to_have_attribute("data-status", "running")
    expect(chip.locator(".text")).to_contain_text("<script>hostile()")  # while it streams
    chip.click()
    expect(page.locator("#drawer [data-partial]")).to_contain_text("<script>hostile()")
    assert_inert(page, "streaming")
    page.goto(f"{site}{grid}?density=full")
    expect(page.locator(".chip .text").last).to_contain_text("<script>hostile()")
    assert_inert(page, "streaming in full")
    expect(page.locator('.chip[data-status="unlabelled"]')).to_have_count(2, timeout=20_000)

    answers = request_json("GET", f"{site}/api{grid}/answers")["items"]
    first, second = (answer["id"] for answer in answers)
    given = {"label": "hallucinated", "note": HOSTILE, "reviewer": HOSTILE[:60]}
    for answer, label in ((first, "hallucinated"), (second, "correct")):
        url = f"{site}/api/answers/{answer}/label"
        request_json("PUT", url, {**given, "label": label})
        request_json("PUT", url, {**given, "reviewer": "<script>hostile()</script>"})
    page.goto(f"{site}{grid}/shares")
    for name in ("costs", "notes"):
        page.locator(f'[name="hide"][value="{name}"]').uncheck()
    page.get_by_role("button", name="Make a link").click()
    share = page.locator('td a[href^="/s/"]').get_attribute("href")

    shown = (
        grid, f"{grid}?density=full", f"{grid}/answers/{first}",
        f"{grid}/answers/{first}/diff/{second}", f"{grid}/review", f"{grid}/results",
        f"{grid}/conflicts", f"{grid}/reruns", f"{grid}/additions", f"{grid}/export",
        f"/compose?like={grid.removeprefix('/grids/')}", "/", "/library", "/models", str(share),
        f"{share}/answers/{first}",
    )  # fmt: skip
    page.request.post(f"{site}/reviewer", form={"name": "Ada"})
    for address in shown:
        page.goto(site + address)
        assert address == "/models" or "hostile()" in page.content(), address
        assert_inert(page, address)
    page.goto(site + grid)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Recently deleted")).to_be_visible()
    assert_inert(page, "deleted")
    page.get_by_role("button", name="Restore").click()
    expect(page.locator(".chip")).to_have_count(2)
