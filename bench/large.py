"""A grid of 20,000 answers: when is the first to be seen, and how much memory does it take?

    python -m bench.large                       starts it, watches for a few seconds, and ends
    python -m bench.large --whole               until its last answer is in

Memory is that of the server's process: before the grid, at most during its POST, and at most until
the end. The grid is watched through the API, not through its page, which has a chip per answer.
"""

import argparse
import time

from bench.measure import forget_peak, memory_mb, require_proc
from bench.servers import Load, bluffcheck, model_server, progress, start_grid, wait_until_done


def measure(load: Load, watched_s: float | None) -> None:
    """Print what it came to. Without ``watched_s`` the grid is run to its end."""
    with model_server() as model, bluffcheck(model.url, load.in_flight) as server:
        start_mb, before_mb = memory_mb(server.pid, "VmHWM"), memory_mb(server.pid)
        forget_peak(server.pid)
        started = time.perf_counter()
        grid_id = start_grid(server, load.answers, load.model)
        posted_s, posting_mb = time.perf_counter() - started, memory_mb(server.pid, "VmHWM")
        while not progress(server, grid_id)["done"]:
            time.sleep(0.02)
        first_s = time.perf_counter() - started
        if watched_s is None:
            wait_until_done(server, grid_id, load, started)
        else:
            time.sleep(watched_s)
        done, took_s = progress(server, grid_id)["done"], time.perf_counter() - started
        peak_mb = memory_mb(server.pid, "VmHWM")
    print(
        f"A grid of {load.answers:,}, {load.in_flight} calls of {load.latency_s:g} s in flight:\n"
        f"  first answer to be seen {first_s:.2f} s after the POST began"
        f" (the POST took {posted_s:.2f} s, the call takes {load.latency_s:g} s)\n"
        f"  memory {before_mb:.0f} MB before (the server's own start took {start_mb:.0f}),"
        f" at most {posting_mb:.0f} during the POST and {peak_mb:.0f} until {done:,} were in,"
        f" after {took_s:.0f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.large",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--answers", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds of each call")
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--chunks", type=int, default=20, help="pieces of each streamed answer")
    parser.add_argument("--watch", type=float, default=5, help="seconds after the first answer")
    parser.add_argument("--whole", action="store_true", help="until the last answer instead")
    options = parser.parse_args()
    require_proc()
    load = Load(options.answers, options.latency, options.in_flight, options.chunks)
    measure(load, None if options.whole else options.watch)


if __name__ == "__main__":
    main()
