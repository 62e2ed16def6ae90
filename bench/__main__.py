"""What must be fast, measured: ``python -m bench`` prints the table, in less than five minutes.

python -m bench                   fan-out beside a bare loop, then a grid of 20,000
python -m bench NAME [OPTION]...  one of these; NAME --help says what it does

fanout       one load, or the table
large        a grid of 20,000: memory, and the time to its first answer
pages        pages and labels while answers come in
viewers      200 people who watch one grid fill
burst        1,000 open streams and 5,000 labels at once, and what is left of them
first_token  from a model's first words to the screen
grid         a page of 60,000 answers beside one of 600
export       a grid as CSV and JSONL, beside the sqlite3 shell
team         what a second worker on the same Postgres adds
"""

import runpy
import sys

from bench import fanout, large
from bench.measure import require_proc
from bench.servers import Load

NAMES = ("fanout", "large", "pages", "viewers", "burst", "first_token", "grid", "export", "team")
MORE = """
More: python -m bench.pages, bench.viewers and bench.first_token, or make bench ARGS=pages (viewers,
first_token, grid, export, team, fanout, large); each takes --help. All of it is measured on a
machine that the bare loop, the model server and Bluffcheck share: read it as ratios."""


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in NAMES:
        sys.argv[:2] = [f"bench.{name}"]
        runpy.run_module(f"bench.{name}", run_name="__main__", alter_sys=True)
    elif name:
        print(__doc__)
        sys.exit(0 if name in ("-h", "--help") else 2)
    else:
        require_proc()
        fanout.whole_table()
        print(flush=True)
        large.measure(Load(20_000, 0.5, 100, 20), watched_s=5)
        print(MORE)


if __name__ == "__main__":
    main()
