"""Calls that are got ready while all slots are held."""

import pytest

from app.runner import local, lull
from app.runner.lull import Lull
from app.settings import Settings
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import answers, ended, progress, running, start, tries
from tests.wire import WireServer

# Where several processes call, each call waits for its place in the database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_only_what_may_be_in_flight_is_called(settings: Settings, wire: WireServer) -> None:
    wire.delay_s = 0.05
    with running(settings, concurrency=8) as client:
        grid_id = start(client, "openai-chat/plain", prompts=10, repeats=10)
        wait_for(lambda: progress(client, grid_id)["running"] == 10, "two more than are called")
        wait_until_done(client, grid_id)
        found = answers(client, grid_id)
    assert wire.max_in_flight == 8
    assert [tries(answer) for answer in found] == [["answered"]] * 100


def test_what_was_not_called_is_forgotten_by_a_pause_and_a_cancellation(
    settings: Settings, wire: WireServer
) -> None:
    wire.delay_s = 30
    with running(settings, concurrency=8) as client:
        grid_id = start(client, "openai-chat/plain", repeats=40)
        url = f"/api/grids/{grid_id}"
        wait_for(lambda: progress(client, grid_id)["running"] == 10, "two more than are called")
        client.put(f"{url}/pause").raise_for_status()
        wait_for(lambda: progress(client, grid_id)["running"] == 8, "those that are called")
        assert sum(len(a["attempts"]) for a in answers(client, grid_id)) == 8
        assert client.get(url).json()["calls"] == 8

        client.delete(f"{url}/pause").raise_for_status()
        wait_for(lambda: progress(client, grid_id)["running"] == 10, "two more again")
        client.post(f"{url}/cancellation").raise_for_status()
        wait_until_done(client, grid_id, 2)
        assert sorted(map(tries, ended(client, grid_id))) == [[]] * 32 + [["cancelled"]] * 8
        assert client.get(url).json()["calls"] == len(wire.calls) == 8


def test_only_as_many_wait_to_be_saved_as_are_got_ready_ahead(
    settings: Settings, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They came, and would be paid for again after a crash."""
    monkeypatch.setattr(lull, "CALM", 10**9)  # as on a machine that is never idle
    monkeypatch.setattr(local, "Lull", lambda: Lull(600))
    with running(settings, concurrency=8) as client:
        grid_id = start(client, "openai-chat/plain", prompts=5, repeats=10)
        wait_for(lambda: len(wire.calls) == 50, "all calls")
        wait_for(lambda: progress(client, grid_id)["done"] == 48, "all but two")
    with running(settings, concurrency=8) as client:
        assert progress(client, grid_id)["done"] == 50
    assert len(wire.calls) == 50


def test_none_is_got_ready_where_calls_are_metered(settings: Settings, wire: WireServer) -> None:
    wire.delay_s = 30
    with running(settings, concurrency=8) as client:
        limits = {"requests_per_minute": 600_000}
        client.put("/api/limits/openai", json=limits).raise_for_status()
        grid_id = start(client, "openai-chat/plain", repeats=40)
        wait_for(lambda: len(wire.calls) == 8, "the first calls")
        assert progress(client, grid_id)["running"] == 8
