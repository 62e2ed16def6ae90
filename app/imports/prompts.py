"""The dry run of an import, and the one transaction that does what it said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from app.db import Database
from app.errors import Conflict, InvalidInput
from app.imports import staging
from app.imports.badrows import BadRow
from app.imports.encoding import visible
from app.imports.mapping import Mapping, recognise
from app.imports.reading import Source, columns_of, open_source
from app.imports.staging import Row, Status, library_state, opened, stage, weight
from app.tables import Answerable, Prompt, now

SHOWN = 20  # rows
LISTED = 100  # problems and warnings
STALE = "The library has changed since this was checked."


@dataclass
class Choices:
    """What a person says of a file; what is empty or None is found out."""

    format: str = ""
    header: bool = True
    columns: dict[str, str] | None = None  # to fields
    separator: str | None = None
    tags: str | None = None
    source: str | None = None
    answerable: str | None = None


@dataclass
class DryRun:
    """What importing a file would do."""

    format: str
    title: str
    encoding: str
    notes: list[str]
    mapping: Mapping
    samples: dict[str, str]  # of each column
    counts: dict[str, int]
    state: list[Any] = field(default_factory=list)  # of the library that it was held against
    problem: str = ""  # why no row was looked at

    @property
    def importable(self) -> int:
        return self.counts["new"] + self.counts["changed"]


@dataclass(frozen=True)
class Listing:
    """Some rows out of what a dry run found."""

    first: list[Row]
    problems: list[Row]
    warnings: list[Row]


def dry_run(session: Session, path: Path, name: str, choices: Choices, rows: Path) -> DryRun:
    """Read the file and write to ``rows`` what each of its rows would do.

    Raises InvalidInput where it cannot be read. Where its columns make no prompts, that is the
    ``problem`` of what is found: a person can say what they are.
    """
    source, sample, mapping = _look_at(path, name, choices)
    notes = [source.encoding.warning] if source.encoding.warning else []
    title = source.encoding.title
    found = DryRun(source.format, source.title, title, notes, mapping, sample, {})
    try:
        mapping.check()
    except InvalidInput as exc:
        found.problem = str(exc)
        found.counts = dict.fromkeys([*Status, "warnings"], 0)
        rows.unlink(missing_ok=True)
        return found
    found.state = library_state(session)
    stage(session, source, mapping, rows)
    with opened(rows) as staged:
        found.counts = staging.count(staged)
    return found


def with_columns(path: Path, choices: Choices, told: Sequence[str]) -> dict[str, str]:
    """What is recognised of the columns, but for those that are told as “name:field”.

    Raises InvalidInput.
    """
    columns = dict(_look_at(path, path.name, choices)[2].columns)
    for one in told:
        name, colon, field_name = one.rpartition(":")
        if not colon or name not in columns:
            raise InvalidInput(
                f"“{one}” is not NAME:FIELD with the name of a column: {', '.join(columns)}."
            )
        columns[name] = field_name
        if field_name == "text":  # which another column was taken for
            columns |= {c: "" for c, f in columns.items() if f == "text" and c != name}
    return columns


def _look_at(path: Path, name: str, choices: Choices) -> tuple[Source, dict[str, str], Mapping]:
    """How the file is read, a value of each column, what the columns are. Raises InvalidInput."""
    source = open_source(path, name, choices.format, header=choices.header)
    sample = source.sample()
    columns = columns_of(sample)
    if not columns:
        raise InvalidInput(f"None of it could be read. Line {sample[0].line}: {sample[0].problem}.")
    values = {
        column: next((v for r in sample if (v := shown_value(r.values.get(column)))), "")
        for column in columns
    }
    mapping = recognise(source, columns)
    if choices.columns is None or set(choices.columns) == set(columns):
        mapping.columns = {c: (choices.columns or mapping.columns)[c] for c in columns}
        for name in ("separator", "tags", "source", "answerable"):
            if (said := getattr(choices, name)) is not None:
                setattr(mapping, name, said)
    return source, values, mapping


def listing(rows: Path) -> Listing:
    if not rows.exists():
        return Listing([], [], [])
    with opened(rows) as found:
        return Listing(
            list(staging.rows(found, "status != 'bad'", SHOWN)),
            list(staging.rows(found, staging.BAD, LISTED)),
            list(staging.rows(found, staging.WARNED, LISTED)),
        )


def import_prompts(database: Database, rows: Path, state: list[Any]) -> list[Row]:
    """Do what the dry run said, in one transaction; the first prompts that are new.

    Raises Conflict, and has done nothing, where the library has changed since.
    """
    imported_at = now()
    with opened(rows) as found, database.write() as session:
        database.take_turns(session, "import of prompts")  # or two bring the same file at once
        if library_state(session) != state:
            raise Conflict(STALE)
        todo = staging.rows(found, staging.IMPORTED)
        try:
            for batch in _batches(todo):
                session.execute(
                    insert(Prompt),
                    [
                        {
                            "key": row.key,
                            "version": row.version,
                            "created_at": imported_at,
                            **row.prompt,
                            "answerable": Answerable(row.prompt["answerable"]),
                        }
                        for row in batch
                    ],
                )
            session.commit()
        except IntegrityError:
            raise Conflict(STALE) from None
        return list(staging.rows(found, staging.NEW, SHOWN))


def refuse_bad(found: DryRun, rows: Path, instead: str) -> None:
    """Raises InvalidInput where a row is bad: whoever wants the others says so."""
    bad = found.counts["bad"]
    if bad:
        first = listing(rows).problems[0]
        raise InvalidInput(
            f"{bad:,} {'row' if bad == 1 else 'rows'} cannot be imported, so nothing was: line"
            f" {first.line}: {first.problem}. To import the others, {instead}."
        )


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Not too many at a time, and not too long ones."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += weight(row.prompt)
        if len(batch) == staging.BATCH or size > staging.BATCH_SIZE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def archive_new(database: Database, rows: Path) -> int:
    """Take what an import added out of the library again; how many prompts that were."""
    with opened(rows) as found, database.write() as session:
        new = (row.key for row in staging.rows(found, staging.NEW))
        archived = 0
        while keys := list(islice(new, staging.BATCH)):
            there = (col(Prompt.key).in_(keys), col(Prompt.archived_at).is_(None))
            result = session.execute(update(Prompt).where(*there).values(archived_at=now()))
            archived += result.rowcount  # type: ignore[attr-defined]
        session.commit()
        return archived


def keys_of(rows: Path) -> list[str]:
    """The prompts that a file held once it is imported: those that are new, changed or the same."""
    with opened(rows) as found:
        return [row.key for row in staging.rows(found, staging.IN_LIBRARY)]


def bad_rows(rows: Path) -> Iterator[BadRow]:
    """The rows that cannot be imported, each with the reason."""
    with opened(rows) as found:
        for row in staging.rows(found, staging.BAD):
            yield BadRow(row.line, row.problem, row.given, row.raw)


def shown_value(value: Any) -> str:
    """The beginning of a cell, to know a column by."""
    text = visible(" · ".join(value) if isinstance(value, list) else value or "")
    return text if len(text) <= 80 else text[:79] + "…"
