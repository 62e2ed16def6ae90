"""Test calls: what they ask, what they conclude, and what is kept of them."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app import control
from app.checks import (
    MAX_TOKENS,
    QUESTION,
    CheckResult,
    check_model,
    latest_checks,
    save_checks,
    settings_to_check,
    waiting,
)
from app.control import WHOLE
from app.db import Database
from app.pricing.prices import PriceBook
from app.providers import Thinking, load_providers
from app.tables import CheckState, HeldBack
from tests.factories import answers_of, new_grid
from tests.providers.calling import environ_for, with_providers
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script, script_for


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer() as running:
        yield running


def check(server: WireServer, model: str, **environ: str) -> list[CheckResult]:
    name, _, model_id = model.partition("/")

    async def go(providers: Any) -> list[CheckResult]:
        provider = providers[name]
        return await check_model(provider, model_id, settings_to_check(provider, model_id))

    return with_providers(environ_for(server, **environ), go)


def told(results: list[CheckResult]) -> list[tuple[str, str]]:
    return [(r.thinking.value, r.state.value) for r in results]


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("anthropic/claude-opus-4-6", ["off", "on"]),
        ("anthropic/claude-opus-5-5", ["on"]),
        ("openai/gpt-4o", ["off"]),
        ("deepseek/anything", ["off", "on"]),
    ],
)
def test_what_can_be_asked_is_tried(model: str, settings: list[str]) -> None:
    name, _, model_id = model.partition("/")
    provider = load_providers({}, practice_latency_s=0)[name]
    assert settings_to_check(provider, model_id) == settings


def test_working_model_answers_with_thinking_off_and_on(server: WireServer) -> None:
    results = check(server, "anthropic/claude-opus-4-6")
    assert told(results) == [("off", "works"), ("on", "works")]
    assert [r.message for r in results] == [
        "It answers, and thinking is off.",
        "It answers, and thinking is on.",
    ]
    for call in server.calls:
        assert call.body["messages"] == [{"role": "user", "content": QUESTION}]
        assert call.body["max_tokens"] == MAX_TOKENS


def test_switch_that_is_ignored_is_told(server: WireServer) -> None:
    server.handler = lambda request: Script(text="934", thinking="I think anyway.")
    results = check(server, "deepseek/deepseek-flash")
    assert told(results) == [("off", "ignored"), ("on", "works")]
    assert results[0].message == "Thinking was to be off, and thinking text came back."


def test_model_that_decides_itself_is_undecided(server: WireServer) -> None:
    server.handler = lambda request: Script(text="934", obeys=False)
    results = check(server, "anthropic/claude-opus-4-6")
    assert told(results) == [("off", "works"), ("on", "undecided")]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("anthropic/401", "refused the API key (401)"),
        ("openai/quota", "quota or spending limit is used up"),
    ],
)
def test_what_fails_for_good_is_called_once(server: WireServer, model: str, message: str) -> None:
    results = check(server, model)
    assert told(results) == [("off", "fails"), ("on", "fails")]
    assert all(message in r.message and r.permanent for r in results)
    assert len(server.calls) == 1


def test_model_that_does_not_exist_is_given_up(server: WireServer) -> None:
    results = check(server, "anthropic/404")
    assert told(results) == [("off", "fails"), ("on", "fails")]
    assert all("does not know this model" in r.message and r.permanent for r in results)


def test_overload_in_the_middle_of_an_answer_may_pass(server: WireServer) -> None:
    results = check(server, "anthropic/error-mid")
    assert told(results) == [("off", "fails"), ("on", "fails")]
    assert not any(r.permanent for r in results)
    assert len(server.calls) == 2


def test_refused_setting_says_nothing_of_the_other(server: WireServer) -> None:
    def handler(request: Recorded) -> Script:
        off = request.body.get("thinking") == {"type": "disabled"}
        return Script(status=400, error="no such switch") if off else script_for(request)

    server.handler = handler
    results = check(server, "anthropic/claude-opus-4-6")
    assert told(results) == [("off", "fails"), ("on", "works")]
    assert results[0].permanent


def test_trouble_that_may_pass_is_not_permanent(server: WireServer) -> None:
    results = [*check(server, "anthropic/529")[:1], *check(server, "anthropic/429-long")[1:]]
    assert told(results) == [("off", "fails"), ("on", "fails")]
    assert not any(r.permanent for r in results)


def test_slow_model_is_given_up(server: WireServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.checks.CHECK_S", 0.05)
    server.handler = lambda request: Script(delay_s=30)
    [first, _] = check(server, "anthropic/claude-opus-4-6")
    assert (first.message, first.permanent) == ("No answer within 0.05 s.", False)


def test_provider_without_a_key_says_what_to_set(server: WireServer) -> None:
    results = check(server, "deepseek/deepseek-flash", DEEPSEEK_API_KEY="", DEEPSEEK_BASE_URL="")
    assert told(results) == [("off", "fails"), ("on", "fails")]
    assert results[0].message == "Set DEEPSEEK_API_KEY in the environment or in .env and restart."
    assert server.calls == []


def test_latest_check_of_each_setting_is_kept(server: WireServer, database: Database) -> None:
    prices = PriceBook(load_providers({}, practice_latency_s=0))
    model = "anthropic/claude-opus-4-6"
    first = check(server, model)
    server.handler = lambda request: Script(status=401, error="wrong \0 key")
    second = check(server, model)[:1]
    with database.write() as session:
        save_checks(session, model, first, prices)
        save_checks(session, model, second, prices)
        save_checks(session, "anthropic/other", first, prices)
        session.commit()
        kept = latest_checks(session, model)
        everything = latest_checks(session)
    assert list(kept) == [model]
    off, on = kept[model]
    assert (off.thinking, off.state, off.cost_usd) == (Thinking.off, CheckState.fails, None)
    assert "\0" not in off.message
    assert (on.state, on.input_tokens, on.output_tokens) == (CheckState.works, 11, 7)
    assert on.cost_usd == pytest.approx((11 * 5 + 7 * 25) / 1_000_000)
    assert sorted(everything) == [model, "anthropic/other"]


def test_two_first_checks_at_once_are_both_kept(server: WireServer, database: Database) -> None:
    prices = PriceBook(load_providers({}, practice_latency_s=0))
    model = "anthropic/claude-opus-4-6"
    results = check(server, model)

    def save(_: int) -> None:
        with database.write() as session:
            save_checks(session, model, results, prices)
            session.commit()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(save, range(8))) == [None] * 8
    with database.read() as session:
        assert len(latest_checks(session)[model]) == 2


def test_checks_of_many_models_run_side_by_side(server: WireServer) -> None:
    server.handler = lambda request: Script(delay_s=0.2)

    async def go(providers: Any) -> None:
        calls = (check_model(providers["anthropic"], f"m{n}", [Thinking.off]) for n in range(5))
        await asyncio.gather(*calls)

    with_providers(environ_for(server), go)
    assert server.max_in_flight == 5


def test_answer_without_text_is_not_called_an_answer(server: WireServer) -> None:
    results = check(server, "openai-chat/empty")
    assert told(results) == [("off", "undecided"), ("on", "undecided")]
    assert results[0].message == (
        "The call goes through, and its answer is empty, and thinking is off."
    )


def test_what_was_cancelled_is_not_tried(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session, variants=[{"thinking": "off"}, {"thinking": "on"}])
        for setting in (Thinking.off, Thinking.on):
            held = HeldBack(grid_id=grid.id, model="practice/bluffer", thinking=setting)
            session.add(held)
        session.flush()
        assert [one.settings for one in waiting(session)] == [(Thinking.off, Thinking.on)]
        off, *_ = answers_of(session, grid)
        column = control.scope_around(session, grid, off.id, "column")
        control.cancel(session, grid, column)
        assert [one.settings for one in waiting(session)] == [(Thinking.on,)]
        control.rerun(session, grid, column, failed=True)
        assert [one.settings for one in waiting(session)] == [(Thinking.off, Thinking.on)]
        control.cancel(session, grid, WHOLE)
        assert waiting(session) == []
