"""A grid in one HTML file: it opens from a disk, asks nobody for anything, and needs no script.

Heads and rows are those of the page; the answers stand below, each shown when its chip is followed.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markupsafe import Markup
from sqlmodel import col, select

from app.chips import Chip
from app.db import ROOT
from app.exports.rows import Export, without_nul
from app.gridqueries import load_rows
from app.gridshape import Shape, load_shape
from app.gridview import Cell, Column, GridRow
from app.labels import labels_of
from app.results.choice import Choice
from app.results.pictures import pictures
from app.results.report import load_report
from app.tables import Answer, Attempt, Label, Prompt, Reviewer, now

STYLES = ("base", "grid", "chips", "drawer", "figures", "results", "file")
ROWS = 20  # read at once
PICTURES = ("bars", "square", "slopes")  # those that say most


@dataclass(frozen=True, slots=True)
class Detail:
    """One answer whole, by the names that the macros of the drawer have."""

    chip: Chip
    column: Column
    prompt: Prompt
    number: int  # of the row
    attempt: Attempt | None
    labels: list[tuple[Label, Reviewer]]


def export_html(render: Callable[..., Iterator[str]], export: Export) -> Iterator[str]:
    """``render``: the stream of a template, given its name and values."""
    look = export.look.with_(fold=frozenset())
    shape = load_shape(export.session, export.grid, look)
    report = load_report(export.session, export.grid, Choice())
    style = "\n".join(_static(f"css/{name}.css") for name in STYLES)
    script = _static("js/file.js")
    drawn = {
        name: picture
        for name, picture in pictures(report).items()
        if name.partition("-")[0] in PICTURES
    }
    practice = [export.is_practice(column.model) for column in shape.columns]
    pieces = render(
        "pages/file.html",
        grid=export.grid,
        shape=shape,
        look=look,
        about=export.about,
        report=report,
        pictures=drawn,
        rows=(row for rows in _rows(export, shape) for row in rows),
        details=(detail for rows in _rows(export, shape) for detail in _details(export, rows)),
        practice=any(practice),
        only_practice=all(practice),
        origin=export.origin,
        made=now(),
        style=Markup(f"<style>{style}</style>"),  # noqa: S704 (our own files)
        script=Markup(f"<script>{script}</script>"),  # noqa: S704
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " base-uri 'none'; form-action 'none'",
    )
    yield from map(without_nul, pieces)


def _static(name: str) -> str:
    return (ROOT / "static" / name).read_text("utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what may stand in the page."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _rows(export: Export, shape: Shape) -> Iterator[list[GridRow]]:
    for first in range(1, len(shape.rows) + 1, ROWS):
        yield load_rows(export.session, shape, first, first + ROWS - 1)


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
            attempts.get(chip.id),
            labels.get(chip.id, []),
        )
    session.expunge_all()  # what is written out is not kept in memory
