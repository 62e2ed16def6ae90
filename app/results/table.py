"""Results as tables of text: the CSV of the measures, and Markdown to paste into a post."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from app.exports import safe_cell
from app.results.book import OUTSIDE
from app.results.effects import Effect
from app.results.lines import SHARES, Line
from app.results.report import Report
from app.results.words import change_interval, measured, p_value, percent, points, shares
from app.stats.measures import MEASURES

SHOWN = ("accuracy", "hallucination_rate", "abstention_rate", "attempted_accuracy", "f_score")


def results_csv(report: Report, grid_id: str = "") -> str:
    """One row per line, with the counts from which anyone can compute the rest. ``grid_id``: what
    the grid is called, if not by its public id."""
    bounds = [f"{key}_{end}" for key in SHARES for end in ("low", "high")]
    heads = ["grid", str(report.choice.by), "correct", "hallucinated", "abstained", "n", "prompts",
             *MEASURES, *bounds, *OUTSIDE]  # fmt: skip
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows(_row(report, line, grid_id) for line in report.lines)
    return "\ufeff" + buffer.getvalue()


def _row(report: Report, line: Line, grid_id: str) -> list[str]:
    counts = line.counts
    numbers: list[float | None] = [
        counts.correct, counts.hallucinated, counts.abstained, counts.n, line.prompts,
        *(measure.of(counts) for measure in MEASURES.values()),
        *(end for label in SHARES.values() for end in line.interval(label) or (None, None)),
        *(getattr(line.outside, name) for name in OUTSIDE),
    ]  # fmt: skip
    texts = [safe_cell(grid_id or report.grid.public_id), safe_cell(line.name)]
    return texts + ["" if number is None else str(number) for number in numbers]


def measures_markdown(report: Report) -> str:
    heads = [str(report.choice.by), "C", "H", "A", "n"]
    heads += [f"{MEASURES[key].name} ({MEASURES[key].formula})" for key in SHOWN]
    return _escaped_table(heads, [_markdown_row(line) for line in report.lines])


def _markdown_row(line: Line) -> list[str]:
    counts = line.counts
    found = [line.name, *map(str, (counts.correct, counts.hallucinated, counts.abstained))]
    found.append(str(counts.n))
    for key in SHOWN:
        value = measured(MEASURES[key].of(counts), MEASURES[key].unit)
        interval = line.interval(SHARES[key]) if key in SHARES else None
        found.append(f"{value} ({shares(interval)})" if interval else value)
    return found


def effects_markdown(effects: Iterable[Effect]) -> str:
    heads = ["Model", "From → to", "Before", "After", "Change, points (95%)", "Prompts", "p (Holm)"]
    rows = []
    for it in effects:
        points_ = points(it.change.mean) if it.change else "–"
        if between := change_interval(it.change):
            points_ += f" ({between})"
        p = "–" if it.adjusted is None else p_value(it.adjusted)
        shares_ = map(percent, it.shares)
        step = f"{it.before} → {it.after}"
        rows.append([it.where, step, *shares_, points_, str(it.prompts), p])
    return _escaped_table(heads, rows)


def _escaped_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return markdown_table(map(escape, heads), ([escape(cell) for cell in row] for row in rows))


def markdown_table(
    heads: Iterable[str], rows: Iterable[Sequence[str]], *, numbers: bool = True
) -> str:
    """Of cells that are escaped already. The first column is text; are the others ``numbers``?"""
    heads = list(heads)
    align = ["---", *["---:" if numbers else "---"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, align, *rows)) + "\n"


_MARKS = re.compile(r"[\\|`*_\[\]<>~&]")
_ADDRESS = re.compile(r"(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)
_NAMED = re.compile(r"([@#])(?=\w)")
JOINER = "\u2060"  # has no width, and is no part of a name


def escape(text: str) -> str:
    """Text in one line that stays text: no emphasis, no markup, no picture, no link, nobody named,
    in Markdown and in what GitHub makes of it."""
    text = _MARKS.sub(r"\\\g<0>", " ".join(text.split()))
    return _NAMED.sub(rf"\1{JOINER}", _ADDRESS.sub(r"\\\g<0>", text))
