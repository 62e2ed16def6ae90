"""What grids cost: sums with their gaps, dollars as text, and prices that change afterwards."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from app.db import Database
from app.errors import Conflict, InvalidInput, NotFound
from app.grids import start_grid
from app.plans import GridInput, plan_grid
from app.pricing.costs import price_again, price_unpriced, spending_of_columns, spending_of_grids
from app.pricing.money import Spending, dollars
from app.pricing.own import PriceInput, add_price, own_prices, remove_price
from app.pricing.prices import REPORTED, PriceBook
from app.providers import Outcome, Provider, load_providers
from app.tables import Attempt, Grid, now
from tests.factories import answers_of, finish, grid_input

GPT, OPUS = "openai-chat/gpt-5.2", "anthropic/claude-opus-4-6"


@pytest.fixture
def providers() -> dict[str, Provider]:
    environ = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    return load_providers(environ, practice_latency_s=0)


@pytest.fixture
def prices(providers: dict[str, Provider]) -> PriceBook:
    return PriceBook(providers)


def called(session: Session, providers: dict[str, Provider], **changes: Any) -> Grid:
    """A grid of two models, two repeats each; every call took 1,000 tokens and gave 100."""
    given = grid_input(models=[GPT, OPUS], **changes)
    grid = start_grid(session, plan_grid(session, GridInput(**given), providers), 100)
    for answer in answers_of(session, grid):
        attempt = finish(session, answer)
        attempt.input_tokens, attempt.output_tokens = 1000, 100
        session.add(attempt)
    session.flush()
    return grid


def spent(usd: Any, known: int, unknown: int) -> Spending:
    """Also of amounts that are only about right."""
    return Spending(usd, known, unknown)


def entered(session: Session, providers: dict[str, Provider], **changes: Any) -> PriceInput:
    given = PriceInput(**{"model": GPT, "input_usd": 1000, "output_usd": 0, **changes})
    add_price(session, given, providers)
    return given


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "n/a"), (0, "$0"), (1e-9, "< $0.000001"), (0.00000123, "$0.0000012"),
        (0.0004, "$0.0004"), (0.00996, "$0.01"), (0.0124, "$0.012"), (0.0999, "$0.10"),
        (0.12, "$0.12"), (0.999, "$1.00"), (3.4, "$3.40"), (1234.5, "$1,234.50"),
    ],
)  # fmt: skip
def test_dollars_are_written_sensibly(usd: float | None, text: str) -> None:
    assert dollars(usd) == text


@given(st.floats(1e-6, 1e9))
def test_dollars_are_true_to_two_digits(usd: float) -> None:
    assert float(dollars(usd).strip("$").replace(",", "")) == pytest.approx(usd, rel=0.051)


@pytest.mark.parametrize(
    ("spending", "text"),
    [
        (Spending(), "–"),
        (Spending(0.0, 3, 0), "$0"),
        (Spending(0.12, 3, 0), "$0.12"),
        (Spending(0.12, 3, 1), "≥ $0.12"),
        (Spending(0.0, 0, 1), "n/a"),
    ],
)
def test_spending_says_what_is_missing(spending: Spending, text: str) -> None:
    assert str(spending) == text


def test_every_call_counts_also_those_that_no_longer_do(
    database: Database, providers: dict[str, Provider], prices: PriceBook
) -> None:
    with database.write() as session:
        grid, other = called(session, providers), called(session, providers, title="Other")
        first = answers_of(session, grid)[0]
        others: list[dict[str, Any]] = [
            {"outcome": Outcome.answered, "input_tokens": 1000, "output_tokens": 100},
            {"outcome": Outcome.error, "error_kind": "rate_limit", "error_status": 429},
            {"outcome": Outcome.error, "error_kind": "connection"},
            {"outcome": Outcome.error, "error_kind": "interrupted"},
        ]
        for number, fields in enumerate(others, start=2):
            fields |= {"started_at": now(), "finished_at": now()}
            session.add(Attempt(answer_id=first.id, number=number, **fields))
        price_unpriced(session, prices)
        found = spending_of_grids(session, [grid.id, other.id, 999])
        columns = spending_of_columns(session, grid.id)
    gpt, opus = 0.00175 + 0.0014, 0.005 + 0.0025
    assert found[grid.id] == spent(pytest.approx(3 * gpt + 2 * opus), 5, 1)
    assert found[other.id] == spent(pytest.approx(2 * gpt + 2 * opus), 4, 0)
    assert found[999] == Spending()
    assert {model: s for (model, _), s in columns.items()} == {
        GPT: spent(pytest.approx(3 * gpt), 3, 1),
        OPUS: spent(pytest.approx(2 * opus), 2, 0),
    }


def test_new_price_changes_what_earlier_calls_cost(
    database: Database, providers: dict[str, Provider], prices: PriceBook
) -> None:
    with database.write() as session:
        grid = called(session, providers)
        answers = answers_of(session, grid)
        reported = session.get_one(Attempt, answers[0].attempt_id)
        reported.cost_usd, reported.cost_source = 7.0, REPORTED
        session.add(reported)
        price_unpriced(session, prices)
        session.commit()
        seq = session.get_one(Grid, grid.id, populate_existing=True).seq

        def costs() -> list[tuple[float | None, str]]:
            session.expire_all()
            attempts = (session.get_one(Attempt, a.attempt_id) for a in answers)
            return [(a.cost_usd, a.cost_source) for a in attempts]

        before = costs()
        entered(session, providers)
        prices.use(own_prices(session))
        price_again(session, prices, [GPT])
        session.commit()
        own = (1.0, f"own price of {now().date()}")
        assert costs() == [(7.0, REPORTED), before[1], own, before[3]]
        assert session.get_one(Grid, grid.id).seq > seq  # whoever looks at it sees it

        assert remove_price(session, own_prices(session)[0].id) == GPT
        prices.use(own_prices(session))
        price_again(session, prices, [GPT])
        assert costs() == before
        with pytest.raises(NotFound):
            remove_price(session, 1)


def test_price_of_each_call_is_that_of_its_day(
    database: Database, providers: dict[str, Provider], prices: PriceBook
) -> None:
    with database.write() as session:
        grid = called(session, providers)
        attempts = session.exec(select(Attempt).order_by("id")).all()
        attempts[0].started_at = now() - timedelta(days=3)
        session.add(attempts[0])
        entered(session, providers, input_usd=1, valid_from=now().date() - timedelta(days=9))
        entered(session, providers, input_usd=2, valid_from=now().date() - timedelta(days=1))
        prices.use(own_prices(session))
        price_again(session, prices, [GPT])
        assert spending_of_columns(session, grid.id)[
            GPT, answers_of(session, grid)[0].variant_id
        ] == (spent(pytest.approx(0.003), 2, 0))


def test_prices_that_make_no_sense_are_refused(
    database: Database, providers: dict[str, Provider]
) -> None:
    with database.write() as session:
        entered(session, providers, valid_from="2026-11-24")
        session.commit()
        with pytest.raises(InvalidInput, match="There is no provider"):
            entered(session, providers, model="nobody/x")
        with pytest.raises(InvalidInput, match="costs nothing"):
            entered(session, providers, model="practice/honest")
        with pytest.raises(Conflict, match="already has a price from 2026-11-24"):
            entered(session, providers, valid_from="2026-11-24")
        assert [p.valid_from for p in own_prices(session)] == [date(2026, 11, 24)]
    for wrong in (
        {"input_usd": -1}, {"input_usd": "a lot"}, {"output_usd": "nan"}, {"output_usd": 1e999},
        {"cached_usd": -0.1}, {"valid_from": "tomorrow"}, {"valid_from": "0001-01-01"},
        {"input_usd": None}, {"currency": "EUR"}, {"note": "a\0b"},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="validation error"):
            PriceInput(**{"model": GPT, "input_usd": 1, "output_usd": 1, **wrong})
