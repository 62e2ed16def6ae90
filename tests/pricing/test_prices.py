"""Prices: which one is in force, and what tokens cost at it."""

import importlib.metadata
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db import ROOT
from app.pricing.prices import (
    LIST_DATE,
    LIST_VERSION,
    LISTED,
    PRACTICE,
    REPORTED,
    PriceBook,
    Usage,
    in_force,
    own_cost,
)
from app.providers import load_providers
from app.tables import Price

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OPUS = "anthropic/claude-opus-4-6"  # 5, 25 and 0.5 dollars per million tokens
COUNTS = st.integers(0, 2_000_000)
DOLLARS = st.floats(0, 1000)


def price(model: str = OPUS, day: str = "2026-11-01", **changes: Any) -> Price:
    values: dict[str, Any] = {"input_usd": 1.0, "output_usd": 10.0, "cached_usd": 0.1, **changes}
    return Price(model=model, valid_from=date.fromisoformat(day), **values)


def book(*own: Price) -> PriceBook:
    found = PriceBook(load_providers({}, practice_latency_s=0))
    found.use(own)
    return found


def test_list_is_the_one_that_is_named() -> None:
    assert importlib.metadata.version("genai-prices") == LIST_VERSION
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    [listed] = [p for p in packages if p["name"] == "genai-prices"]
    assert listed["sdist"]["upload-time"][:10] == LIST_DATE.isoformat()


def test_list_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, app.main; print('genai_prices' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.decode().strip() == "False"


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        (OPUS, 0.0055 + 0.0125 - 0.00045),
        ("openai-chat/gpt-5.2", 0.00175 - 0.0001575 + 0.007),
        ("openai/gpt-5.2", 0.00175 - 0.0001575 + 0.007),
        ("gemini/gemini-2.5-pro", 0.00125 - 0.0001125 + 0.005),
        ("openrouter/anthropic/claude-opus-4.6", 0.005 - 0.00045 + 0.0125),
    ],
)
def test_list_price_counts_cached_input_apart(model: str, dollars: float) -> None:
    usage = Usage(input_tokens=1000, output_tokens=500, cached_tokens=100)
    if model == OPUS:  # a tenth of it written to the cache, for a quarter more
        usage = Usage(1000, 500, cached_tokens=100, cache_write_tokens=400)
    cost = book().cost(model, NOON, usage)
    assert cost.usd == pytest.approx(dollars)
    assert cost.source == LISTED == f"list price genai-prices {LIST_VERSION}"


def test_list_price_goes_by_tiers() -> None:
    short = book().cost("gemini/gemini-2.5-pro", NOON, Usage(200_000, 0)).usd
    long = book().cost("gemini/gemini-2.5-pro", NOON, Usage(400_000, 0)).usd
    assert short == pytest.approx(0.25)
    assert long == pytest.approx(1.0)
    quote = book().quote("gemini/gemini-2.5-pro", NOON)
    assert quote is not None
    assert (quote.input_usd, quote.output_usd, quote.tiered) == (1.25, 10.0, True)


@pytest.mark.parametrize(
    "model",
    [
        "openai-chat/nobody-knows-this",
        "ollama/llama3",
        "vllm/gpt-5.2",
        "gone/gpt-5.2",
        "openai-chat/dall-e-3",
    ],
)
def test_model_without_a_price_costs_an_unknown_amount(model: str) -> None:
    assert book().cost(model, NOON, Usage(1000, 500)) == book().cost("", NOON, Usage())
    assert book().cost(model, NOON, Usage(1000, 500)).usd is None
    assert book().quote(model, NOON) is None


@given(st.one_of(st.none(), COUNTS), st.one_of(st.none(), COUNTS))
def test_tokens_that_were_not_reported_make_the_cost_unknown(
    tokens_in: int | None, tokens_out: int | None
) -> None:
    cost = book(price()).cost(OPUS, NOON, Usage(tokens_in, tokens_out))
    assert (cost.usd is None) == (tokens_in is None or tokens_out is None)
    assert (cost.source == "") == (cost.usd is None)


def test_practice_models_cost_nothing_and_say_so() -> None:
    assert book().cost("practice/bluffer", NOON, Usage()).usd == 0.0
    assert book().cost("practice/bluffer", NOON, Usage(5, 5), 3.0).source == PRACTICE


def test_what_the_provider_reports_wins() -> None:
    reported = book(price()).cost(OPUS, NOON, Usage(1000, 500), 0.5)
    assert (reported.usd, reported.source) == (0.5, REPORTED)
    assert book().cost("openrouter/x/y", NOON, Usage(), 0.0).usd == 0.0


@pytest.mark.parametrize("absurd", [-1.0, float("nan"), float("inf")])
def test_absurd_report_is_no_report(absurd: float) -> None:
    assert (
        book(price()).cost(OPUS, NOON, Usage(1000, 0), absurd).source == "own price of 2026-11-01"
    )


def test_own_price_wins_over_the_list_for_exactly_its_model() -> None:
    prices = book(price("openai-chat/gpt-5.2"))
    cost = prices.cost(
        "openai-chat/gpt-5.2", NOON, Usage(1_000_000, 100_000, cached_tokens=500_000)
    )
    assert (cost.usd, cost.source) == (0.5 + 0.05 + 1.0, "own price of 2026-11-01")
    assert prices.cost("openai-chat/gpt-5", NOON, Usage(1, 1)).source == LISTED
    assert prices.cost("openai/gpt-5.2", NOON, Usage(1, 1)).source == LISTED
    assert book(price("ollama/llama3")).cost("ollama/llama3", NOON, Usage(1, 1)).usd == 1.1e-05


@pytest.mark.parametrize(
    ("day", "valid_from"),
    [
        ("2026-01-31", "2026-02-01"),  # before all of them: the earliest
        ("2026-02-01", "2026-02-01"),
        ("2026-02-28", "2026-02-01"),
        ("2026-03-01", "2026-03-01"),
        ("2027-01-01", "2026-03-01"),
    ],
)
def test_price_in_force_is_the_latest_of_its_day(day: str, valid_from: str) -> None:
    prices = book(price(day="2026-03-01"), price(day="2026-02-01"))
    at = datetime.fromisoformat(f"{day}T23:59:59+00:00")
    assert prices.cost(OPUS, at, Usage(1, 1)).source == f"own price of {valid_from}"


def test_without_own_prices_none_is_in_force() -> None:
    assert in_force([], NOON.date()) is None


@given(DOLLARS, DOLLARS, st.one_of(st.none(), DOLLARS), *[COUNTS] * 4)
def test_cost_is_additive(
    tokens_usd: float, output_usd: float, cached_usd: float | None,
    one: int, two: int, out_one: int, out_two: int,
) -> None:  # fmt: skip
    own = price(input_usd=tokens_usd, output_usd=output_usd, cached_usd=cached_usd)
    apart = own_cost(own, Usage(one, out_one, one // 2)) + own_cost(own, Usage(two, out_two))
    both = own_cost(own, Usage(one + two, out_one + out_two, one // 2))
    assert both == pytest.approx(apart, rel=1e-9, abs=1e-12)


@given(st.sampled_from([OPUS, "gemini/gemini-2.5-pro", "openai/mine"]), *[COUNTS] * 4)
def test_more_tokens_never_cost_less(
    model: str, tokens: int, output: int, more: int, more_output: int
) -> None:
    prices = book(price("openai/mine"))
    less = prices.cost(model, NOON, Usage(tokens, output)).usd
    most = prices.cost(model, NOON, Usage(tokens + more, output + more_output)).usd
    assert less is not None
    assert most is not None
    assert 0 <= less <= most


@given(COUNTS, COUNTS, COUNTS)
def test_parts_above_the_whole_are_cut(tokens: int, cached: int, written: int) -> None:
    for model in (OPUS, "openai/mine"):
        cost = book(price("openai/mine")).cost(model, NOON, Usage(tokens, 0, cached, written)).usd
        assert cost is not None
        assert 0 <= cost <= tokens * 6.25 / 1_000_000 + 1e-12


def test_prices_change_for_who_holds_the_book() -> None:
    prices = book(price(day="2026-11-01"))
    prices.use([price(input_usd=2.0)])
    assert prices.cost(OPUS, NOON + timedelta(days=1), Usage(1_000_000, 0)).usd == 2.0
    prices.use([])
    assert prices.cost(OPUS, NOON, Usage(1_000_000, 0)).source == LISTED


def test_prices_that_were_read_before_a_change_do_not_come_after_it() -> None:
    prices = book()
    reading, changed = Event(), Event()

    def read_slowly() -> list[Price]:
        reading.set()
        assert changed.wait(10)
        return [price(input_usd=1.0)]

    slow = Thread(target=prices.follow, args=[read_slowly])
    slow.start()
    assert reading.wait(10)
    quick = Thread(target=prices.follow, args=[lambda: [price(input_usd=2.0)]])
    quick.start()
    quick.join(0.1)  # as long as it would take if it did not wait
    changed.set()
    for thread in (slow, quick):
        thread.join(10)
    assert prices.cost(OPUS, NOON, Usage(1_000_000, 0)).usd == 2.0
