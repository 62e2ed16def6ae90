"""A grid in one HTML file: it opens from a disk, asks nobody for anything, and needs no script.

Heads and rows are those of the page; the answers stand below, each shown when its chip is followed.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from markupsafe import Markup
from sqlmodel import col, select

from app.db import ROOT
from app.exports.rows import Export, without_nul
from app.grid.answer import AnswerView
from app.grid.chips import Chip
from app.grid.queries import load_rows
from app.grid.shape import Shape, load_shape
from app.grid.view import Cell, Column, GridRow
from app.results.choice import Choice
from app.results.pictures import pictures
from app.results.report import load_report
from app.reviewing.labels import labels_of
from app.sharing.hiding import Shown
from app.tables import Answer, Attempt, Label, Prompt, Reviewer, now

STYLES = ("base", "grid", "chips", "drawer", "figures", "results", "file")
ROWS = 20  # read at once
SAMPLE = 10  # rows by which its size is guessed
PICTURES = ("bars", "square", "slopes")  # those that say most


@dataclass(frozen=True, slots=True)
class Detail:
    """One answer whole, as far as it may be seen, by the names that templates have for it."""

    chip: Chip
    column: Column
    prompt: Prompt
    number: int  # of the row
    attempt: Attempt | None
    labels: list[tuple[Label, Reviewer]]


def read(shown: Shown, view: AnswerView, number: int) -> Detail:
    """The same of one answer that was loaded alone; ``number``: of its row."""
    return Detail(
        shown.chip(view.chip),
        view.column,
        shown.prompt(view.prompt, number),
        number,
        shown.attempt(view.attempt),
        shown.labels(view.labels),
    )


def export_html(
    render: Callable[..., Iterator[str]], export: Export, shape: Shape | None = None
) -> Iterator[str]:
    """``render``: the stream of a template, given its name and values; ``shape``: the rows, if not
    all."""
    shown = export.shown
    shape = shape or _shape(export)
    report = load_report(export.session, export.grid, Choice())
    style = "\n".join(_static(f"css/{name}.css") for name in STYLES)
    script = _static("js/file.js")
    drawn = {
        name: picture
        for name, picture in shown.pictures(pictures(report)).items()
        if name.partition("-")[0] in PICTURES
    }
    practice = [export.is_practice(column.model) for column in shape.columns]
    pieces = render(
        "pages/file.html",
        grid=shown,
        shape=shape,
        look=shape.look,
        about=export.about,
        report=report,
        pictures=drawn,
        rows=(row for rows in _rows(export, shape) for row in rows),
        details=(detail for rows in _rows(export, shape) for detail in _details(export, rows)),
        practice=any(practice),
        only_practice=all(practice),
        imported=export.imported,
        made=now(),
        style=Markup(f"<style>{style}</style>"),  # noqa: S704 (our own files)
        script=Markup(f"<script>{script}</script>"),  # noqa: S704
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " base-uri 'none'; form-action 'none'",
    )
    yield from map(without_nul, pieces)


def html_size(render: Callable[..., Iterator[str]], export: Export) -> int:
    """About how many bytes that would be, by some of its rows."""
    shape = _shape(export)
    every = max(len(shape.rows) // SAMPLE, 1)
    some = [shape.rows[: n * every : every] for n in (SAMPLE // 2, SAMPLE)]
    few, more = (
        sum(len(it.encode()) for it in export_html(render, export, replace(shape, rows=rows)))
        for rows in some
    )
    fewer, most = map(len, some)
    per_row = (more - few) / (most - fewer) if most > fewer else 0
    return round(more + per_row * (len(shape.rows) - most))


def _shape(export: Export) -> Shape:
    return load_shape(export.session, export.grid, export.look.with_(fold=frozenset()))


def _static(name: str) -> str:
    return (ROOT / "static" / name).read_text("utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what may stand in the page."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _rows(export: Export, shape: Shape) -> Iterator[list[GridRow]]:
    for first in range(1, len(shape.rows) + 1, ROWS):
        rows = load_rows(export.session, shape, first, first + ROWS - 1)
        yield export.shown.rows(rows)


def _details(export: Export, rows: list[GridRow]) -> Iterator[Detail]:
    cells = [
        (row, cell, chip)
        for row in rows
        for cell in row.cells
        if isinstance(cell, Cell)
        for chip in cell.chips
    ]
    session = export.session
    prompts = [row.prompt.id for row in rows]
    statement = (
        select(Attempt)
        .join(Answer, col(Answer.attempt_id) == col(Attempt.id))
        .where(col(Answer.grid_id) == export.grid.id, col(Answer.prompt_id).in_(prompts))
    )
    attempts = {attempt.answer_id: attempt for attempt in session.exec(statement)}
    labels = labels_of(session, [chip.id for _, _, chip in cells])
    for row, cell, chip in cells:
        yield Detail(
            chip,
            cell.column,
            row.prompt,
            row.number,
            export.shown.attempt(attempts.get(chip.id)),
            export.shown.labels(labels.get(chip.id, [])),
        )
    session.expunge_all()  # what is written out is not kept in memory
    export.advance(len(cells))
