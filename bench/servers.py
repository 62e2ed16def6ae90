"""The two servers under measurement, as processes of their own: the real one and a cheap model."""

import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.db import Database
from bench.model_server import model_name
from tests.serving import Process, app_server

REPEATS = 100  # of each prompt, in grids that are not there to be looked at
MOST = 1_000_000


@dataclass(frozen=True)
class Load:
    """So many answers, each a call of so many seconds that comes in so many pieces."""

    answers: int
    latency_s: float
    in_flight: int
    chunks: int

    @property
    def ideal_s(self) -> float:
        return math.ceil(self.answers / self.in_flight) * self.latency_s

    @property
    def model(self) -> str:
        return model_name(self.latency_s, self.chunks)


@contextmanager
def model_server() -> Iterator[Process]:
    process = Process(["-m", "bench.model_server"])
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def bluffcheck(model_url: str, in_flight: int) -> Iterator[Process]:
    """The real server with an empty database, past what is only done once."""
    environ = {
        "OPENAI_BASE_URL": f"{model_url}/v1",
        "BLUFFCHECK_CONCURRENCY": str(in_flight),
        "BLUFFCHECK_MAX_ANSWERS": str(MOST),
        "BLUFFCHECK_MAX_CALLS_DEFAULT": str(MOST),
        "BLUFFCHECK_PREFLIGHT_CALLS": str(MOST + 1),  # the bare loop has no test calls
    }
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/bluffcheck.db")
        database.migrate()
        database.close()
        with app_server(Path(folder), environ) as server:
            first = start_grid(server, 1, model_name(0.01, 1), repeats=1)
            while progress(server, first)["done"] == 0:
                time.sleep(0.1)
            yield server


def start_grid(server: Process, answers: int, *models: str, repeats: int = REPEATS) -> str:
    """Start a grid of the same variant for each model; returns its id."""
    prompts, rest = divmod(answers, repeats * len(models))
    if rest:
        sys.exit(f"{answers} answers cannot be laid out in prompts of {repeats} repeats each")
    grid = {
        "prompts": [{"text": f"How many Ds are in DEEPSEEK? ({n})"} for n in range(prompts)],
        "models": [f"openai-chat/{model}" for model in models],
        "repeats": repeats,
    }
    return str(server.post("/api/grids", grid)["id"])


def progress(server: Process, grid_id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/api/grids/{grid_id}")["progress"]
    return found


def wait_until_done(server: Process, grid_id: str, load: Load, started: float) -> None:
    """Until the last answer is in. Asks rarely: answering costs the server CPU, which is measured.

    ``started`` is when the clock of ``time.perf_counter`` began to count for this grid.
    """
    time.sleep(max(0.0, started + load.ideal_s - time.perf_counter()))
    while True:
        found = progress(server, grid_id)
        left = found["pending"] + found["running"]
        if not left:
            break
        if time.perf_counter() > started + 20 + 5 * load.ideal_s:
            sys.exit(f"{left} answers were not finished in time")
        rounds = left / load.in_flight
        time.sleep(max(0.01, min(1.0, (rounds - 1) * load.latency_s), 0.1 * min(1.0, rounds)))
    if found["done"] != load.answers:
        sys.exit(f"only {found['done']} of {load.answers} answers are done")
