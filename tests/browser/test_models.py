"""Models and forced settings in a real browser, against real protocols."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.settings import Settings
from tests.browser.conftest import Open, axe_findings, serving
from tests.serving import providers_at
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script, script_for

OPUS = "anthropic/claude-opus-5-5"
LOOKS: list[dict[str, Any]] = [
    {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    for scheme, width in (("light", 1440), ("dark", 390))
]


def answer(request: Recorded) -> Script:
    """A model named deaf thinks whatever it is asked."""
    thinks = request.model == "deaf"
    return Script(thinking="I always think.") if thinks else script_for(request)


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "bluffcheck.db").write_bytes(sqlite_template.read_bytes())
    with WireServer(answer) as wire:
        for name, value in providers_at(wire.url).items():
            monkeypatch.setenv(name, value)
        with serving(Settings(data_dir=tmp_path, discover=False, preflight_calls=10)) as url:
            yield url


def test_models_are_searched_tested_and_priced(open_page: Open) -> None:
    page = open_page("/models", expect_errors=True)  # a price that makes no sense is a 422
    page.get_by_placeholder("Search models").press_sequentially("opus-5-5")
    expect(page.locator("table.models tbody tr")).to_have_count(1)
    page.get_by_role("link", name=OPUS).click()
    page.get_by_role("button", name="Test now").click()
    expect(page.locator("#checks")).to_contain_text("It answers, and thinking is on.")
    page.get_by_label("Input, $", exact=True).fill("2")
    page.get_by_label("Output, $").fill("a lot")
    page.get_by_role("button", name="Add this price").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved.")
    expect(page.get_by_label("Output, $")).to_have_value("a lot")
    page.get_by_label("Output, $").fill("10")
    page.get_by_role("button", name="Add this price").click()
    expect(page.locator("#prices")).to_contain_text("$2.00 in, $10.00 out")
    page.get_by_role("link", name="Compose a grid with it").click()
    expect(page.locator('input[name="model"]:checked')).to_have_count(1)


def test_setting_that_a_model_does_not_take_is_greyed_explained_and_forced(
    open_page: Open,
) -> None:
    page = open_page(f"/compose?model={OPUS}")
    off = page.locator("#thinking-choices .tick", has=page.locator('input[value="off"]'))
    expect(off).to_have_class("tick cannot")
    page.get_by_text("What the chosen models do not take").click()
    expect(page.locator(".reasons")).to_contain_text("always thinks: the API refuses")

    page.get_by_label("Prompt, as its author wrote it").fill("How many Ds are in DEEPSEEK?")
    expect(page.locator("#preview .left-out")).to_contain_text("thinking off")
    expect(page.locator(".calls")).to_have_text("6 calls")
    page.get_by_label("ask for it all the same").check()
    expect(page.locator(".calls")).to_have_text("12 calls")
    forced = page.locator("#preview .note", has_text="Forced:")
    expect(forced).to_contain_text("The API is expected to refuse these calls.")
    page.locator("#models-of-openai summary").click()
    page.locator('#models-of-openai input[value="openai/gpt-5.5"]').check()
    expect(off).to_have_class("tick")
    expect(off).to_contain_text("1 of 2 models")
    of_openai = page.locator("#models-of-openai summary")
    expect(of_openai).to_contain_text(", 1 chosen")
    page.locator('#models-of-openai input[value="openai/gpt-5.5"]').uncheck()
    expect(of_openai).not_to_contain_text("chosen")
    page.locator('#models-of-openai input[value="openai/gpt-5.5"]').check()
    expect(of_openai).to_contain_text(", 1 chosen")

    page.locator("#preview").get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/grids/*")
    page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)
    expect(page.locator(".col .bad", has_text="forced").first).to_be_visible()
    page.locator(".chip").first.click()
    expect(page.locator("#drawer")).to_contain_text("forced: this model is known not to take it")
    expect(page.locator("#drawer .facts")).to_contain_text('{"thinking": {"type": "disabled"}}')


def test_ignored_switch_has_its_mark_everywhere(open_page: Open) -> None:
    page = open_page("/compose?model=openai-chat/deaf")
    page.get_by_label("Prompt, as its author wrote it").fill("How many Ds are in DEEPSEEK?")
    page.locator("#preview").get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/grids/*")
    page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)
    head = page.locator('.col[id="col-0-1"]')
    expect(head).to_contain_text("off → seen 3/3")
    expect(head).to_contain_text("3\u202f≠")
    expect(page.locator(".chip .flag")).to_have_count(6)
    page.locator(".chip").first.click()
    expect(page.locator("#drawer")).to_contain_text(
        "Thinking was to be off, and thinking text came back."
    )


def test_pages_have_no_accessibility_findings(open_page: Open) -> None:
    found = []
    for look in LOOKS:
        for path in ("/models", f"/models/{OPUS}", "/models?q=nothing-like-it",
                     f"/compose?model={OPUS}"):  # fmt: skip
            page = open_page(path, **look)
            page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            found += [f"{path} {look}: wider than the window"] if wide else []
            found += [f"{path} {look}: {finding}" for finding in axe_findings(page)]
    assert found == []
