"""Lines of a file that cannot be imported, with their cells: to be put right and imported."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from app.imports.answers.stage import Stage, staged
from app.imports.badrows import BadRow
from app.imports.encoding import visible
from app.imports.mapping import original_cell
from app.imports.tables import Record

_BAD = (
    "SELECT line FROM problem WHERE bad"
    " UNION SELECT line FROM held WHERE status IN ('bad', 'changed')"
)
_NOT_IMPORTED = (
    "SELECT p.line, p.text, coalesce(g.cells, '{}'), p.raw FROM problem p LEFT JOIN given g"
    " ON g.line = p.line WHERE p.bad ORDER BY p.number"
)
_NOT_ADDED = (
    "SELECT h.line, h.problem, coalesce(g.cells, '{}'), coalesce(g.raw, '') FROM held h"
    " LEFT JOIN given g ON g.line = h.line"
    " WHERE h.grid = ? AND h.status IN ('bad', 'changed') ORDER BY h.said"
)


def keep_cells(stage: Stage, records: Iterable[Record], *, escaped: bool) -> None:
    """Keep the cells of lines that are bad. ``escaped``: an apostrophe stands before what could be
    a formula, as in what we export.

    Which are bad is known once all was read, so the file is read again where any is.
    """
    lines = {line for (line,) in stage.db.execute(_BAD)}
    if not lines:
        return
    for record in records:
        if record.line in lines:
            cells = {name: _kept(value, escaped) for name, value in record.values.items()}
            row = (record.line, json.dumps(cells, ensure_ascii=False), record.raw)
            stage.db.execute("INSERT OR IGNORE INTO given VALUES (?, ?, ?)", row)


def bad_rows(rows: Path, into: str = "") -> Iterator[BadRow]:
    """The lines that cannot be imported, each with the reason; ``into``: that cannot be added to
    this grid, or differ from what it has."""
    with staged(rows) as stage:
        found = stage.db.execute(_NOT_ADDED, (into,)) if into else stage.db.execute(_NOT_IMPORTED)
        for line, problem, cells, raw in found:
            given = json.loads(cells)
            yield BadRow(line, problem, given, "" if given else raw)


def _kept(value: Any, escaped: bool) -> Any:
    if isinstance(value, list):
        return [visible(one) for one in value]
    return visible(original_cell(value) if escaped and value else value or "")
