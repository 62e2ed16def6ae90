"""What a grid can be exported as, with numbers of rows and about how large the files are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sqlmodel import col, select

from app.exports.csv import answers_csv, labels_csv
from app.exports.jsonl import export_jsonl
from app.exports.rows import Export
from app.tables import Answer, Label

SAMPLE = 200  # answers by which the size of a file is guessed


@dataclass(frozen=True, slots=True)
class Format:
    """``rows``: how many, in words; ``size``: about how many bytes, None where nobody knows."""

    file: str  # the end of its address
    title: str
    purpose: str
    rows: str = ""
    size: int | None = None
    filtered: bool = True  # whether "labelled only" means anything to it


def formats(export: Export) -> list[Format]:
    n = len(export.ids)
    answers = f"{n:,} answer{'' if n == 1 else 's'}"
    labels = _count_labels(export)
    csv, per_label, jsonl = (
        _about_size(export, make) for make in (answers_csv, labels_csv, export_jsonl)
    )
    return [
        Format(
            "export.html",
            "Web page",
            "One file with the grid, its answers and the results. It opens in any browser, without"
            " a network: to send, or to keep.",
            answers,
            filtered=False,
        ),
        Format(
            "export.csv",
            "CSV, a row per answer",
            "Every text, number and label, for a spreadsheet or a script.",
            answers,
            csv,
        ),
        Format(
            "labels.csv",
            "CSV, a row per label",
            "Who said what of which answer, for agreement between reviewers.",
            f"{labels:,} label{'' if labels == 1 else 's'}",
            per_label,
        ),
        Format(
            "export.jsonl",
            "JSONL, complete",
            "Nothing left out: every attempt, request and response, and the history of labels. Its"
            " last line has a hash of the content.",
            answers,
            jsonl,
        ),
        Format(
            "export.md",
            "Markdown",
            "What was asked and what came of it, as tables, for a post or an issue.",
            filtered=False,
        ),
        Format(
            "export.zip",
            "ZIP of all",
            "Both CSVs, JSONL and Markdown, the measures, the figures as SVG, and what every column"
            " means.",
        ),
    ]


def _count_labels(export: Export) -> int:
    """Of the answers that are exported."""
    labelled = select(Label.answer_id).join(Answer, col(Answer.id) == col(Label.answer_id))
    found = export.session.exec(labelled.where(Answer.grid_id == export.grid.id))
    if not export.about:
        return sum(1 for _ in found)
    ids = set(export.ids)
    return sum(id_ in ids for id_ in found)


def _about_size(export: Export, make: Callable[[Export], Iterator[str]]) -> int:
    """By some answers from all over the grid: those of its beginning are all of one kind."""
    ids = export.ids
    step = max(len(ids) // SAMPLE, 1)
    some = replace(export, ids=ids[::step])
    head, *rest = (len(piece.encode()) for piece in make(some))
    return head + sum(rest) * len(ids) // max(len(some.ids), 1)
