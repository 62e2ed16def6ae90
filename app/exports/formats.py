"""What a grid can be exported as, with numbers of rows and about how large the files are."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from sqlmodel import col, select

from app.exports.archive import LEVEL, export_zip
from app.exports.csv import answers_csv, labels_csv
from app.exports.html import export_html, html_size
from app.exports.jsonl import export_jsonl
from app.exports.markdown import export_markdown
from app.exports.rows import Export
from app.tables import Answer, Label

SAMPLE = 200  # answers by which the size of a file is guessed
CSV = "text/csv; charset=utf-8"
Pieces = Iterator[str] | Iterator[bytes]
Render = Callable[..., Iterator[str]]


@dataclass(frozen=True, slots=True)
class Format:
    """``ending``: of the name of the file, where * stands for which answers it has."""

    file: str  # the end of its address
    title: str
    purpose: str
    ending: str
    media_type: str
    make: Callable[[Export], Pieces]
    filtered: bool = True  # whether "labelled only" means anything to it


@dataclass(frozen=True, slots=True)
class Offer:
    """``rows``: how many, in words; ``size``: about how many bytes."""

    format: Format
    rows: str
    size: int


def formats(render: Render) -> dict[str, Format]:
    """All by the ends of their addresses. ``render``: the stream of a template."""
    found = [
        Format(
            "export.html",
            "Web page",
            "One file with the grid, its answers and the results. It opens in any browser, without"
            " a network: to send, or to keep.",
            ".html",
            "text/html; charset=utf-8",
            partial(export_html, render),
            filtered=False,
        ),
        Format(
            "export.csv",
            "CSV, a row per answer",
            "Every text, number and label, for a spreadsheet or a script.",
            "*.csv",
            CSV,
            answers_csv,
        ),
        Format(
            "labels.csv",
            "CSV, a row per label",
            "Who said what of which answer, for agreement between reviewers.",
            "*-labels.csv",
            CSV,
            labels_csv,
        ),
        Format(
            "export.jsonl",
            "JSONL, complete",
            "Every attempt and the history of labels, nothing summed up. Its last line has a hash"
            " of the content.",
            "*.jsonl",
            "application/x-ndjson",
            export_jsonl,
        ),
        Format(
            "export.md",
            "Markdown",
            "What was asked and what came of it, as tables, for a post or an issue.",
            ".md",
            "text/markdown; charset=utf-8",
            export_markdown,
            filtered=False,
        ),
        Format(
            "export.zip",
            "ZIP of all",
            "Both CSVs, JSONL and Markdown, the measures, the figures as SVG, and what every column"
            " means.",
            "*.zip",
            "application/zip",
            export_zip,
        ),
    ]
    return {format_.file: format_ for format_ in found}


def offers(render: Render, export: Export) -> list[Offer]:
    n, labels = len(export.ids), _count_labels(export)
    answers = f"{n:,} answer{'' if n == 1 else 's'}"
    words = {"labels.csv": f"{labels:,} label{'' if labels == 1 else 's'}", "export.md": ""}
    known = formats(render)
    sizes = _sizes(render, export, known)
    return [Offer(it, words.get(name, answers), sizes[name]) for name, it in known.items()]


def encoded(pieces: Pieces) -> Iterator[bytes]:
    for piece in pieces:
        yield piece.encode() if isinstance(piece, str) else piece


def file_name(export: Export, format_: Format, *, labelled: bool = False) -> str:
    ending = format_.ending.replace("*", "-labelled" if labelled else "")
    version = f"-v{export.shown.snapshot.number}" if export.shown.snapshot else ""
    # The whole address of a share is a secret, and names of files are seen by many.
    name = export.shown.public_id[:6] if export.shown.shared else export.shown.public_id
    return f"bluffcheck-{name}{version}{ending}"


def _count_labels(export: Export) -> int:
    """Of the answers that are exported."""
    labelled = select(Label.answer_id).join(Answer, col(Answer.id) == col(Label.answer_id))
    found = export.session.exec(labelled.where(Answer.grid_id == export.grid.id))
    if not export.about:
        return sum(1 for _ in found)
    ids = set(export.ids)
    return sum(id_ in ids for id_ in found)


def _sizes(render: Render, export: Export, known: dict[str, Format]) -> dict[str, int]:
    """Of small files what they have, of large ones what a sample of their answers tells."""
    n = len(export.ids)
    if n <= SAMPLE:
        return {name: sum(map(len, encoded(it.make(export)))) for name, it in known.items()}
    # From all over the grid: the answers of its beginning are all of one kind.
    some = replace(export, ids=export.ids[:: n // SAMPLE])
    found = {}
    packed = 0
    for name in ("export.csv", "labels.csv", "export.jsonl"):
        head, *rest = encoded(known[name].make(some))
        body = b"".join(rest)
        found[name] = len(head) + len(body) * n // len(some.ids)
        packed += len(zlib.compress(body, LEVEL)) * n // len(some.ids)
    found["export.md"] = sum(map(len, encoded(known["export.md"].make(export))))
    found["export.html"] = html_size(render, export)
    return found | {"export.zip": packed + found["export.md"]}
