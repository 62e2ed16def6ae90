"""Which failed calls are made again, and when."""

import time

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.runner.starting import run, running, tries
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

AT_ONCE = 8  # calls of a provider, unless set otherwise
both = pytest.mark.parametrize("protocol", ["openai-chat", "anthropic"])


@both
def test_429_is_called_again_and_its_error_stays(
    client: TestClient, wire: WireServer, protocol: str
) -> None:
    [answer] = run(client, f"{protocol}/429-once")

    assert (answer["state"], answer["text"]) == ("done", "42")
    assert tries(answer) == ["rate_limit", "answered"]
    first, second = answer["attempts"]
    assert (first["number"], second["number"]) == (1, 2)
    assert first["error_status"] == 429
    assert "scripted failure" in first["error"]
    assert first["finished_at"] <= second["started_at"]
    assert len(wire.calls) == 2


def test_retry_after_holds_the_whole_provider(client: TestClient, wire: WireServer) -> None:
    """One of eight calls is turned away: until its time is over, nobody calls this provider."""
    times: dict[str, list[float]] = {"openai-chat": [], "anthropic": []}
    turned_away: list[float] = []

    def handler(request: Recorded) -> Script:
        if request.path.endswith("/messages"):
            times["anthropic"].append(time.monotonic())
            return Script(delay_s=0.02)
        times["openai-chat"].append(time.monotonic())
        if len(times["openai-chat"]) == 12:
            turned_away.append(time.monotonic())
            return Script(status=429, times=1, headers={"retry-after": "1"})
        return Script(delay_s=0.05)

    wire.handler = handler
    answers = run(client, "openai-chat/plain", "anthropic/plain", prompts=8, repeats=5)

    assert {a["state"] for a in answers} == {"done"}
    [since] = turned_away
    # What was under way when the answer came may still arrive, but not the 28 that are left.
    assert sum(0 < t - since < 0.98 for t in times["openai-chat"]) <= AT_ONCE
    assert sum(len(tries(a)) for a in answers) == 81
    others = [t for t in times["anthropic"] if 0 < t - since < 0.98]
    assert others, "the other provider need not wait"


def test_wait_of_no_time_does_not_use_up_all_tries_at_once(
    client: TestClient, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pace.PAUSE_S", 0.3)

    def handler(request: Recorded) -> Script:
        times.append(time.monotonic())
        full = times[-1] < times[0] + 0.8
        return Script(status=429, headers={"retry-after": "0"}) if full else Script()

    times: list[float] = []
    wire.handler = handler
    [answer] = run(client, "openai-chat/plain")
    assert tries(answer)[-1] == "answered"
    assert len(times) < 7


def test_server_error_that_passes_is_called_again(client: TestClient, wire: WireServer) -> None:
    found = run(client, "openai-chat/500-once", "anthropic/500-once", "openai-chat/error-first")
    assert [tries(a) for a in found] == [
        ["server", "answered"],
        ["server", "answered"],
        ["overloaded"] * 4,
    ]


def test_server_error_that_stays_ends_after_four_calls(
    client: TestClient, wire: WireServer
) -> None:
    [answer] = run(client, "openai-chat/500")

    assert answer["state"] == "failed"
    assert tries(answer) == ["server"] * 4
    assert "(500)" in answer["error_message"]
    assert len(wire.calls) == 4


@both
def test_refused_call_is_made_once(client: TestClient, wire: WireServer, protocol: str) -> None:
    found = run(client, *(f"{protocol}/{status}" for status in (400, 401, 404)))

    assert [a["state"] for a in found] == ["failed"] * 3
    assert [[e["error_status"] for e in a["attempts"]] for a in found] == [[400], [401], [404]]
    assert all(a["error_message"] for a in found)
    assert len(wire.calls) == 3


@both
def test_answer_that_broke_off_is_not_bought_again(
    client: TestClient, wire: WireServer, protocol: str
) -> None:
    found = run(client, *(f"{protocol}/{name}" for name in ("drops", "unfinished", "error-mid")))

    assert [a["state"] for a in found] == ["failed"] * 3
    assert [tries(a) for a in found] == [["interrupted"], ["protocol"], ["overloaded"]]
    assert len(wire.calls) == 3


def test_connection_closed_before_an_answer_is_tried_again(
    client: TestClient, wire: WireServer
) -> None:
    [answer] = run(client, "openai-chat/drops-at-once")
    assert tries(answer) == ["connection"] * 4
    assert len(wire.calls) == 4


def test_a_wait_too_long_fails_and_holds_nobody_else(client: TestClient, wire: WireServer) -> None:
    def handler(request: Recorded) -> Script:
        long = Script(status=429, headers={"retry-after": "3600"})
        return long if request.model == "busy" else Script()

    wire.handler = handler
    answers = run(client, "openai-chat/busy", "openai-chat/plain", repeats=3)

    assert {(a["model"], a["state"]) for a in answers} == {
        ("openai-chat/busy", "failed"),
        ("openai-chat/plain", "done"),
    }
    assert len(wire.calls) == 6


def test_one_slot_is_enough_for_a_retry(settings: Settings, wire: WireServer) -> None:
    with running(settings, concurrency=1) as client:
        answers = run(client, "openai-chat/500-once", prompts=3)
    assert [tries(a) for a in answers] == [["server", "answered"]] * 3
