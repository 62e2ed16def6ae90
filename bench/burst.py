"""Does a server stand 1,000 open streams and a burst of 5,000 labels, and lose nothing?

A grid of practice answers is watched by so many streams while labels are sent to it over some
connections at once, each answered before the next. Afterwards the books are compared: every label
that was answered with 200 is there, and the server says that it is ready.

    python -m bench.burst                   1,000 streams, 5,000 labels over 50 connections
    python -m bench.burst --streams 100
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import aiohttp
import uvloop

from bench.measure import Watch, memory_mb, percentile, require_proc
from bench.servers import MOST
from bench.viewers import Viewer
from tests.serving import Process, app_server

REPEATS = 100


async def burst(server: Process, grid_id: str, streams: int, labels: int, at_once: int) -> None:
    answers = await asyncio.to_thread(ids_of, server, grid_id, labels)
    place = urlsplit(server.url)
    seq = await asyncio.to_thread(seq_of, server, grid_id)
    # As a page that was loaded when the grid was done, and stays for labels.
    events = f"/grids/{grid_id}/events?since={seq}&stay=1"
    head = f"GET {events} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n"
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    viewers = [
        (
            await loop.create_connection(
                lambda: Viewer(head.encode()), place.hostname or "", place.port or 0
            )
        )[1]
        for _ in range(streams)
    ]
    print(f"{streams:,} streams opened in {time.perf_counter() - began:.1f} s", flush=True)

    took: list[float] = []
    refused = 0
    waiting = iter(answers)
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(server.url, connector=connector) as session:

        async def label() -> None:
            nonlocal refused
            for answer in waiting:
                asked = time.perf_counter()
                given = {"label": "correct", "reviewer": "Burst"}
                async with session.put(f"/api/answers/{answer}/label", json=given) as reply:
                    refused += reply.status != 200
                took.append(time.perf_counter() - asked)

        watch, began = Watch(server.pid), time.perf_counter()
        await asyncio.gather(*(label() for _ in range(at_once)))
        wall = time.perf_counter() - began
    p50, p99 = (1000 * percentile(took, share) for share in (0.5, 0.99))
    print(
        f"{labels:,} labels in {wall:.1f} s ({labels / wall:.0f} a second): p50 {p50:.0f},"
        f" p99 {p99:.0f}, max {1000 * max(took):.0f} ms; {refused} refused;"
        f" the server took {watch.used().cores():.2f} cores"
    )
    kept = server.get(f"/api/grids/{grid_id}")["progress"]["labelled"]
    told = sum(viewer.events > 0 for viewer in viewers)
    open_ = sum(not viewer.closed.done() for viewer in viewers)
    ready = server.get("/readyz")["ready"]
    print(
        f"{kept:,} labels are in the database, {open_:,} streams are still open"
        f" ({told:,} heard of labels), ready: {ready};"
        f" {memory_mb(server.pid):.0f} MB, at most {memory_mb(server.pid, 'VmHWM'):.0f} MB"
    )
    if kept != labels - refused or open_ != streams or not ready:
        sys.exit("Something was lost.")


def seq_of(server: Process, grid_id: str) -> str:
    with urlopen(f"{server.url}/grids/{grid_id}/changes?since={MOST}") as page:
        return str(page.headers["x-seq"])


def ids_of(server: Process, grid_id: str, count: int) -> list[int]:
    found: list[int] = []
    cursor = ""
    while len(found) < count:
        page = server.get(f"/api/grids/{grid_id}/answers?limit=1000&cursor={cursor}")
        found += [a["id"] for a in page["items"] if a["outcome"] == "answered"]
        if not page["next"]:
            break
        cursor = page["next"]
    if len(found) < count:
        sys.exit(f"only {len(found)} answers can be labelled")
    return found[:count]


def measure(streams: int, labels: int, at_once: int) -> None:
    environ = {
        "BLUFFCHECK_CONCURRENCY": "100",
        "BLUFFCHECK_PRACTICE_LATENCY_MS": "0",
        "BLUFFCHECK_MAX_ANSWERS": str(MOST),
        "BLUFFCHECK_MAX_CALLS_DEFAULT": str(MOST),
        "BLUFFCHECK_PREFLIGHT_CALLS": str(MOST),
    }
    with tempfile.TemporaryDirectory() as folder, app_server(Path(folder), environ) as server:
        prompts = -(-labels * 11 // 10 // REPEATS)  # a few are no answers
        grid = {
            "prompts": [{"text": f"How many Ds are in DEEPSEEK? ({n})"} for n in range(prompts)],
            "models": ["practice/honest"],
            "repeats": REPEATS,
        }
        grid_id = server.post("/api/grids", grid)["id"]
        while server.get(f"/api/grids/{grid_id}")["status"] == "running":
            time.sleep(0.5)
        uvloop.run(burst(server, grid_id, streams, labels, at_once))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.burst",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--labels", type=int, default=5000)
    parser.add_argument("--at-once", type=int, default=50)
    given = parser.parse_args()
    require_proc()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    measure(given.streams, given.labels, given.at_once)


if __name__ == "__main__":
    main()
