"""The real server as a process, ended the hard way and the polite way."""

import os
import random
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.runner.limits import AHEAD
from tests.forking import app_server, starting, wire_server
from tests.polling import wait_for
from tests.runner import books
from tests.runner.visitors import MODELS, Told, visiting
from tests.serving import Process, providers_at, request_json
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

AT_ONCE = 8
MANY = 24  # at once where servers are killed again and again
KILLS = 20
LIFE_S = 1.3  # the longest that a server lives once it is ready, if people came to label enough
LABELS = 20  # more than so many are given in all lives together
# Status and how often, of so many in 200 prompts. Each 429 halves the calls in flight for a minute.
TURNED_AWAY: list[tuple[int, int | None]] = [
    (429, 1),
    *6 * [(500, 1)],
    *2 * [(500, None)],
    (400, 9),
]
YEARS_AGO = "2020-01-01"
GRID = {
    "prompts": [{"text": f"How many Ds are in DEEPSEEK? ({n})"} for n in range(10)],
    "models": ["openai-chat/plain", "anthropic/plain"],
    "repeats": 10,
}


@pytest.fixture
def wire() -> Iterator[Process]:
    with wire_server(delay_s=0.1) as server:
        yield server


def environ(wire: Process | WireServer, at_once: int = AT_ONCE) -> dict[str, str]:
    return {
        **providers_at(wire.url),
        "BLUFFCHECK_CONCURRENCY": str(at_once),
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
    # Calls in flight, those got ready, and those whose results were on their way to the disk.
    assert 1 <= repeated <= 2 * (AT_ONCE + AT_ONCE // AHEAD)
    asked = calls(wire)
    assert 200 <= asked.total() <= 200 + repeated
    assert len(asked) == 20
    assert min(asked.values()) >= 10


def test_kill_9_at_20_random_moments_keeps_the_books_right(tmp_path: Path) -> None:
    """KILL_SEED=… makes the same choices again; what happens in between takes its own time."""
    seed = os.environ.get("KILL_SEED") or str(random.SystemRandom().randrange(10**6))
    print(f"KILL_SEED={seed}")  # noqa: T201 (shown where the test fails)
    moments = random.Random(seed)
    database = tmp_path / "data" / "bluffcheck.db"
    told = Told()
    open_at_kills: set[int] = set()

    def look(before: books.Books) -> books.Books:
        found = books.read(database, tmp_path / "copy")
        books.check(found, before, models.calls)
        assert list(told.missing(found)) == []
        assert len(found.open) <= 2 * MANY * len(MODELS)
        open_at_kills.update(found.open)
        return found

    with WireServer(handler=Unreliable(seed)) as models:
        models.handler.server = models  # type: ignore[union-attr]
        with app_server(database.parent, environ(models, MANY)) as server:
            for model in MODELS:
                price = {"model": model, "input_usd": 3, "output_usd": 15, "valid_from": YEARS_AGO}
                server.post("/api/prices", price)
            server.post("/api/grids", {**GRID, "models": MODELS, "repeats": 1})
        found = look(books.read(database, tmp_path / "copy"))
        for kill in range(KILLS):
            with starting(database.parent, environ(models, MANY)) as server:
                if kill % 5 == 4:  # also while it starts, and takes over what was left
                    threading.Event().wait(moments.uniform(0, 0.8))
                    server.kill()
                else:
                    with visiting(server.wait_until_ready(), told, f"{seed} {kill}"):
                        threading.Event().wait(moments.uniform(0, LIFE_S))
                        enough = LABELS * (kill + 1) // (KILLS - 1)
                        wait_for(lambda: len(told.labels) > enough, "enough labels")  # noqa: B023
                        server.kill()
            wait_for(lambda: models.in_flight == 0, "that the calls are over")
            found = look(found)
        with app_server(database.parent, environ(models, MANY)) as server:
            grids = [grid["id"] for grid in server.get("/api/grids?limit=50")["items"]]
            for grid_id in grids:  # some were killed between a pause and its end
                request_json("DELETE", f"{server.url}/api/grids/{grid_id}/pause")
            for grid_id in grids:
                wait_for(lambda: settled(server, grid_id), f"the end of {grid_id}", 60)  # noqa: B023
            assert server.stop() == 0
        kills, found = open_at_kills.copy(), look(found)

    assert told.unexpected == []
    assert (found.unsettled, found.open) == (0, set())
    broken_off = {id_ for id_, a in found.attempts.items() if a["error_kind"] == "interrupted"}
    assert broken_off <= kills
    assert broken_off
    assert len(told.labels) > LABELS
    assert len(found.answers) > 200


def settled(server: Process, grid_id: str) -> bool:
    return bool(server.get(f"/api/grids/{grid_id}")["status"] != "running")


class Unreliable:
    """Every reply is another one. Some come in pieces; some calls are turned away, once or always.

    Fails at some prompts, so that it is the same ones after each kill.
    """

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.server: WireServer

    def __call__(self, request: Recorded) -> Script:
        number = len(self.server.calls) - 1
        kind = random.Random(f"{self.seed} {books.call_of(request)}").randrange(200)
        if kind < len(TURNED_AWAY):
            status, times = TURNED_AWAY[kind]
            wait = {"retry-after": "0.1"} if status == 429 else {}
            return Script(text=f"Reply {number}", status=status, times=times, headers=wait)
        delay_s = random.Random(f"{self.seed} {number}").uniform(0, 0.4)
        cut = 60 if kind % 2 else 0
        return Script(text=f"Reply {number}", delay_s=delay_s, cut=cut, drip_s=0.02)


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
