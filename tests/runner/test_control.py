"""Cancel, run again, and both at once."""

import time
from functools import partial

import pytest
from fastapi.testclient import TestClient

from app.runner import team
from app.settings import Settings
from tests.factories import run_grid
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import answers, ended, run, running, start, states, tries
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script


def cancel(client: TestClient, grid_id: str) -> int:
    answer = client.post(f"/api/grids/{grid_id}/cancellation").raise_for_status().json()
    assert answer["status"] == "cancelled"
    return int(answer["cancelled"])


def rerun(client: TestClient, grid_id: str) -> int:
    answer = client.post(f"/api/grids/{grid_id}/reruns").raise_for_status().json()
    return int(answer["answers"])


def test_cancel_ends_calls_in_flight_and_makes_no_more(
    settings: Settings, wire: WireServer
) -> None:
    wire.delay_s = 30
    with running(settings, concurrency=4) as client:
        grid_id = start(client, "openai-chat/plain", repeats=50)
        wait_for(lambda: wire.in_flight == 4, "four calls in flight")

        started = time.monotonic()
        assert cancel(client, grid_id) == 50
        wait_for(lambda: wire.hung_up == 4, "the end of the calls", 2)
        grid = wait_until_done(client, grid_id, 2)
        assert time.monotonic() - started < 2

        assert grid["status"] == "cancelled"
        assert states(client, grid_id) == ["cancelled"] * 50
        assert sorted(map(tries, ended(client, grid_id))) == [[]] * 46 + [["cancelled"]] * 4
        assert len(wire.calls) == 4


def test_cancel_while_waiting_for_another_try(client: TestClient, wire: WireServer) -> None:
    wire.handler = lambda _request: Script(status=429, headers={"retry-after": "60"})
    grid_id = start(client, "openai-chat/plain", repeats=20)
    wait_for(
        lambda: any("rate_limit" in tries(a) for a in answers(client, grid_id)), "the first 429"
    )
    calls = len(wire.calls)
    cancel(client, grid_id)
    wait_until_done(client, grid_id, 2)

    assert states(client, grid_id) == ["cancelled"] * 20
    assert len(wire.calls) == calls <= 8


def test_cancel_keeps_what_is_done(settings: Settings, wire: WireServer) -> None:
    wire.delay_s = 0.05
    with running(settings, concurrency=2) as client:
        grid_id = start(client, "openai-chat/plain", prompts=10, repeats=10)
        wait_for(lambda: states(client, grid_id).count("done") > 5, "some answers")
        cancel(client, grid_id)
        wait_until_done(client, grid_id, 2)
        found = answers(client, grid_id)

    done = [a for a in found if a["state"] == "done"]
    assert len(done) > 5
    assert {(a["text"], *tries(a)) for a in done} == {("42", "answered")}
    assert {a["state"] for a in found} == {"done", "cancelled"}
    assert len(wire.calls) == sum(len(tries(a)) for a in found)


def test_a_second_grid_goes_on_when_the_first_is_cancelled(
    settings: Settings, wire: WireServer
) -> None:
    wire.delay_s = 0.05
    with running(settings, concurrency=2) as client:
        first = start(client, "openai-chat/plain", repeats=50)
        second = start(client, "openai-chat/plain", prompts=["The second?"], repeats=10)
        wait_for(lambda: len(wire.calls) > 3, "the start")
        cancel(client, first)
        wait_until_done(client, second)
        assert states(client, second) == ["done"] * 10


def test_run_again_at_once_after_the_end_waits_for_nobody(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs of answers that have just come may still be there, and in the way of new ones."""
    monkeypatch.setattr(team, "RECONCILE_S", 1_000)  # which would find what is missing
    for _ in range(8):
        grid_id = run_grid(client)
        client.post(f"/grids/{grid_id}/reruns", data={"all": "1"}).raise_for_status()
        wait_until_done(client, grid_id, 5)
        assert {tuple(tries(answer)) for answer in ended(client, grid_id)} == {("answered",) * 2}


def _called(wire: WireServer, times: int) -> bool:
    return len(wire.calls) >= times


@pytest.mark.parametrize("breath_s", [0, 0.02])
def test_run_again_at_once_after_cancelling_misses_nothing(
    settings: Settings, wire: WireServer, breath_s: float
) -> None:
    """The old calls may still be ending while the answers are back in the queue."""
    wire.delay_s = 0.03
    with running(settings, concurrency=4) as client:
        grid_id = start(client, "openai-chat/plain", repeats=40)
        for _ in range(3):
            more = len(wire.calls) + 3
            wait_for(partial(_called, wire, more), "some calls")
            cancel(client, grid_id)
            time.sleep(breath_s)
            rerun(client, grid_id)
        grid = wait_until_done(client, grid_id, 10)
        found = answers(client, grid_id)

    assert grid["status"] == "done"
    assert [a["state"] for a in found] == ["done"] * 40
    assert all(tries(a).count("answered") == 1 for a in found)
    assert all(set(tries(a)) <= {"answered", "cancelled", "interrupted"} for a in found)
    assert wire.max_in_flight <= 8  # those whose hang-up the server has not seen yet count too


def test_run_again_calls_only_what_failed(client: TestClient, wire: WireServer) -> None:
    healthy = False

    def handler(request: Recorded) -> Script:
        broken = request.model == "broken" and not healthy
        return Script(status=400) if broken else Script()

    wire.handler = handler
    found = run(client, "openai-chat/plain", "openai-chat/broken", repeats=3)
    assert [a["state"] for a in found].count("failed") == 3
    grid_id = client.get("/api/grids").json()["items"][0]["id"]
    before = {a["id"]: a for a in found if a["state"] == "done"}

    healthy = True
    assert rerun(client, grid_id) == 3
    wait_until_done(client, grid_id)
    after = answers(client, grid_id)
    assert [a["state"] for a in after] == ["done"] * 6
    assert {a["id"]: a for a in after if a["id"] in before} == before
    again = [tries(a) for a in after if a["id"] not in before]
    assert again == [["bad_request", "answered"]] * 3
    assert len(wire.calls) == 9
    assert client.post(f"/api/grids/{grid_id}/reruns").status_code == 409
