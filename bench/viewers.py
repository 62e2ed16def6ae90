"""What does it cost when many people watch a grid fill, and when do they see an answer?

The same grid runs twice: with nobody there, then with viewers who hold its event stream open, as
its page does.

    python -m bench.viewers                     200 viewers, 2,000 answers of 0.5 s, 100 in flight
    python -m bench.viewers --viewers 20

The delay of an answer runs from the moment its result was written down (its attempt's
finished_at, which is just before it is on disk) until the last viewer has it; parsing what 200
viewers get is part of it, and takes a share of this machine.
"""

import argparse
import asyncio
import re
import time
from collections.abc import Sequence
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.measure import Used, Watch, percentile, require_proc
from bench.servers import Load, bluffcheck, model_server, progress, start_grid, wait_until_done
from tests.serving import Process

CHIP = re.compile(rb'id="a-(\d+)"')
KEPT = 40  # bytes: longer than what the expressions look for, which may be cut anywhere
DONE = b"event: done"


class Viewer(asyncio.Protocol):
    """Reads one event stream; keeps when each answer's chip came for the last time."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._rest = b""
        self.seen: dict[int, float] = {}  # by answer, in seconds of the epoch
        self.events = 0
        self.bytes = 0
        self.whole = False  # the stream came to its end
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        at = time.time()
        self.bytes += len(data)
        self.events += data.count(b"\n\n") - data.count(b"\n: ")  # without comments
        text = self._rest + data
        for found in CHIP.finditer(text):
            self.seen[int(found[1])] = at
        self._rest = text[-KEPT:]
        if DONE in text:
            self.whole = True
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


async def watch_grid(server: Process, grid_id: str, count: int, until_s: float) -> list[Viewer]:
    """Read the grid's stream ``count`` times, to its end or for so many seconds."""
    place = urlsplit(server.url)
    head = f"GET /grids/{grid_id}/events?since=0 HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n"
    loop = asyncio.get_running_loop()
    viewers = []
    for _ in range(count):
        connecting = loop.create_connection(
            lambda: Viewer(head.encode()), place.hostname or "", place.port or 0
        )
        viewers.append((await connecting)[1])
    await asyncio.wait([viewer.closed for viewer in viewers], timeout=until_s)
    return viewers


def stored(server: Process, grid_id: str) -> dict[int, float]:
    """When the result of each answer was written down, in seconds of the epoch."""
    found: dict[int, float] = {}
    cursor = ""
    while True:
        page = server.get(f"/api/grids/{grid_id}/answers?limit=1000&cursor={cursor}")
        for answer in page["items"]:
            if answer["attempts"]:
                at = datetime.fromisoformat(answer["attempts"][-1]["finished_at"])
                found[answer["id"]] = at.timestamp()
        if not page["next"]:
            return found
        cursor = page["next"]


def measure(load: Load, count: int) -> None:
    with model_server() as model, bluffcheck(model.url, load.in_flight) as server:
        watch, started = Watch(server.pid, model.pid), time.perf_counter()
        wait_until_done(server, start_grid(server, load.answers, load.model), load, started)
        report_run("nobody watches", load, watch.used())

        watch = Watch(server.pid, model.pid)
        grid_id = start_grid(server, load.answers, load.model)
        viewers = uvloop.run(watch_grid(server, grid_id, count, 30 + 6 * load.ideal_s))
        report_run(f"{count} viewers", load, watch.used())
        left = progress(server, grid_id)
        if left["pending"] + left["running"]:
            print(f"  given up with {left['done']} of {load.answers} answers in")
        report_viewers(viewers, stored(server, grid_id))


def report_run(what: str, load: Load, used: Used) -> None:
    print(
        f"{what + ':':<16}the server took {used.cores():.2f} cores,"
        f" {1000 * used.cpu_s[0] / load.answers:.2f} ms per answer;"
        f" wall ÷ ideal {used.wall_s / load.ideal_s:.2f}"
        f" (model server {used.cores(1):.2f} cores, others {used.others:.1f})",
        flush=True,
    )


def report_viewers(viewers: Sequence[Viewer], stored_at: dict[int, float]) -> None:
    events = sorted(viewer.events for viewer in viewers)
    sent = sum(viewer.bytes for viewer in viewers) / len(viewers) / 1e6
    whole = sum(viewer.whole for viewer in viewers)
    print(
        f"Each viewer got {events[0]} to {events[-1]} events (median {events[len(events) // 2]})"
        f" and {sent:.1f} MB; {whole} of {len(viewers)} streams came to their end."
    )
    delays = []
    for answer_id, at in stored_at.items():
        last = max(viewer.seen.get(answer_id, float("inf")) for viewer in viewers)
        if at <= last < float("inf"):
            delays.append(1000 * (last - at))
    if delays:
        p50, p99 = percentile(delays, 0.5), percentile(delays, 0.99)
        print(
            f"From an answer's end until the last viewer had it: p50 {p50:.0f}, p99 {p99:.0f},"
            f" max {max(delays):.0f} ms ({len(delays):,} of {len(stored_at):,} answers)."
        )
    else:
        print("No answer was seen by every viewer.")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.viewers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds of each call")
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--chunks", type=int, default=1, help="pieces of each answer")
    given = parser.parse_args()
    require_proc()
    measure(Load(given.answers, given.latency, given.in_flight, given.chunks), given.viewers)


if __name__ == "__main__":
    main()
