"""Rows of a file that cannot be imported, as a file: to be put right and imported."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from app.exports import safe_cell
from app.imports.exporting import in_lines
from app.imports.mapping import NOTE_COLUMNS


class BadRow(NamedTuple):
    """One row: what was given of it by column, or else how it stands in the file (``raw``)."""

    line: int
    problem: str
    given: dict[str, Any]
    raw: str


def bad_rows_csv(rows: Iterable[BadRow], columns: Sequence[str]) -> Iterator[str]:
    """As CSV, each with its line and the reason."""
    columns = [column for column in columns if column not in NOTE_COLUMNS]
    yield "\ufeff" + _line([*NOTE_COLUMNS[:2], *columns, NOTE_COLUMNS[2]])
    for row in rows:
        cells = [_cell(row.given.get(column)) for column in columns]
        yield _line([str(row.line), row.problem, *cells, row.raw])


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow([safe_cell(cell) for cell in cells])
    return buffer.getvalue()


def _cell(value: Any) -> str:
    return in_lines(value) if isinstance(value, list) else value or ""
