"""What calls cost, as the runner stores it."""

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.grids import get_grid
from app.pricing.costs import spending_of_grids
from app.pricing.prices import LISTED, PRACTICE, REPORTED, Usage
from app.providers import Completion, Outcome
from app.settings import Settings
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import answers, run, running, start, states
from tests.wire import WireServer
from tests.wire_scripts import USAGE, Script

GPT = "openai-chat/gpt-5.2"  # 1.75 and 14 dollars per million tokens
DOLLARS = (1.75 * USAGE[0] + 14 * USAGE[1]) / 1_000_000


def spent(client: TestClient, grid_id: str) -> str:
    services = client.app.state.services  # type: ignore[attr-defined]
    with services.database.read() as session:
        grid = get_grid(session, grid_id)
        return str(spending_of_grids(session, [grid.id])[grid.id])


def test_answer_costs_its_tokens_at_the_list_price(client: TestClient) -> None:
    listed, unknown, practice = run(client, GPT, "openai-chat/plain", "practice/honest")

    assert (listed["cost_usd"], listed["cost_source"]) == (pytest.approx(DOLLARS), LISTED)
    assert (unknown["cost_usd"], unknown["cost_source"]) == (None, "")
    assert (practice["cost_usd"], practice["cost_source"]) == (0.0, PRACTICE)


def test_cost_that_the_provider_reports_is_kept(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def complete(_request: object, _heard: object = None) -> Completion:
        return Completion(
            "1", Outcome.answered, "stop", input_tokens=9, output_tokens=1,
            cached_tokens=4, cache_write_tokens=2, cost_usd=0.25,
        )  # fmt: skip

    provider = client.app.state.services.providers["openai-chat"]  # type: ignore[attr-defined]
    monkeypatch.setattr(provider, "complete", complete)
    [answer] = run(client, GPT)

    assert (answer["cost_usd"], answer["cost_source"]) == (0.25, REPORTED)
    assert (answer["cached_tokens"], answer["cache_write_tokens"]) == (4, 2)


def test_refused_calls_cost_nothing(client: TestClient, wire: WireServer) -> None:
    wire.handler = lambda _request: Script(status=500, times=2)
    grid_id = start(client, GPT)
    wait_until_done(client, grid_id)

    assert len(wire.calls) == 3
    assert spent(client, grid_id) == "$0.00012"


def test_call_that_broke_off_may_have_been_billed(client: TestClient, wire: WireServer) -> None:
    wire.handler = lambda _request: Script(hang_up="before the end", terminator=False)
    grid_id = start(client, GPT)
    wait_until_done(client, grid_id)
    assert spent(client, grid_id) == "n/a"

    wire.handler = lambda _request: Script(delay_s=30)
    grid_id = start(client, GPT)
    wait_for(lambda: wire.in_flight, "a call")
    client.post(f"/api/grids/{grid_id}/cancellation")
    wait_for(lambda: spent(client, grid_id) == "n/a", "the record of the call that was ended")


def test_cancelled_practice_calls_still_cost_nothing(client: TestClient) -> None:
    client.app.state.services.providers["practice"]._latency_s = 30  # type: ignore[attr-defined]
    grid_id = start(client, "practice/honest")
    url = f"/api/grids/{grid_id}"
    wait_for(lambda: client.get(url).json()["progress"]["running"], "a call")
    client.post(f"{url}/cancellation")
    wait_until_done(client, grid_id)
    assert spent(client, grid_id) == "$0"


def test_answer_is_kept_when_its_price_is_a_riddle(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    prices = client.app.state.services.prices  # type: ignore[attr-defined]
    cost = prices.cost

    def fail(model: str, at: datetime, usage: Usage, *more: Any) -> Any:
        if usage == Usage(*USAGE):
            raise ZeroDivisionError
        return cost(model, at, usage, *more)

    monkeypatch.setattr(prices, "cost", fail)
    [answer] = run(client, GPT)
    assert (answer["state"], answer["cost_usd"]) == ("done", None)
    assert "could not be priced" in caplog.text


def _some_done(client: TestClient, grid_id: str) -> bool:
    return "done" in states(client, grid_id)


def test_price_entered_while_calls_come_in_holds_for_all_of_them(
    settings: Settings, wire: WireServer
) -> None:
    wire.delay_s = 0.02
    with running(settings, concurrency=20) as client:
        for year in range(2021, 2026):  # each price wins over those before
            grid_id = start(client, "openai-chat/plain", repeats=60)
            wait_for(partial(_some_done, client, grid_id), "an answer")
            price = {"model": "openai-chat/plain", "input_usd": year, "output_usd": 0}
            client.post("/api/prices", json={**price, "valid_from": f"{year}-01-01"})
            wait_until_done(client, grid_id)
            costs = {a["cost_usd"] for a in answers(client, grid_id)}
            assert costs == {USAGE[0] * year / 1_000_000}
