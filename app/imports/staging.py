"""A file held against the library: for each of its rows, what importing it would do.

All that is known of the rows lies in a small database of its own on disk, so that a million of
them take no memory, and so that the page can be turned and the bad ones be downloaded.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, func, select

from app.imports.encoding import visible
from app.imports.mapping import Draft, Mapping, RowProblem, completed, draft, original_cell
from app.imports.reading import Source
from app.imports.tables import Record
from app.prompts import PromptInput, newest_versions, same
from app.pubid import new_public_ids
from app.tables import Prompt

BATCH = 500  # rows at a time, or fewer that have so many characters:
BATCH_SIZE = 300_000
_TABLES = """
CREATE TABLE known (key TEXT PRIMARY KEY, id INTEGER, version INTEGER, archived INTEGER,
    text BLOB) WITHOUT ROWID;
CREATE TABLE row (number INTEGER PRIMARY KEY, line INTEGER, status TEXT, key TEXT, version INTEGER,
    prompt TEXT, problem TEXT, warning TEXT, given TEXT, raw TEXT, was TEXT);
CREATE TABLE seen (name BLOB PRIMARY KEY, line INTEGER, content BLOB) WITHOUT ROWID;
"""
_INDEXES = """
CREATE INDEX known_text ON known (text);
"""
_BY_STATUS = "CREATE INDEX row_status ON row (status, number)"
_KNOWN = "SELECT key, id, version, archived FROM known"
_INSERT = "INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Status(StrEnum):
    new = "new"
    changed = "changed"
    same = "same"
    duplicate = "duplicate"
    bad = "bad"


@dataclass(frozen=True)
class Row:
    """One row of the file: where it stands, what it would do, and as what it would be stored."""

    number: int
    line: int
    status: Status
    key: str
    version: int
    prompt: dict[str, Any]
    problem: str
    warning: str
    given: dict[str, Any]
    raw: str
    was: dict[str, Any]  # what another version says in the library, where it differs


@dataclass(frozen=True)
class Known:
    """The newest version of a prompt of the library."""

    key: str
    id: int
    version: int
    archived: bool


def library_state(session: Session) -> list[Any]:
    """What changes whenever the library does; to find out whether a dry run still holds."""
    statement = select(
        func.max(Prompt.id), func.count(col(Prompt.archived_at)), func.max(Prompt.archived_at)
    )
    return [str(value) for value in session.execute(statement).one()]


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path)
    # It can be made anew at any time.
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    try:
        yield connection
    finally:
        connection.close()


def stage(session: Session, source: Source, mapping: Mapping, path: Path) -> None:
    """Write to ``path`` what each row of the file would do."""
    path.unlink(missing_ok=True)
    with opened(path) as stage:
        stage.executescript(_TABLES)
        _note_library(session, stage)
        stage.executescript(_INDEXES)
        batch: list[tuple[Record, Draft | None, str, Known | None]] = []
        number = size = 0
        for record in source.records():
            found, problem = _drafted(record, mapping)
            batch.append((record, found, problem, _match(stage, found) if found else None))
            size += weight(record.values) + len(record.raw)
            if len(batch) == BATCH or size > BATCH_SIZE:
                number = _judge(session, stage, batch, number, mapping)
                batch.clear()
                size = 0
        _judge(session, stage, batch, number, mapping)
        stage.execute(_BY_STATUS)
        stage.commit()


def weight(values: dict[str, Any]) -> int:
    """About how many characters there are in it."""
    return sum(
        sum(map(len, value)) if isinstance(value, list) else len(value or "")
        for value in values.values()
    )


def count(stage: sqlite3.Connection) -> dict[str, int]:
    """How many rows there are of each status, and with a warning."""
    found = dict(stage.execute("SELECT status, count(*) FROM row GROUP BY status"))
    warned = "SELECT count(*) FROM row WHERE warning != '' AND status != 'bad'"
    return {
        **{status.value: found.get(status, 0) for status in Status},
        "warnings": stage.execute(warned).fetchone()[0],
    }


def rows(
    stage: sqlite3.Connection, where: str = "1", limit: int = -1, after: int = 0
) -> Iterator[Row]:
    """Rows in the order of the file. ``where`` is one of our own conditions."""
    statement = f"SELECT * FROM row WHERE ({where}) AND number > ? ORDER BY number LIMIT ?"  # noqa: S608
    for found in stage.execute(statement, (after, limit)):
        number, line, status, key, version, prompt, problem, warning, given, raw, was = found
        yield Row(
            number, line, Status(status), key, version, json.loads(prompt), problem, warning,
            json.loads(given), raw, json.loads(was),
        )  # fmt: skip


BAD = f"status = '{Status.bad}'"
WARNED = f"warning != '' AND status != '{Status.bad}'"
IMPORTED = f"status IN ('{Status.new}', '{Status.changed}')"
IN_LIBRARY = f"status IN ('{Status.new}', '{Status.changed}', '{Status.same}')"
NEW = f"status = '{Status.new}'"


def _note_library(session: Session, stage: sqlite3.Connection) -> None:
    found = session.execute(
        newest_versions(Prompt.key, Prompt.id, Prompt.version, Prompt.archived_at, Prompt.text),
        execution_options={"yield_per": 1000},
    )
    for part in found.partitions(1000):
        stage.executemany(
            "INSERT INTO known VALUES (?, ?, ?, ?, ?)",
            [
                (key, id_, version, archived is not None, None if archived else _digest(text))
                for key, id_, version, archived, text in part
            ],
        )


def _drafted(record: Record, mapping: Mapping) -> tuple[Draft | None, str]:
    if record.problem:
        return None, record.problem
    try:
        return draft(record, mapping), ""
    except RowProblem as exc:
        return None, str(exc)


def _match(stage: sqlite3.Connection, found: Draft) -> Known | None:
    """The prompt that a row speaks of: by its key if it has one, else by its text."""
    if found.key:
        asked = stage.execute(f"{_KNOWN} WHERE key = ?", (found.key,))
    else:  # of several with the same text, which only people can have made, the last one made
        text = _digest(found.fields.get("text", "").strip())
        asked = stage.execute(f"{_KNOWN} WHERE text = ? ORDER BY id DESC LIMIT 1", (text,))
    row = asked.fetchone()
    return Known(row[0], row[1], row[2], bool(row[3])) if row else None


def _judge(
    session: Session,
    stage: sqlite3.Connection,
    batch: list[tuple[Record, Draft | None, str, Known | None]],
    number: int,
    mapping: Mapping,
) -> int:
    ids = {known.id for _, _, _, known in batch if known}
    there = {p.id: p for p in session.exec(select(Prompt).where(col(Prompt.id).in_(ids)))}
    staged, keys = [], new_public_ids(len(batch))
    for record, found, problem, known in batch:
        number += 1
        current = there.get(known.id) if known else None
        prompt, warnings, key, version = None, [], "", 0
        status = Status.bad
        if found:
            warnings = found.warnings
            try:
                prompt = completed(found, _base(current))
                key, version = (known.key, known.version + 1) if known else (found.key, 1)
                status = _status(stage, record.line, prompt, key, current, warnings)
                key = key or keys.pop()
            except RowProblem as exc:
                problem, status, prompt = str(exc), Status.bad, None
        was = _was(current, prompt) if current and prompt else {}
        given = {} if prompt else {k: _shown(v, mapping) for k, v in record.values.items()}
        stored = prompt.model_dump(mode="json") if prompt else {}
        staged.append(
            (
                number, record.line, status, key, version, json.dumps(stored, ensure_ascii=False),
                problem, "; ".join(map(visible, warnings)), json.dumps(given, ensure_ascii=False),
                record.raw, json.dumps(was, ensure_ascii=False),
            )
        )  # fmt: skip
    stage.executemany(_INSERT, staged)
    session.expunge_all()
    return number


def _base(current: Prompt | None) -> dict[str, Any]:
    if current is None:
        return {}
    return {name: getattr(current, name) for name in PromptInput.model_fields}


def _status(
    stage: sqlite3.Connection,
    line: int,
    prompt: PromptInput,
    key: str,
    current: Prompt | None,
    warnings: list[str],
) -> Status:
    """Raises RowProblem where another row says something else of the same prompt."""
    content = _digest(prompt.model_dump_json())
    names = [_digest("text " + prompt.text), *([_digest("key " + key)] if key else [])]
    # With a key of its own it is another prompt, even where the text is the same.
    asked = stage.execute("SELECT line, content FROM seen WHERE name = ?", (names[-1],))
    if before := asked.fetchone():
        if before[1] == content:
            warnings.append(f"the same as line {before[0]}")
            return Status.duplicate
        raise RowProblem(
            f"line {before[0]} has the same {'key' if key else 'prompt'} and says something else"
            " of it; keep one of them"
        )
    stage.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)",
                      [(name, line, content) for name in names])  # fmt: skip
    if current is None:
        return Status.new
    if current.archived_at is not None:
        warnings.append("it is archived in the library")
    return Status.same if same(current, prompt) else Status.changed


def _was(current: Prompt, prompt: PromptInput) -> dict[str, Any]:
    told = prompt.model_dump()
    return {name: old for name in told if (old := getattr(current, name)) != told[name]}


def _shown(value: Any, mapping: Mapping) -> Any:
    if isinstance(value, list):
        return [visible(v) for v in value]
    return visible(original_cell(value) if mapping.own and value else value or "")


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
