"""Exports as others read them."""

import csv
import io
from pathlib import Path
from typing import Any

from sqlmodel import Session

from app.db import Database
from app.exports.rows import Export, open_export
from app.grids import recent_grids
from app.reviewing.labels import decide, get_reviewer, set_label
from app.tables import Grid, LabelValue
from tests.factories import answers_of, finish, new_grid

KEY = "sk-live-0123456789-of-nobody"
TRICKY = 'He said, "1",\nthen:\r\n=1+1; 🦜 שלום'


def read_csv(text: str) -> list[dict[str, str]]:
    assert text[0] == "\ufeff"  # by which spreadsheets know that it is UTF-8
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def undone(cell: str) -> str:
    """What was meant by a cell that no spreadsheet runs."""
    return cell.removeprefix("'")


def open_newest(session: Session, **options: Any) -> Export:
    grid = recent_grids(session, 1)[0][0]
    return open_export(session, grid, "http://here", frozenset({"practice"}), **options)


def exported_text(database: Database, make: Any, **options: Any) -> str:
    with database.read() as session:
        return "".join(make(open_newest(session, **options)))


def small_grid(session: Session, **changes: Any) -> Grid:
    """Four answers: two reviewers who differ and one who decides, a history, nothing labelled."""
    grid = new_grid(session, title="=Ds & more", **changes)
    for answer in answers_of(session, grid):
        finish(session, answer, TRICKY)
    first, second, third, _ = answers_of(session, grid)
    ada, bob = get_reviewer(session, "Ada"), get_reviewer(session, "=Bob")
    set_label(session, first.id, ada, LabelValue.hallucinated, "+1", tags=["hedged", "partial"])
    set_label(session, first.id, bob, LabelValue.correct)
    set_label(session, second.id, ada, LabelValue.abstained)
    set_label(session, second.id, ada, LabelValue.correct)
    set_label(session, third.id, bob, None, tags=["unverifiable"])
    decide(session, first.id, ada, LabelValue.abstained)
    return grid


def duckdb_rows(path: Path) -> list[dict[str, Any]]:
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute("SELECT * FROM read_csv(?, all_varchar=true)", [str(path)])
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
