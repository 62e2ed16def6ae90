"""All rows of one database into another, new one, whichever of SQLite and Postgres they are.

Rows travel as they are stored, not as the program sees them: an enum as its word and JSON as its
text, so that a null inside JSON and no JSON at all stay two things. Of Postgres comes along what it
keeps itself: it sorts the keys of a JSON object.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    ColumnElement,
    Connection,
    Enum,
    Row,
    Select,
    String,
    Table,
    TableClause,
    Text,
    cast,
    collate,
    column,
    func,
    insert,
    select,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from app import tables
from app.db import Database, revisions
from app.errors import BluffcheckError, Conflict, InvalidInput, SettingsError
from app.people import tables as peopletables  # noqa: F401  (all tables are copied)
from app.prompts import ship
from app.settings import IN_MEMORY, usable_url, without_password

BATCH = 100  # rows; up to four batches are in memory at a time, and texts may be long
Rows = Sequence[Row[Any]]
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Copied:
    """How many rows of one table were written, and how many were read again and compared."""

    table: str
    rows: int
    checked: int


def copy_database(source: str, target: str, started: Callable[[int], Advance]) -> list[Copied]:
    """Copy all rows, read all of them again, compare, commit: all in one transaction.

    ``started`` is told how many steps there are, and gives what is told of those that are done.
    Whatever ends it early leaves the target as it was, though with its tables. Raises
    BluffcheckError.
    """
    source_url, target_url = database_url(source), database_url(target)
    if source_url == target_url:
        raise InvalidInput(f"{name_of(source_url)} cannot be copied to itself.")
    with _telling(f"Cannot open {name_of(source_url)}"):
        if source_url.get_backend_name() == "sqlite" and not Path(name_of(source_url)).is_file():
            raise InvalidInput(f"There is no database {name_of(source_url)}.")
    with ExitStack() as opened:
        old = opened.enter_context(_held(source_url))
        _refuse_other_revision(old, name_of(source_url))
        new = opened.enter_context(_held(target_url))
        _set_up(new, name_of(target_url))
        writing = opened.enter_context(new.write())
        reading = opened.enter_context(old.read())
        copied = _copy_tables(reading.connection(), writing.connection(), started)
        with _telling(f"{name_of(target_url)} did not keep the copy"):
            writing.commit()
    return copied


def _copy_tables(
    source: Connection, target: Connection, started: Callable[[int], Advance]
) -> list[Copied]:
    found = SQLModel.metadata.sorted_tables  # each after those that it points at
    _empty(target, found)
    with _telling("The source cannot be read"):
        count = sum(source.scalar(select(func.count()).select_from(t)) or 0 for t in found)
    advance = started(2 * count)
    written = [_copy_rows(source, target, table, advance) for table in found]
    checked = [_check_rows(source, target, table, advance) for table in found]
    with _telling("The target cannot be made ready for new rows"):
        for table in found:
            _set_sequence(target, table)
    return [Copied(t.name, *n) for t, *n in zip(found, written, checked, strict=True)]


def _copy_rows(source: Connection, target: Connection, table: Table, advance: Advance) -> int:
    done = 0

    def counted(batches: Iterator[Rows]) -> Iterator[Rows]:
        nonlocal done
        for batch in batches:
            yield batch
            done += len(batch)
            advance(len(batch))

    with (
        _telling(f"Table {table.name} cannot be copied, and nothing was"),
        _batches(source, table) as batches,
    ):
        _insert(target, table, counted(batches))
    return done


def _check_rows(source: Connection, target: Connection, table: Table, advance: Advance) -> int:
    done = 0
    with (
        _telling(f"Table {table.name} cannot be checked, and nothing was copied"),
        _batches(source, table) as written,
        _batches(target, table) as arrived,
    ):
        for ours, theirs in zip_longest(written, arrived, fillvalue=()):
            for one, other in zip_longest(ours, theirs):
                if one != other and (wrong := _differences(table, one, other)):
                    raise Conflict(
                        f"The copy differs in table {table.name}, row {_key(table, one or other)}:"
                        f" {wrong}. Nothing was copied."
                    )
            done += len(theirs)
            advance(len(theirs))
    return done


def database_url(text: str) -> URL:
    """A database URL, or the path of a SQLite file. Raises InvalidInput."""
    if "://" not in text:
        if not text.endswith(".db"):
            raise InvalidInput(
                f"{text!r} is neither the path of a .db file nor a database URL such as"
                " sqlite:///path or postgresql://user@host/name."
            )
        return URL.create("sqlite", database=str(Path(text).expanduser().absolute()))
    try:
        url = usable_url(text)
    except ValueError as exc:
        # Without the address: there may be a password in it.
        raise InvalidInput(f"One of the addresses cannot be used: {exc}.") from None
    if url.get_backend_name() != "sqlite":
        return url
    if url.database in IN_MEMORY:
        raise InvalidInput(f"{text} names no file.")
    return url.set(database=str(Path(str(url.database)).absolute()))


def name_of(url: URL) -> str:
    """A database as people know it, without a password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return without_password(url.set(drivername="postgresql"))


@contextmanager
def _held(url: URL) -> Iterator[Database]:
    """A database that no server uses meanwhile."""
    name = name_of(url)
    with _telling(f"Cannot open {name}"):
        database = Database(url.render_as_string(hide_password=False))
    with closing(database):
        try:
            with _telling(f"Cannot open {name}"):
                database.hold()
        except SettingsError:
            raise Conflict(f"{name} is in use by another Bluffcheck: stop that first.") from None
        yield database


def _refuse_other_revision(source: Database, name: str) -> None:
    """Somebody's only copy is not changed by the way: the server may, when they start it."""
    with _telling(f"Cannot read {name}"):
        revision, known = source.revision(), revisions()
    if revision is None:
        raise Conflict(f"{name} holds no data of Bluffcheck.")
    if revision not in known:
        raise Conflict(
            f"{name} comes from a newer Bluffcheck (its tables are at {revision}): copy it with"
            " that one."
        )
    if revision != known[0]:
        raise Conflict(
            f"{name} comes from an older Bluffcheck (its tables are at {revision}, and should be"
            f" at {known[0]}): start the server on it once, which updates it, and copy it then."
        )


def _set_up(target: Database, name: str) -> None:
    with _telling(f"Cannot set up {name}"):
        if target.revision() not in (None, *revisions()):
            raise Conflict(f"{name} comes from a newer Bluffcheck: copy into another database.")
        target.migrate()


def _empty(target: Connection, found: Sequence[Table]) -> None:
    """Take away what was shipped: the source has its own. Refuse if there is anything else.

    What is shipped is seen in a new database. Numbers and times of rows differ in each.
    """
    with (
        _telling("The target cannot be emptied"),
        TemporaryDirectory() as folder,
        closing(Database(f"sqlite:///{folder}/new.db")) as new,
    ):
        SQLModel.metadata.create_all(new.writer)
        with new.write() as session:
            ship(session)
            session.flush()
            for table in reversed(found):
                told = [
                    c.name
                    for c in table.columns
                    if c is not table.autoincrement_column
                    and (c.nullable or not isinstance(c.type, UTCDateTime))
                ]
                shipped = session.connection().execute(_reading("sqlite", table)).all()
                there = _reading(target.dialect.name, table).limit(len(shipped) + 1)
                for row in target.execute(there):
                    if all(_differences(table, one, row, told) for one in shipped):
                        raise Conflict(
                            f"The target is in use already (table {table.name}): copy into a new or"
                            " empty database."
                        )
                target.execute(table.delete())


def _is_json(table: Table, name: str) -> bool:
    kind = table.c[name].type
    return isinstance(kind, JSON | tables.Json)


def _reading(dialect: str, table: Table) -> Select[Any]:
    """All rows, as stored, in an order that is the same everywhere."""

    def stored(name: str) -> ColumnElement[Any]:
        if _is_json(table, name):  # Postgres would parse it
            plain = cast if dialect == "postgresql" else type_coerce
            return plain(table.c[name], Text).label(name)
        if isinstance(table.c[name].type, Enum):
            return type_coerce(table.c[name], String).label(name)
        return table.c[name]

    def ordered(key: ColumnElement[Any]) -> ColumnElement[Any]:
        # SQLite goes by bytes, Postgres by its locale unless told.
        is_text = isinstance(key.type, String | AutoString)  # an Enum is a String too
        return collate(key, "C") if is_text and dialect == "postgresql" else key

    return select(*(stored(c.name) for c in table.columns)).order_by(
        *(ordered(key) for key in table.primary_key)
    )


@contextmanager
def _batches(connection: Connection, table: Table) -> Iterator[Iterator[Rows]]:
    statement = _reading(connection.dialect.name, table)
    with connection.execute(statement, execution_options={"yield_per": BATCH}) as result:
        yield result.partitions()


def _insert(target: Connection, table: Table, batches: Iterator[Rows]) -> None:
    names = [c.name for c in table.columns]
    if target.dialect.name == "postgresql":
        quote = target.dialect.identifier_preparer.quote
        columns = ", ".join(map(quote, names))
        driver: Any = target.connection.driver_connection
        try:
            with (
                driver.cursor() as cursor,
                cursor.copy(f"COPY {quote(table.name)} ({columns}) FROM STDIN") as copy,
            ):
                for batch in batches:
                    for row in batch:
                        copy.write_row(row)
        except target.dialect.loaded_dbapi.Error as exc:
            # As SQLAlchemy would have told it. The driver, of an extra, may not be imported above.
            raise DBAPIError(None, None, exc) from exc
        return
    kinds = [
        Text() if _is_json(table, n) or isinstance(table.c[n].type, Enum) else table.c[n].type
        for n in names
    ]
    statement = insert(
        TableClause(table.name, *(column(n, k) for n, k in zip(names, kinds, strict=True)))
    )
    for batch in batches:
        target.execute(statement, [row._asdict() for row in batch])


def _set_sequence(target: Connection, table: Table) -> None:
    """Let the next row get the number after the last. SQLite looks for it by itself."""
    number = table.autoincrement_column
    if number is None or target.dialect.name != "postgresql":
        return
    quoted = target.dialect.identifier_preparer.quote(table.name)
    sequence = func.pg_get_serial_sequence(quoted, number.name)
    target.execute(select(func.setval(sequence, func.coalesce(func.max(number) + 1, 1), False)))


def _differences(
    table: Table, one: Row[Any] | None, other: Row[Any] | None, names: Sequence[str] = ()
) -> str:
    """In which columns two rows differ, in words; empty when in none."""
    if one is None or other is None:
        return "it is missing" if other is None else "it should not be there"
    columns = [c.name for c in table.columns]
    wrong = [
        name
        for name, a, b in zip(columns, one, other, strict=True)
        if a != b
        and (name in names or not names)
        and not (_is_json(table, name) and None not in (a, b) and _parsed(a) == _parsed(b))
    ]
    return ", ".join(wrong)


def _parsed(text: str) -> Any:
    """JSON with its numbers as they are: Postgres writes 1e+30 with all its zeros."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def _key(table: Table, row: Row[Any] | None) -> str:
    values = row._asdict() if row is not None else {}
    return ", ".join(f"{key.name} {values[key.name]}" for key in table.primary_key)


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Turn what a database or the disk says into a sentence."""
    try:
        yield
    except BluffcheckError:
        raise
    except (OSError, DBAPIError, ValueError) as exc:
        raise Conflict(f"{what}: {_reason(exc)}") from exc


def _reason(exc: Exception) -> str:
    said = getattr(exc, "orig", None) or exc
    told: Any = getattr(said, "diag", None)  # by Postgres
    if told is not None and told.message_primary:
        # Its context repeats the row, which does not belong into a terminal; the place does.
        place = re.search(
            r"^COPY \S+, (line \d+(?:, column [^:]+)?)", told.context or "", re.MULTILINE
        )
        return str(told.message_primary) + (f" ({place[1]})" if place else "")
    return " ".join(str(said).split())
