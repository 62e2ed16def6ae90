"""Databases that any released version left, with a row in every table it had, come along."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy
from fastapi.testclient import TestClient
from sqlalchemy import Column, Connection, MetaData
from sqlmodel import SQLModel

from app import tables
from app.db import revisions
from app.main import create_app
from app.settings import Settings
from tests.firstversion import LABELS_OF_0001, first_version

A_DAY = datetime(2026, 11, 1, tzinfo=UTC)
# OpenAI's two APIs changed names; test_database.py looks at what became of them.
RENAMED = {"0003": {"model", "provider"}}


def value_for(column: Column[Any], number: int) -> Any:
    """Something that the column takes, and that the program would have put there."""
    known = SQLModel.metadata.tables.get(column.table.name)
    known_type = known.c[column.name].type if known is not None and column.name in known.c else None
    if isinstance(known_type, sqlalchemy.Enum):
        return (known_type.enums or [""])[0]
    if isinstance(known_type, tables.Json | sqlalchemy.JSON):
        return []
    kind = column.type.python_type
    return {int: 1, float: 0.5, bool: False, datetime: A_DAY, date: A_DAY.date()}.get(
        kind, f"{column.name} {number}"
    )


def fill(connection: Connection) -> None:
    """Give each table a row that has none."""
    found = MetaData()
    found.reflect(connection)
    for number, table in enumerate(found.sorted_tables):
        empty = not connection.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table))
        if empty and table.name != "alembic_version":
            row = {c.name: value_for(c, number) for c in table.columns if not c.nullable}
            connection.execute(table.insert(), row)


def rows(connection: Connection, names: Sequence[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """All rows of these tables, or of all."""
    found = MetaData()
    found.reflect(connection)
    return {
        table.name: [dict(row) for row in connection.execute(table.select()).mappings()]
        for table in found.sorted_tables
        if table.name in names or (not names and table.name != "alembic_version")
    }


def values(held: Sequence[dict[str, Any]], columns: set[str]) -> list[str]:
    """What stands in these columns, in an order of its own."""
    return sorted(repr([row[c] for c in sorted(columns)]) for row in held)


def test_each_step_keeps_what_was_there(empty_url: str, tmp_path: Path) -> None:
    """Whoever comes from a version takes the steps after it, so each is taken with all data."""
    with closing(first_version(empty_url, *LABELS_OF_0001)) as database:
        before: dict[str, list[dict[str, Any]]] = {}
        for revision in reversed(revisions()):
            database.migrate(revision)
            with database.writer.connect() as connection, connection.begin():
                after = rows(connection, list(before))
                for name, held in before.items():
                    kept = set(held[0]) & set(after[name][0]) - RENAMED.get(revision, set())
                    assert values(after[name], kept) == values(held, kept), (revision, name)
                fill(connection)
                before = rows(connection)
                assert all(before.values()), revision
    with TestClient(
        create_app(Settings(database_url=empty_url, data_dir=tmp_path, discover=False))
    ):
        pass  # it starts, and reads all of that
