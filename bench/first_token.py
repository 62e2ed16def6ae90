"""From a model's first words to the screen: how long until a viewer of the grid has them?

A grid of slow answers streams in. Their first words say when the model server sent them; one viewer
reads the stream that the grid's page opens, and looks for them in everything that comes.

    python -m bench.first_token                 answers of 5 s in 20 pieces, 20 in flight
    python -m bench.first_token --in-flight 100

Where text only shows once an answer is whole, that is what it prints, and the delay is about the
length of the call.
"""

import argparse
import html
import http.client
import re
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.measure import Watch, percentile, require_proc
from bench.model_server import STAMP, model_name
from bench.servers import Load, bluffcheck, model_server, start_grid
from tests.serving import Process

CONNECT = re.compile(r'hx-sse:connect="([^"]+)"')
WHOLE = "message"  # what an event without a name is called


def stream_of(server: Process, grid_id: str) -> str:
    """The address that the grid's page streams from."""
    with urllib.request.urlopen(f"{server.url}/grids/{grid_id}", timeout=60) as response:
        found = CONNECT.search(response.read().decode())
    return html.unescape(found[1]) if found else f"/grids/{grid_id}/events?since=0"


def read_events(server: Process, path: str, silence_s: float) -> Iterator[tuple[str, str]]:
    """Name and data of each event, as soon as it is whole, until the stream ends."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=silence_s)
    connection.request("GET", path, headers={"Accept": "text/event-stream"})
    name, data = WHOLE, ""
    for line in map(bytes.decode, connection.getresponse()):
        field, _, value = line.rstrip("\r\n").partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data":
            data += value
        elif not field and not value:
            yield name, data
            name, data = WHOLE, ""


def measure(load: Load) -> None:
    delays: dict[str, list[float]] = defaultdict(list)  # by the event that showed it first
    events: dict[str, int] = defaultdict(int)
    seen: set[str] = set()
    with model_server() as model, bluffcheck(model.url, load.in_flight) as server:
        slow = model_name(load.latency_s, load.chunks, "stamped")
        grid_id = start_grid(server, load.answers, slow, repeats=10)
        watch = Watch(server.pid)
        for name, data in read_events(server, stream_of(server, grid_id), 30 + load.latency_s):
            at = time.monotonic()
            events[name] += 1
            for stamp in set(STAMP.findall(data)) - seen:
                seen.add(stamp)
                delays[name].append(1000 * (at - float(stamp)))
        used = watch.used()
    print(
        f"{load.answers} answers of {load.latency_s:g} s in {load.chunks} pieces,"
        f" {load.in_flight} in flight; events: "
        + ", ".join(f"{count} {name}" for name, count in events.items())
        + f"; the server took {used.cores():.2f} cores (others {used.others:.1f})."
    )
    for name, values in delays.items():
        p50, p99 = percentile(values, 0.5), percentile(values, 0.99)
        print(
            f"First words sent → shown by the event “{name}”: p50 {p50:.0f} ms, p99 {p99:.0f} ms,"
            f" max {max(values):.0f} ms ({len(values)} answers)."
        )
    if "partial" not in delays:
        print("No partial text was streamed: text shows when an answer is whole.")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.first_token",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--answers", type=int, default=60, help="a multiple of 10")
    parser.add_argument("--latency", type=float, default=5, help="seconds of each call")
    parser.add_argument("--in-flight", type=int, default=20)
    parser.add_argument("--chunks", type=int, default=20, help="pieces of each streamed answer")
    given = parser.parse_args()
    require_proc()
    measure(Load(given.answers, given.latency, given.in_flight, given.chunks))


if __name__ == "__main__":
    main()
