"""A grid stops before it costs more than it may, says so, and goes on when it may cost more."""

import asyncio
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.runner.lull import Lull
from app.settings import Settings
from tests.factories import grid_input
from tests.polling import wait_for
from tests.runner.starting import running, states
from tests.wire import WireServer
from tests.wire_scripts import Script

GPT = "openai-chat/gpt-5.2"
COST = 0.084  # of 6,000 output tokens, a hundred times as many as expected


@pytest.fixture
def wordy(wire: WireServer) -> WireServer:
    usage = {"prompt_tokens": 0, "completion_tokens": 6000}
    chunks = [
        {"id": "1", "model": "m", "choices": [{"delta": {"content": "1"}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage},
    ]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    wire.handler = lambda _request: Script(body=body.encode())
    return wire


def started(client: TestClient, max_cost_usd: float, **changes: Any) -> str:
    given = grid_input(
        models=[GPT], variants=[{"thinking": "off"}], repeats=20, max_cost_usd=max_cost_usd
    )
    response = client.post("/api/grids", json=given | changes)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def settled(client: TestClient, grid_id: str, status: str) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        grid: dict[str, Any] = client.get(f"/api/grids/{grid_id}").json()
        return grid if grid["status"] == status else None

    return wait_for(reached, f"status {status}")


def test_grid_stops_at_its_ceiling_and_goes_on_when_it_is_raised(
    settings: Settings, wordy: WireServer
) -> None:
    with running(settings, concurrency=1) as client:
        grid_id = started(client, 0.5)
        grid = settled(client, grid_id, "stopped")
        # Six cost $0.504; from five on it is known how much an answer takes, if it is looked at.
        made = len(wordy.calls)
        assert made in (5, 6)
        assert grid["spending"]["usd"] == pytest.approx(made * COST)
        assert sorted(states(client, grid_id)) == ["cancelled"] * (20 - made) + ["done"] * made
        page = client.get(f"/grids/{grid_id}").text
        assert "Stopped at the ceiling of $0.50; raise it to go on." in page
        assert "failed again" not in page

        form = {"max_cost_usd": "0,51"}
        low = client.post(f"/grids/{grid_id}/ceiling", data={"max_cost_usd": "0.4"})
        assert low.status_code == 422
        assert "already: to go on" in low.text
        assert 'name="max_cost_usd" inputmode="decimal" required size="8" value="0.4"' in low.text
        odd = client.post(f"/grids/{grid_id}/ceiling", data={"max_cost_usd": "1,000,00"})
        assert odd.status_code == 422
        assert 'value="1,000,00"' in odd.text

        page = client.post(f"/grids/{grid_id}/ceiling", data=form).text
        settled(client, grid_id, "stopped")  # now it is known how much an answer takes
        assert len(wordy.calls) == 6

        raised = client.put(f"/api/grids/{grid_id}/ceiling", json={"max_cost_usd": 5})
        assert raised.json() == {
            "id": grid_id,
            "max_calls": 1000,
            "max_cost_usd": 5.0,
            "answers": 14,
        }
        grid = settled(client, grid_id, "done")
        assert states(client, grid_id) == ["done"] * 20
        assert len(wordy.calls) == 20
        assert grid["max_cost_usd"] == 5.0
        assert "Stopped at" not in client.get(f"/grids/{grid_id}").text


def test_what_an_answer_cost_is_known_before_the_next_call(
    settings: Settings, wordy: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine other tasks take their turns now.
    monkeypatch.setattr(Lull, "wait", lambda *_: asyncio.sleep(0.05))
    with running(settings, concurrency=1) as client:
        grid_id = started(client, 0.5)
        settled(client, grid_id, "stopped")
        assert len(wordy.calls) in (5, 6)


def test_another_process_knows_what_was_spent(settings: Settings, wordy: WireServer) -> None:
    with running(settings, concurrency=1) as client:
        grid_id = started(client, 0.5)
        settled(client, grid_id, "stopped")
    with running(settings, concurrency=1) as client:
        assert client.get(f"/api/grids/{grid_id}").json()["status"] == "stopped"
        client.put(f"/api/grids/{grid_id}/ceiling", json={"max_cost_usd": 0.6})
        wait_for(lambda: len(wordy.calls) == 7, "one more call")
        settled(client, grid_id, "stopped")
        assert states(client, grid_id).count("done") == 7


def test_grid_that_was_run_again_keeps_its_ceiling(settings: Settings, wordy: WireServer) -> None:
    with running(settings, concurrency=1) as client:
        grid_id = started(client, 0.5)
        settled(client, grid_id, "stopped")
        made = len(wordy.calls)
        assert client.post(f"/api/grids/{grid_id}/reruns").json() == {"answers": 20 - made}
        settled(client, grid_id, "stopped")
        assert len(wordy.calls) == made


def test_free_and_unknown_models_are_not_held_up(client: TestClient, wordy: WireServer) -> None:
    grid_id = started(client, 0, models=["practice/honest", "openai-chat/plain"])
    settled(client, grid_id, "done")
    assert len(wordy.calls) == 20


def test_other_grids_go_on(settings: Settings, wordy: WireServer) -> None:
    with running(settings, concurrency=1) as client:
        poor, rich = started(client, 0.1), started(client, 10, title="Rich")
        settled(client, poor, "stopped")
        settled(client, rich, "done")
        assert states(client, poor).count("done") == 2


def test_grid_over_its_ceilings_does_not_start(client: TestClient, wordy: WireServer) -> None:
    for changes, part in (
        ({"max_calls": 19}, "would make 20 calls and is to stop above 19"),
        ({"max_cost_usd": 0.001}, "is to stop above $0.001"),
        ({"max_cost_usd": -1}, "greater than or equal to 0"),
        ({"max_calls": 0}, "greater than or equal to 1"),
    ):
        given = grid_input(models=[GPT], variants=[{"thinking": "off"}], repeats=20, **changes)
        refused = client.post("/api/grids", json=given)
        assert refused.status_code == 422
        assert part in refused.json()["detail"]
    assert client.get("/api/grids").json() == {"items": [], "next": None}
    assert wordy.calls == []


def test_price_that_was_put_right_counts_for_what_was_spent(
    settings: Settings, wordy: WireServer
) -> None:
    wrong = {"model": GPT, "input_usd": 0, "output_usd": 100_000}
    with running(settings, concurrency=1) as client:
        price_id = client.post("/api/prices", json=wrong).json()["id"]
        grid_id = started(client, 20, repeats=2)
        settled(client, grid_id, "stopped")
        assert states(client, grid_id) == ["done", "cancelled"]
        client.delete(f"/api/prices/{price_id}").raise_for_status()
        client.put(f"/api/grids/{grid_id}/ceiling", json={"max_cost_usd": 1}).raise_for_status()
        assert settled(client, grid_id, "done")["spending"]["usd"] == pytest.approx(2 * COST)


def test_ceiling_on_calls_counts_retries_and_can_be_raised(
    settings: Settings, wire: WireServer
) -> None:
    wire.handler = lambda _request: Script(status=500, times=1)
    with running(settings, concurrency=1) as client:
        grid_id = started(client, 10, models=["openai-chat/plain"], repeats=4, max_calls=4)
        settled(client, grid_id, "stopped")
        assert len(wire.calls) == 4
        assert sorted(states(client, grid_id)) == ["cancelled"] + ["done"] * 3
        page = client.get(f"/grids/{grid_id}").text
        assert "Stopped at the ceiling of 4 calls" in page
        low = client.post(f"/grids/{grid_id}/ceiling", data={"max_calls": "4"})
        assert "has made 4 calls already" in low.text
        assert 'name="max_calls" inputmode="numeric" required size="8" value="4"' in low.text
        client.post(f"/grids/{grid_id}/ceiling", data={"max_calls": "5"})
        grid = settled(client, grid_id, "done")
        assert (grid["calls"], grid["max_calls"], len(wire.calls)) == (5, 5, 5)
        late = client.post(f"/grids/{grid_id}/ceiling", data={"max_calls": "4"})
        assert (late.status_code, "Stopped at" in late.text) == (422, False)
