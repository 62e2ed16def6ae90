"""Large grids begin with a test call; what is refused stops only its own columns."""

from collections.abc import Iterator
from threading import Event

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from app import checks
from app.checks import MAX_TOKENS, QUESTION
from app.db import Database
from app.runner.preflight import Preflights
from app.settings import Settings
from app.tables import CheckState, HeldBack, HeldState, ModelCheck
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import PROMPT, answers, run, running
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script, script_for

BOTH = [{"wording": "as-published", "thinking": t} for t in ("off", "on")]


@pytest.fixture
def client(settings: Settings, wire: WireServer) -> Iterator[TestClient]:
    with running(settings, preflight_calls=12) as client:
        yield client


def start(client: TestClient, *models: str, repeats: int = 6) -> str:
    given = {"prompts": [{"text": PROMPT}], "models": models, "variants": BOTH, "repeats": repeats}
    return str(client.post("/api/grids", json=given).raise_for_status().json()["id"])


def is_test(call: Recorded) -> bool:
    return QUESTION in str(call.body)


def test_each_model_and_setting_is_tried_once_before_the_rest(
    client: TestClient, wire: WireServer
) -> None:
    grid_id = start(client, "openai-chat/plain", "anthropic/plain", "practice/honest")
    wait_until_done(client, grid_id)
    assert [a["state"] for a in answers(client, grid_id)] == ["done"] * 36
    for path in ("/v1/chat/completions", "/v1/messages"):
        calls = [is_test(call) for call in wire.calls if call.path == path]
        assert calls == [True] * 2 + [False] * 12
    assert all(
        MAX_TOKENS in (call.body.get("max_tokens"), call.body.get("max_completion_tokens"))
        for call in wire.calls
        if is_test(call)
    )


def test_small_grid_is_called_at_once(client: TestClient, wire: WireServer) -> None:
    run(client, "openai-chat/plain", repeats=3)
    assert not any(map(is_test, wire.calls))


def test_refused_model_stops_only_its_own_columns(
    client: TestClient, wire: WireServer, database: Database
) -> None:
    grid_id = start(client, "openai-chat/404", "openai-chat/plain")
    wait_until_done(client, grid_id)
    found = answers(client, grid_id)
    by_model = {m: [a for a in found if a["model"] == m] for m in {a["model"] for a in found}}
    assert {a["state"] for a in by_model["openai-chat/plain"]} == {"done"}
    stopped = by_model["openai-chat/404"]
    assert {(a["state"], len(a["attempts"])) for a in stopped} == {("failed", 0)}
    assert all("does not know this model" in a["error_message"] for a in stopped)
    assert sum(call.model == "404" for call in wire.calls) == 2  # the test calls
    page = client.get(f"/grids/{grid_id}").text
    assert "test call failed" in page
    assert "Before a large grid" in client.get(f"/grids/{grid_id}/answers/{stopped[0]['id']}").text
    csv = client.get(f"/grids/{grid_id}/export.csv").text
    assert csv.count("does not know this model") == 12
    with database.read() as session:
        states = {(h.model, str(h.thinking)): h.state for h in session.exec(select(HeldBack))}
    assert states["openai-chat/404", "off"] is HeldState.stopped
    assert states["openai-chat/plain", "on"] is HeldState.passed


def test_refused_setting_stops_only_its_own_column(client: TestClient, wire: WireServer) -> None:
    def refuse_off(request: Recorded) -> Script:
        off = request.body.get("reasoning_effort") == "none"
        return Script(status=400, error="cannot be off") if off else script_for(request)

    wire.handler = refuse_off
    grid_id = start(client, "openai-chat/plain")
    wait_until_done(client, grid_id)
    states = {(a["thinking_requested"], a["state"]) for a in answers(client, grid_id)}
    assert states == {("off", "failed"), ("on", "done")}
    assert sum("none" in str(call.body) for call in wire.calls) == 1


def test_trouble_that_may_pass_stops_nothing(client: TestClient, wire: WireServer) -> None:
    wire.handler = lambda r: Script(status=503) if is_test(r) else script_for(r)
    grid_id = start(client, "openai-chat/plain")
    wait_until_done(client, grid_id)
    assert {a["state"] for a in answers(client, grid_id)} == {"done"}


def test_running_failed_again_tests_again(client: TestClient, wire: WireServer) -> None:
    wire.handler = lambda request: Script(status=401)
    grid_id = start(client, "openai-chat/plain")
    wait_until_done(client, grid_id)
    wire.handler = None
    client.post(f"/api/grids/{grid_id}/reruns").raise_for_status()
    wait_until_done(client, grid_id)
    assert {a["state"] for a in answers(client, grid_id)} == {"done"}
    assert sum(map(is_test, wire.calls)) == 1 + 2


def test_ignored_switch_is_on_record_and_stops_nothing(
    client: TestClient, wire: WireServer, database: Database
) -> None:
    wire.handler = lambda request: Script(text="934", thinking="I always think.")
    grid_id = start(client, "openai-chat/plain")
    wait_until_done(client, grid_id)
    found = answers(client, grid_id)
    assert {a["state"] for a in found} == {"done"}
    assert {bool(a["thinking_mismatch"]) for a in found if a["thinking_requested"] == "off"} == {
        True
    }
    with database.read() as session:
        checks = {c.thinking: c.state for c in session.exec(select(ModelCheck))}
    assert checks == {"off": CheckState.ignored, "on": CheckState.works}


def test_cancelling_ends_the_test_calls_too(client: TestClient, wire: WireServer) -> None:
    wire.delay_s = 30
    grid_id = start(client, "openai-chat/plain")
    client.post(f"/api/grids/{grid_id}/cancellation").raise_for_status()
    wait_until_done(client, grid_id)
    assert {a["state"] for a in answers(client, grid_id)} == {"cancelled"}
    assert "test call…" not in client.get(f"/grids/{grid_id}").text


def test_restart_goes_on_with_the_test_calls(settings: Settings, wire: WireServer) -> None:
    wire.delay_s = 30
    with running(settings, preflight_calls=12) as client:
        grid_id = start(client, "openai-chat/plain")
    wire.delay_s = 0
    with running(settings, preflight_calls=12) as client:
        wait_until_done(client, grid_id)
        assert {a["state"] for a in answers(client, grid_id)} == {"done"}


def test_one_call_at_a_time_is_enough(settings: Settings, wire: WireServer) -> None:
    with running(settings, preflight_calls=12, concurrency=1) as client:
        grid_id = start(client, "openai-chat/plain")
        wait_until_done(client, grid_id)
        assert {a["state"] for a in answers(client, grid_id)} == {"done"}
    assert wire.max_in_flight == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # a team has jobs for them
def test_test_calls_that_end_while_the_queue_is_read_are_not_made_again(
    client: TestClient, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, end, late, ended = checks.waiting, Preflights._ended, Event(), Event()

    def read_late(session: Session) -> list[checks.Waiting]:
        found = read(session)
        if found and wire.calls:
            late.set()
            ended.wait(5)
        return found

    def end_and_tell(preflights: Preflights, key: tuple[int, str]) -> None:
        end(preflights, key)
        ended.set()

    monkeypatch.setattr(checks, "waiting", read_late)
    monkeypatch.setattr(Preflights, "_ended", end_and_tell)
    wire.delay_s = 0.5
    grid_id = start(client, "openai-chat/plain")
    wait_for(lambda: wire.calls, "a test call")
    small = start(client, "practice/honest", repeats=1)  # other work wakes the keeper
    wait_until_done(client, grid_id)
    wait_until_done(client, small)
    assert late.is_set()
    assert sum(map(is_test, wire.calls)) == 2


def test_results_that_cannot_be_kept_are_not_bought_again_and_again(
    client: TestClient, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr("app.runner.preflight.save_checks", broken)
    grid_id = start(client, "openai-chat/plain")
    wait_for(lambda: len(wire.calls) == 2, "the test calls")
    run(client, "practice/honest", repeats=3)  # other work wakes the keeper
    assert len(wire.calls) == 2
    client.post(f"/api/grids/{grid_id}/cancellation").raise_for_status()
    wait_until_done(client, grid_id)
