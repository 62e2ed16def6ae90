"""How many calls are under way at a time, and who waits for whom."""

import threading

import pytest

from app.settings import Settings
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
    wire.handler = lambda _request: Script(status=500, times=1, delay_s=0.02)
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
