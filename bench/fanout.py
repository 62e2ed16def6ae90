"""How close to the ideal do answers come in, and what does one cost?

Runs a grid through the real server (a process of its own, SQLite on disk) against a cheap model
server on this machine, and beside it, in the same run, a bare aiohttp loop that makes the same
calls and keeps nothing.

    python -m bench.fanout                        1,000 answers of 0.5 s, 50 in flight
    python -m bench.fanout --chunks 1             each answer in one piece instead of 20
    python -m bench.fanout --all                  50, 100 and 200 in flight, both kinds
"""

import argparse
import asyncio
import json
import math
import os
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.serving import Process, app_server

BODY = {
    "model": "cheap",
    "messages": [{"role": "user", "content": "How many Ds are in DEEPSEEK?"}],
    "stream": True,
}


@dataclass(frozen=True)
class Load:
    answers: int
    latency_s: float
    in_flight: int
    chunks: int

    @property
    def ideal_s(self) -> float:
        return math.ceil(self.answers / self.in_flight) * self.latency_s


@dataclass(frozen=True)
class Result:
    wall_s: float
    cpu_ms: float  # per answer, all threads of the process
    memory_mb: float | None = None  # the most it ever had


def through_server(load: Load, model_url: str) -> Result:
    """From the POST of the grid until its last answer is on disk."""
    prompts = [
        {"text": f"How many Ds are in DEEPSEEK? ({n})"} for n in range(-(-load.answers // 100))
    ]
    repeats = load.answers // len(prompts)
    if repeats * len(prompts) != load.answers:
        sys.exit(f"--answers {load.answers} cannot be laid out as prompts × repeats; take hundreds")
    environ = {
        "OPENAI_BASE_URL": f"{model_url}/v1",
        "BLUFFCHECK_CONCURRENCY": str(load.in_flight),
        "BLUFFCHECK_MAX_ANSWERS": str(load.answers),
        "BLUFFCHECK_MAX_CALLS_DEFAULT": str(load.answers),
    }
    grid = {"prompts": prompts, "models": ["openai/cheap"], "repeats": repeats}
    with tempfile.TemporaryDirectory() as folder, app_server(Path(folder), environ) as server:
        server.get("/api/models")  # what is only done once is done
        cpu_s, started = cpu_seconds(server.pid), time.perf_counter()
        server.post("/api/grids", grid)
        # Read from the file, not from the server, whose CPU time is being measured.
        wait_for_rows(Path(folder) / "bluffcheck.db", load)
        wall_s = time.perf_counter() - started
        cpu_s = cpu_seconds(server.pid) - cpu_s
        return Result(wall_s, 1000 * cpu_s / load.answers, peak_mb(server.pid))


def wait_for_rows(path: Path, load: Load) -> None:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    deadline = time.monotonic() + 20 + 5 * load.ideal_s
    try:
        while True:
            left = connection.execute(
                "SELECT count(*) FROM answer WHERE state IN ('pending', 'running')"
            ).fetchone()[0]
            if not left:
                break
            if time.monotonic() > deadline:
                sys.exit(f"{left} answers were not finished in time")
            time.sleep(0.02 if left <= load.in_flight else 0.2)
        done = connection.execute("SELECT count(*) FROM answer WHERE state = 'done'").fetchone()[0]
        if done != load.answers:
            sys.exit(f"only {done} of {load.answers} answers are done")
    finally:
        connection.close()


def bare_loop(load: Load, model_url: str) -> Result:
    """The same calls with nothing around them."""
    started, cpu_s = time.perf_counter(), time.process_time()
    asyncio.run(_bare(load, f"{model_url}/v1/chat/completions"))
    return Result(
        time.perf_counter() - started, 1000 * (time.process_time() - cpu_s) / load.answers
    )


async def _bare(load: Load, url: str) -> None:
    left = iter(range(load.answers))

    async def work(session: aiohttp.ClientSession) -> None:
        for _ in left:
            text = ""
            async with session.post(url, json=BODY) as response:
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        for choice in json.loads(line[6:])["choices"]:
                            text += choice["delta"].get("content", "")
            assert text

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(work(session) for _ in range(load.in_flight)))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all threads (Linux only)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def compare(load: Load) -> None:
    command = ["-m", "bench.model_server"]
    command += ["--latency", str(load.latency_s), "--chunks", str(load.chunks)]
    model = Process(command)
    try:
        bare = bare_loop(load, model.url)
        ours = through_server(load, model.url)
    finally:
        model.kill()
    for name, result in (("bare loop", bare), ("Bluffcheck", ours)):
        memory = "" if result.memory_mb is None else f"{result.memory_mb:.0f}"
        print(
            f"{load.answers:>8,}{load.latency_s:>7g} s{load.chunks:>8}{load.in_flight:>11}"
            f"  {name:<11}{result.wall_s:>7.2f}{load.ideal_s:>7.2f}"
            f"{result.wall_s / load.ideal_s:>9.3f}{result.cpu_ms:>9.2f}"
            f"{result.cpu_ms / bare.cpu_ms:>9.1f}{memory:>8}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds of each call")
    parser.add_argument("--in-flight", type=int, default=50)
    parser.add_argument("--chunks", type=int, default=20, help="pieces of each streamed answer")
    parser.add_argument("--all", action="store_true", help="50, 100, 200 in flight; 1, 20 chunks")
    options = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        sys.exit("CPU time is read from /proc, which only Linux has.")
    print(
        " answers  latency  chunks  in flight  what         wall  ideal  ÷ ideal   CPU ms"
        "  ÷ bare  MB max"
    )
    kinds = [(options.in_flight, options.chunks)]
    if options.all:
        kinds = [(calls, chunks) for chunks in (1, 20) for calls in (50, 100, 200)]
    for in_flight, chunks in kinds:
        compare(Load(options.answers, options.latency, in_flight, chunks))


if __name__ == "__main__":
    main()
