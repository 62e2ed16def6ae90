"""What SQLite and Postgres say differently, as functions of SQLAlchemy."""

import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Boolean

from app.tables import Json


class json_elements(GenericFunction[str]):  # noqa: N801 - like all functions of SQL
    """A table of the texts in a JSON list; its column is ``value``."""

    inherit_cache = True


@compiles(json_elements)
def _json_elements(element: Any, compiler: Any, **options: Any) -> str:
    postgres = compiler.dialect.name == "postgresql"
    name = "jsonb_array_elements_text" if postgres else "json_each"
    return f"{name}({compiler.process(element.clauses, **options)})"


class is_like(GenericFunction[bool]):  # noqa: N801
    """LIKE, whatever the case of letters: on SQLite only of ASCII letters. % and _ stand for
    themselves after a backslash."""

    type = Boolean()
    inherit_cache = True


@compiles(is_like)
def _is_like(element: Any, compiler: Any, **options: Any) -> str:
    # SQLite's LIKE is that already; lower() on both sides, as in ilike(), takes thrice the time.
    operator = "ILIKE" if compiler.dialect.name == "postgresql" else "LIKE"
    column, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} {operator} {pattern} ESCAPE '\\')"


def contains(column: Any, q: str) -> ColumnElement[bool]:
    """Whether a text has this in it, whatever the case of letters."""
    # SQLite knows upper and lower case of ASCII only.
    forms = {_ascii_lower(form) for form in (q, q.lower(), q.upper(), q.capitalize(), q.title())}
    patterns = ["%" + re.sub(r"([\\%_])", r"\\\1", form) + "%" for form in sorted(forms)]
    return or_(*(is_like(column, pattern) for pattern in patterns))


def _ascii_lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


class depending(GenericFunction[bool]):  # noqa: N801
    """The first of two conditions on SQLite, the second on Postgres: for what means the same and
    is slow on the other one."""

    type = Boolean()
    inherit_cache = True


@compiles(depending)
def _depending(element: Any, compiler: Any, **options: Any) -> str:
    on_sqlite, on_postgres = element.clauses
    chosen = on_postgres if compiler.dialect.name == "postgresql" else on_sqlite
    return f"({compiler.process(chosen, **options)})"


def among(column: Any, values: Collection[str]) -> ColumnElement[bool]:
    """Whether a text is one of very many: they are sent as one value."""
    elements = json_elements(bindparam(None, list(values), Json())).table_valued("value")
    condition: ColumnElement[bool] = column.in_(select(elements.c.value))
    return condition
