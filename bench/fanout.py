"""How close to the ideal do answers come in, and what does one cost?

Runs grids through the real server (a process of its own, SQLite on disk) against a cheap model
server on this machine, and beside it, in the same run, a bare aiohttp loop that makes the same
calls and keeps nothing.

    python -m bench.fanout                                   2,000 answers of 0.5 s, 100 in flight
    python -m bench.fanout --chunks 1 --in-flight 400        each in one piece instead of 20
    python -m bench.fanout --all                             the whole table, about four minutes

The wall time is from the POST of the grid until the API tells that all its answers are in; the
ideal is full rounds of calls and nothing else. CPU is that of a whole process, all threads, per
answer. All share the cores of this machine: what the model server took, and what programs took
that have nothing to do with this (in cores), is there to judge the rest by.
"""

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.bare import bare_loop
from bench.measure import Watch, forget_peak, memory_mb, require_proc
from bench.servers import Load, bluffcheck, model_server, start_grid, wait_until_done
from tests.serving import Process

HEAD = """\
                                           wall ÷ ideal        CPU ms per answer          MB   cores
answers   call  pieces  in flight  ideal s  bare  Bluffcheck   bare  Bluffcheck  model   max  others
"""
LINE = (
    "{0.answers:>7,}{0.latency_s:>5g} s{0.chunks:>8}{0.in_flight:>11}{0.ideal_s:>9.1f}"
    "{1:>6.2f}{2.wall:>12.3f}{3:>7.2f}{2.cpu_ms:>12.2f}{2.model_ms:>7.2f}{2.memory_mb:>6.0f}"
    "{2.others:>8.1f}"
)


@dataclass(frozen=True)
class Result:
    """Of one load, through the real server."""

    wall: float  # ÷ ideal
    cpu_ms: float
    model_ms: float
    memory_mb: float  # the most it ever had
    others: float


def table(in_flight: int) -> Iterator[Load]:
    """The loads of --all: enough answers to be steady, few enough to be done in minutes."""
    for chunks in (1, 20):
        yield Load(500 if in_flight < 100 else 2000, 0.5, in_flight, chunks)
        yield Load(2 * in_flight, 3, in_flight, chunks)


def through_server(load: Load, server: Process, model: Process) -> Result:
    forget_peak(server.pid)
    watch, started = Watch(server.pid, model.pid), time.perf_counter()
    wait_until_done(server, start_grid(server, load.answers, load.model), load, started)
    used = watch.used()
    ours, models = (1000 * cpu_s / load.answers for cpu_s in used.cpu_s)
    peak = memory_mb(server.pid, "VmHWM")
    return Result(used.wall_s / load.ideal_s, ours, models, peak, used.others)


def compare(in_flight: int, loads: Iterable[Load]) -> None:
    """Print one line of the table for each load."""
    with model_server() as model, bluffcheck(model.url, in_flight) as server:
        for load in loads:
            bare_s, bare_ms = bare_loop(load, model.url)
            result = through_server(load, server, model)
            print(LINE.format(load, bare_s / load.ideal_s, result, bare_ms), flush=True)


def whole_table() -> None:
    print(HEAD, end="", flush=True)
    for in_flight in (50, 100, 200, 400):
        compare(in_flight, table(in_flight))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.fanout",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds of each call")
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--chunks", type=int, default=20, help="pieces of each streamed answer")
    parser.add_argument("--all", action="store_true", help="the whole table")
    options = parser.parse_args()
    require_proc()
    if options.all:
        whole_table()
        return
    print(HEAD, end="", flush=True)
    load = Load(options.answers, options.latency, options.in_flight, options.chunks)
    compare(load.in_flight, [load])


if __name__ == "__main__":
    main()
