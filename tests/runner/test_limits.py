"""How many calls are under way at a time, and who waits for whom."""

import threading
import time

import pytest

from app.db import Database
from app.pace import BURST_S, MINUTE_S
from app.settings import Settings
from app.tables import ProviderLimit
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import run, running, start, tries
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script


def test_calls_in_flight_fill_the_limit_and_stay_below_it(
    settings: Settings, wire: WireServer
) -> None:
    wire.delay_s = 0.05
    with running(settings, concurrency=3) as client:
        run(client, "openai-chat/plain", "openai-chat/echo", prompts=5, repeats=2)
    assert wire.max_in_flight == 3


def test_retries_stay_below_the_limit_too(settings: Settings, wire: WireServer) -> None:
    wire.handler = lambda _request: Script(status=500, times=1, delay_s=0.1)
    with running(settings, concurrency=2) as client:
        run(client, "openai-chat/plain", prompts=6)
    assert len(wire.calls) == 12
    assert wire.max_in_flight == 2


def test_each_provider_has_its_own_limit(settings: Settings, wire: WireServer) -> None:
    """Both must have two calls under way at once before the server answers any."""
    both_full = threading.Event()
    paths: list[str] = []

    def handler(request: Recorded) -> Script:
        paths.append(request.path)
        if len(paths) == 4:
            both_full.set()
        return Script(delay_s=0.5)

    wire.handler = handler
    with running(settings, concurrency=2) as client:
        grid_id = start(client, "openai-chat/plain", "anthropic/plain", repeats=2)
        assert both_full.wait(5)
        wait_until_done(client, grid_id)
    assert wire.max_in_flight == 4


def test_small_grid_is_not_starved_by_a_large_one(settings: Settings, wire: WireServer) -> None:
    wire.delay_s = 0.02
    with running(settings, concurrency=2) as client:
        large = start(client, "openai-chat/plain", prompts=10, repeats=100)
        wait_for(lambda: len(wire.calls) > 10, "the start of the large grid")
        small = start(client, "openai-chat/plain", prompts=["The small one?"], repeats=3)
        wait_until_done(client, small)
        left = client.get(f"/api/grids/{large}").json()["progress"]["pending"]
        client.post(f"/api/grids/{large}/cancellation")
    assert left > 900


def test_one_provider_down_does_not_stop_the_other(
    settings: Settings, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WireServer() as gone:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", gone.url)
    with running(settings, concurrency=2) as client:
        found = run(client, "openai-chat/plain", "anthropic/plain", repeats=4)

    of = {
        name: [a for a in found if a["model"] == f"{name}/plain"]
        for name in ("openai-chat", "anthropic")
    }
    assert [a["state"] for a in of["openai-chat"]] == ["done"] * 4
    assert [tries(a) for a in of["anthropic"]] == [["connection"] * 4] * 4
    assert "nothing answers at 127.0.0.1" in of["anthropic"][0]["error_message"]


def test_answers_are_called_in_their_order(settings: Settings, wire: WireServer) -> None:
    with running(settings, concurrency=1) as client:
        found = run(client, "openai-chat/plain", prompts=30)
    asked = [call.body["messages"][-1]["content"] for call in wire.calls]
    assert asked == [a["user_message"] for a in found]


def limited(database: Database, **limits: int) -> None:
    with database.write() as session:
        session.add(ProviderLimit(account="openai", **limits))
        session.commit()


def test_requests_per_minute_hold_over_providers_that_share_a_key(
    settings: Settings, database: Database, wire: WireServer
) -> None:
    """At 600 a minute and 6 s of burst 55 go at once, and each further one takes 0.11 s."""
    limited(database, calls=100, requests_per_minute=600)
    times: list[float] = []

    def handler(_request: Recorded) -> Script:
        times.append(time.monotonic())
        return Script()

    wire.handler = handler
    with running(settings) as client:
        started = time.monotonic()  # no call was granted before
        grid_id = start(client, "openai-chat/plain", "openai/plain", prompts=5, repeats=8)
        wait_until_done(client, grid_id, 30)
    assert len(times) == 80
    assert max(times) - started >= 79 * (MINUTE_S + BURST_S) / 600 - BURST_S


def test_calls_at_a_time_of_a_provider_win_over_the_setting(
    settings: Settings, database: Database, wire: WireServer
) -> None:
    limited(database, calls=2)
    wire.delay_s = 0.05
    with running(settings, concurrency=10) as client:
        run(client, "openai-chat/plain", "openai/plain", prompts=4, repeats=2)
    assert wire.max_in_flight == 2


def test_a_provider_that_takes_few_calls_at_a_time_gets_few(
    settings: Settings, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It turns away what is too much, and names no time: no answer is lost to that."""
    monkeypatch.setattr("app.pace.PAUSE_S", 0.05)

    def handler(_request: Recorded) -> Script:
        return Script(status=429) if wire.in_flight > 3 else Script(delay_s=0.05)

    wire.handler = handler
    with running(settings, concurrency=24) as client:
        found = run(client, "openai-chat/plain", prompts=10, repeats=6)
    assert {a["state"] for a in found} == {"done"}
    refused = sum(tries(a).count("rate_limit") for a in found)
    assert 10 <= refused < 60  # of the first wave; after it, fewer are called at a time


def test_grid_says_whom_it_waits_for(settings: Settings, wire: WireServer) -> None:
    wire.handler = lambda _request: Script(status=429, times=1, headers={"retry-after": "30"})
    with running(settings, concurrency=2) as client:
        grid_id = start(client, "openai-chat/plain", repeats=4)

        def waiting() -> float | None:
            found: dict[str, float] = client.get(f"/api/grids/{grid_id}").json()["waiting"]
            return found.get("openai")

        assert 25 < wait_for(waiting, "the wait") <= 30
        assert "Waiting for OpenAI (" in client.get(f"/grids/{grid_id}").text
        other = start(client, "practice/honest")
        wait_until_done(client, other)
        assert client.get(f"/api/grids/{other}").json()["waiting"] == {}
        client.post(f"/api/grids/{grid_id}/cancellation")


@pytest.mark.parametrize("then", [None, 6_000])
def test_calls_that_wait_follow_a_limit_that_was_raised(
    settings: Settings, wire: WireServer, then: int | None
) -> None:
    """Set to one a minute by mistake, eight calls would hold their places for eight minutes."""
    with running(settings) as client:
        limit: dict[str, int | None] = {"requests_per_minute": 1}
        client.put("/api/limits/openai", json=limit).raise_for_status()
        grid_id = start(client, "openai-chat/plain", repeats=10)
        wait_for(lambda: client.get(f"/api/grids/{grid_id}").json()["waiting"], "that it waits")
        limit = {"requests_per_minute": then}
        client.put("/api/limits/openai", json=limit).raise_for_status()
        wait_until_done(client, grid_id)
    assert len(wire.calls) == 10
