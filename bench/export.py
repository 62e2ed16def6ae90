"""How many answers a second are exported, beside the sqlite3 shell's own CSV of the same join.

    python -m bench.export                      60,000 answers
    python -m bench.export --answers 1000000 --rounds 1 --formats csv jsonl

Each format is made in a process of its own, which throws away what it made. The shell joins the
same tables and writes the same columns, but escapes and explains nothing. Rows per second of CPU
time, since other programs may share the cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.measure import memory_mb, require_proc

FORMATS = ("csv", "labels", "jsonl", "zip", "md", "html", "snapshot")
OF_ATTEMPT = (
    "served_model, user_message, system_message, thinking_sent, thought, evidence, mismatch,"
    " temperature_sent, temperature_note, number, outcome, finish_reason, attempt.text,"
    " thinking_text, thinking_kind, error_message, input_tokens, output_tokens, reasoning_tokens,"
    " cached_tokens, cost_usd, cost_source, first_token_ms, total_ms, started_at, finished_at,"
    " response_id, short, suggested, suggestion_strength, suggestion_reason, suggestion_method,"
    " hedged"
)
OF_LABELS = ", ".join(
    f"(SELECT group_concat({value}, ' | ') FROM label JOIN reviewer ON reviewer.id = reviewer_id"
    " WHERE label.answer_id = answer.id)"
    for value in ("name", "note", "labelled_at", "coalesce(value, 'none')", "tags")
)
SAME_JOIN = f"""
SELECT public_id, grid.title, answer.id, prompt.text, coalesce(nullif(question, ''), prompt.text),
 "references", "constraint", answerable, provider, model, slug, wording.version, opt_out, thinking,
 temperature, max_tokens, repeat, state, {OF_ATTEMPT}, answer.label, disputed, decided,
 answer.tags, {OF_LABELS}, 'http://localhost/grids/' || public_id || '#a-' || answer.id
FROM answer CROSS JOIN grid ON grid.id = answer.grid_id CROSS JOIN prompt ON prompt.id = prompt_id
 CROSS JOIN variant ON variant.id = variant_id CROSS JOIN wording ON wording.id = wording_id
 LEFT JOIN attempt ON attempt.id = attempt_id ORDER BY answer.id
"""


def by_shell(path: Path) -> float:
    """CPU seconds that the sqlite3 shell takes for a CSV of the same join."""
    before = _children_s()
    with open("/dev/null", "wb") as nowhere:
        command = ["sqlite3", "-readonly", "-header", "-csv", str(path), SAME_JOIN]
        subprocess.run(command, stdout=nowhere, check=True)
    return _children_s() - before


def _children_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def make(path: Path, kind: str) -> None:
    """Export in this process, or take a snapshot, and print what it took."""
    from app.db import Database
    from app.exports.formats import encoded, formats
    from app.exports.rows import open_export
    from app.grids import recent_grids
    from app.sharing.snapshots import freeze
    from app.web.render import render_pieces

    name = "labels.csv" if kind == "labels" else f"export.{kind}"
    database = Database(f"sqlite:///{path}")
    with database.read() as session:
        grid = recent_grids(session, 1)[0][0]
        before_mb, before_bytes = memory_mb(os.getpid()), _on_disk(path)
        started = time.process_time()
        if kind == "snapshot":
            freeze(database, grid.id, frozenset({"practice"}))
            size = _on_disk(path) - before_bytes
        else:
            export = open_export(session, grid, "http://localhost")
            size = sum(map(len, encoded(formats(render_pieces)[name].make(export))))
        seconds = time.process_time() - started
    database.close()
    peak_mb = memory_mb(os.getpid(), "VmHWM")
    print(json.dumps({"s": seconds, "MB": size / 1e6, "memory": peak_mb - before_mb}))


def _on_disk(path: Path) -> int:
    return sum(it.stat().st_size for it in path.parent.glob(f"{path.name}*"))


def measure(answers: int, rounds: int, kinds: Sequence[str]) -> None:
    from app.db import Database
    from bench.gridbook import THINKING, WORDINGS, Size, fill

    size = Size(max(answers // (4 * len(WORDINGS) * len(THINKING) * 5), 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bluffcheck.db"
        database = Database(f"sqlite:///{path}")
        database.migrate()
        fill(database, size, "To export")
        database.close()
        shell_s = min(by_shell(path) for _ in range(rounds))
        what = f"{size.answers:,} answers"
        print(f"{what:<16}{'rows/s':>10}{'÷ shell':>10}{'MB':>8}{'memory MB':>12}")
        print(f"{'sqlite3 shell':<16}{size.answers / shell_s:>10,.0f}{1:>10.2f}")
        for kind in kinds:
            command = [sys.executable, "-m", "bench.export", "--make", kind, str(path)]
            found = [
                json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
                for _ in range(rounds)
            ]
            best = min(found, key=lambda one: float(one["s"]))
            print(
                f"{kind:<16}{size.answers / best['s']:>10,.0f}{shell_s / best['s']:>10.2f}"
                f"{best['MB']:>8,.0f}{best['memory']:>12,.0f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--answers", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3, help="of each; the quickest counts")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--make", nargs=2, metavar=("FORMAT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(Path(options.make[1]), options.make[0])
    else:
        require_proc()
        measure(options.answers, options.rounds, options.formats)


if __name__ == "__main__":
    main()
