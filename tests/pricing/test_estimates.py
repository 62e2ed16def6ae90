"""What a grid will cost: tokens from lengths and earlier answers, and the ceilings on it."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from app.db import Database
from app.grids import start_grid
from app.messages import Message
from app.plans import GridInput, plan_grid
from app.pricing.ceilings import Ceilings
from app.pricing.estimates import ENOUGH, Estimate, Estimator, input_tokens
from app.pricing.prices import PriceBook
from app.providers import Outcome, Provider, Thinking, load_providers
from tests.factories import answers_of, finish, grid_input

GPT = "openai-chat/gpt-5.2"  # 1.75 and 14 dollars per million tokens
OFF = [{"wording": "as-published", "thinking": "off", "max_tokens": 500}]
ON = [{"wording": "as-published", "thinking": "on", "max_tokens": 2000}]


@pytest.fixture
def providers() -> dict[str, Provider]:
    return load_providers({"OPENAI_API_KEY": "k"}, practice_latency_s=0)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as writing:
        yield writing


def estimate(session: Session, providers: dict[str, Provider], **changes: Any) -> Estimate:
    given = {"models": [GPT], "variants": OFF, "prompts": [{"text": "x" * 41}], **changes}
    plan = plan_grid(session, GridInput(**grid_input(**given)), providers)
    return Estimator(session, PriceBook(providers), providers).plan(plan)


def answered(
    session: Session, providers: dict[str, Provider], tokens: list[int], **changes: Any
) -> None:
    """Earlier answers of GPT that used so many output tokens."""
    given = {"models": [GPT], "variants": OFF, "repeats": len(tokens), **changes}
    plan = plan_grid(session, GridInput(**grid_input(**given)), providers)
    grid = start_grid(session, plan, 100)
    for answer, count in zip(answers_of(session, grid), tokens, strict=True):
        attempt = finish(session, answer, outcome=Outcome.truncated)
        attempt.output_tokens = count
        session.add(attempt)
    session.flush()


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_input_is_a_quarter_of_the_characters(characters: int, tokens: int) -> None:
    assert input_tokens(Message("x" * characters, "")) == tokens
    assert input_tokens(Message("", "x" * characters)) == tokens


@given(st.text(max_size=99), st.text(max_size=99))
def test_input_is_never_less_than_its_share(user: str, system: str) -> None:
    tokens = input_tokens(Message(user, system))
    assert 4 * tokens - 3 <= len(user) + len(system) <= 4 * tokens


def test_grid_costs_its_calls(session: Session, providers: dict[str, Provider]) -> None:
    prompts = [{"text": "x" * 41}, {"text": "y" * 41}, {"text": "z"}]
    found = estimate(session, providers, prompts=prompts, repeats=3)
    [gpt] = found.models
    assert (gpt.calls, gpt.input_tokens, gpt.output_tokens) == (9, 3 * (11 + 11 + 1), 9 * 60)
    assert gpt.basis == "assumed without thinking"
    assert gpt.expected_usd == pytest.approx((69 * 1.75 + 540 * 14) / 1e6)
    assert gpt.at_most_usd == pytest.approx((69 * 1.75 + 4500 * 14) / 1e6)
    assert found.expected_usd == gpt.expected_usd
    assert found.at_most_usd == gpt.at_most_usd


def test_columns_of_a_model_are_added_up(session: Session, providers: dict[str, Provider]) -> None:
    off = estimate(session, providers, variants=OFF)
    on = estimate(session, providers, variants=ON)
    both = estimate(session, providers, variants=OFF + ON, models=[GPT, "practice/honest"])
    [gpt, practice] = both.models
    assert on.models[0].output_tokens == 2 * 1000
    assert gpt.expected_usd == pytest.approx(off.expected_usd + on.expected_usd)
    assert gpt.at_most_usd == pytest.approx(off.at_most_usd + on.at_most_usd)
    assert gpt.basis == "assumed without thinking; assumed with thinking"
    assert (practice.expected_usd, practice.at_most_usd) == (0.0, 0.0)


def test_unknown_price_is_left_out_and_named(
    session: Session, providers: dict[str, Provider]
) -> None:
    found = estimate(session, providers, models=["openai-chat/nobody-knows", GPT])
    assert found.unknown == ["openai-chat/nobody-knows"]
    assert found.models[0].expected_usd is found.models[0].at_most_usd is None
    assert found.expected_usd == found.models[1].expected_usd


def test_earlier_answers_tell_how_long_the_next_will_be(
    session: Session, providers: dict[str, Provider]
) -> None:
    answered(session, providers, [10, 20, 400, 30])
    assert estimate(session, providers).models[0].output_tokens == 2 * 60
    answered(session, providers, [50])
    [gpt] = estimate(session, providers).models
    assert (gpt.output_tokens, gpt.basis) == (2 * 30, f"median of {ENOUGH} earlier answers")
    [thinking] = estimate(session, providers, variants=ON).models  # another setting: not the same
    assert thinking.output_tokens == 2 * 1000


def test_output_is_bounded_by_its_cap(session: Session, providers: dict[str, Provider]) -> None:
    low = [{**ON[0], "max_tokens": 100}]
    assert estimate(session, providers, variants=low).models[0].output_tokens == 2 * 100
    answered(session, providers, [900] * ENOUGH)
    [gpt] = estimate(session, providers).models
    assert gpt.output_tokens == 2 * 500
    assert gpt.expected_usd == gpt.at_most_usd


@pytest.mark.parametrize(
    ("model", "thinking", "tokens"),
    [
        (GPT, Thinking.off, 60),
        (GPT, Thinking.high, 1000),
        ("practice/honest", Thinking.default, 60),  # known not to think by itself
        ("anthropic/claude-opus-5-5", Thinking.default, 1000),
        ("gone/model", Thinking.default, 1000),  # rather too much than too little
    ],
)
def test_whether_it_will_think(
    session: Session, providers: dict[str, Provider], model: str, thinking: Thinking, tokens: int
) -> None:
    estimator = Estimator(session, PriceBook(providers), providers)
    assert estimator.output_tokens(model, thinking, 16_000)[0] == tokens


@pytest.mark.parametrize(
    ("calls", "usd", "part"),
    [
        (10, 1.0, ""),
        (11, 1.0, "would make 11 calls and is to stop above 10. Raise that ceiling"),
        (10, 1.01, "would cost about $1.01 and is to stop above $1.00. Raise that ceiling"),
    ],
)
def test_ceiling_says_how_to_raise_it(calls: int, usd: float, part: str) -> None:
    problem = Ceilings(10, 1.0).problem(calls, usd)
    assert (problem == "") == (part == "")
    assert part in problem
    assert Ceilings().problem(calls, usd) == ""


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, ""), (10.0, "10"), (2.5, "2.50"), (0.0, "0"), (0.004, "0.004"), (1e-6, "0.000001")],
)
def test_ceiling_stands_in_its_field_as_it_is(usd: float | None, text: str) -> None:
    assert Ceilings(None, usd).max_cost_text == text
