"""One worker and two on one Postgres: does the second one double the work?

Each worker may have so many calls in flight; the account takes more than both together. The
Postgres of the tests runs without flushing to disk, so only the ratios mean something.

    python -m bench.team                    400 answers of 0.5 s, 20 in flight per worker
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.servers import Load, model_server, start_grid, wait_until_done
from tests.serving import Process, app_server, worker
from tests.support.postgres import start_postgres


def seconds(server: Process, load: Load) -> float:
    """From the POST of a grid until all its answers are in."""
    started = time.perf_counter()
    grid_id = start_grid(server, load.answers, load.model)
    wait_until_done(server, grid_id, load, started)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.team",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--answers", type=int, default=400)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds of each call")
    parser.add_argument("--in-flight", type=int, default=20, help="per worker")
    parser.add_argument("--chunks", type=int, default=1, help="pieces of each answer")
    options = parser.parse_args()
    postgres = start_postgres()
    with ExitStack() as stack:
        stack.callback(postgres.stop)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = stack.enter_context(model_server())
        environ = {
            "OPENAI_BASE_URL": f"{model.url}/v1",
            "BLUFFCHECK_DATABASE_URL": postgres.create_database(),
            "BLUFFCHECK_DISCOVER": "0",
            "BLUFFCHECK_CONCURRENCY": "1000",
            "BLUFFCHECK_MAX_CALLS_DEFAULT": "1000000",
            "BLUFFCHECK_PREFLIGHT_CALLS": "1000000",
        }
        server = stack.enter_context(app_server(folder, environ, "--no-work"))
        print(f"{options.answers:,} answers of {options.latency:g} s")
        print("workers  in flight  ideal s  ÷ ideal  ÷ one worker")
        alone = 0.0
        for workers in (1, 2):
            stack.enter_context(worker(folder, environ, options.in_flight))
            load = Load(
                options.answers, options.latency, options.in_flight * workers, options.chunks
            )
            seconds(server, Load(100, 0.01, options.in_flight, 1))  # what is only done once
            took = seconds(server, load)
            alone = alone or took
            print(
                f"{workers:>7}{load.in_flight:>11}{load.ideal_s:>9.1f}{took / load.ideal_s:>9.3f}"
                f"{alone / took:>14.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
