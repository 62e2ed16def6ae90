"""The real server as a process, ended the hard way and the polite way."""

import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.polling import wait_for
from tests.serving import Process, app_server, providers_at, wire_server

AT_ONCE = 8
GRID = {
    "prompts": [{"text": f"How many Ds are in DEEPSEEK? ({n})"} for n in range(10)],
    "models": ["openai-chat/plain", "anthropic/plain"],
    "repeats": 10,
}


@pytest.fixture
def wire() -> Iterator[Process]:
    with wire_server(delay_s=0.1) as server:
        yield server


def environ(wire: Process) -> dict[str, str]:
    return {
        **providers_at(wire.url),
        "BLUFFCHECK_CONCURRENCY": str(AT_ONCE),
        "BLUFFCHECK_PREFLIGHT_CALLS": "1000",  # only the grid's own calls are counted here
    }


def finished(server: Process, grid_id: str) -> int:
    progress = server.get(f"/api/grids/{grid_id}")["progress"]
    return int(progress["done"] + progress["failed"])


def answers(server: Process, grid_id: str) -> dict[int, dict[str, Any]]:
    page = server.get(f"/api/grids/{grid_id}/answers?limit=1000")
    assert page["next"] is None
    return {answer["id"]: answer for answer in page["items"]}


def calls(wire: Process) -> Counter[tuple[str, str]]:
    """How often each prompt was asked, per protocol."""
    items = wire.get("/calls")["items"]
    return Counter((c["path"], c["body"]["messages"][-1]["content"]) for c in items)


def test_kill_9_in_the_middle_loses_nothing_and_buys_nothing_twice(
    tmp_path: Path, wire: Process
) -> None:
    with app_server(tmp_path, environ(wire)) as server:
        grid_id = server.post("/api/grids", GRID)["id"]
        wait_for(lambda: finished(server, grid_id) >= 60, "60 answers")
        before = {id_: a for id_, a in answers(server, grid_id).items() if a["state"] == "done"}
        server.kill()
    assert 60 <= len(before) < 190

    with app_server(tmp_path, environ(wire)) as server:
        wait_for(lambda: finished(server, grid_id) == 200, "the rest of the answers", 30)
        after = answers(server, grid_id)
        status = server.get(f"/api/grids/{grid_id}")["status"]
        assert server.stop() == 0

    assert status == "done"
    assert len(after) == 200
    assert {(a["state"], a["text"]) for a in after.values()} == {("done", "42")}
    assert {id_: after[id_] for id_ in before} == before
    ends = Counter(
        tuple(t["error_kind"] or t["outcome"] for t in a["attempts"]) for a in after.values()
    )
    repeated = ends.pop(("interrupted", "answered"), 0)
    assert ends == {("answered",): 200 - repeated}
    assert 1 <= repeated <= 2 * AT_ONCE
    # A call was put on record just before it was made, so a few of those may not have gone out.
    asked = calls(wire)
    assert 200 <= asked.total() <= 200 + repeated
    assert len(asked) == 20
    assert min(asked.values()) == 10


@pytest.mark.parametrize("busy", [False, True])
def test_sigterm_with_a_live_stream_ends_with_status_0(
    tmp_path: Path, wire: Process, busy: bool
) -> None:
    with app_server(tmp_path, environ(wire)) as server:
        grid_id = server.post("/api/grids", GRID)["id"]
        stream = urllib.request.urlopen(f"{server.url}/grids/{grid_id}/events", timeout=10)
        assert stream.readline()
        if busy:
            wait_for(lambda: finished(server, grid_id) > 10, "some answers")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 3
        stream.read()  # it was ended, not cut off
    assert "Traceback" not in server.text
    assert "ERROR" not in server.text
