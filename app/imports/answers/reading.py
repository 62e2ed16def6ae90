"""Which kind of file it is, and reading it into the stage."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import InvalidInput
from app.imports.answers.columns import Columns, columns_told
from app.imports.answers.foreign import read_each
from app.imports.answers.inspectlogs import HEADER, START, Inspect, members
from app.imports.answers.own import MEMBER, is_own_jsonl, own_zip, read_own_jsonl
from app.imports.answers.promptfoo import Promptfoo
from app.imports.answers.rows import is_own_csv, read_own_rows
from app.imports.answers.stage import Stage
from app.imports.answers.table import read_table
from app.imports.answers.vocabulary import ALL, BINARY, INSPECT, Vocabulary
from app.imports.answers.zips import open_zip
from app.imports.documents import json_at
from app.imports.encoding import Encoding, detect_encoding, open_text
from app.imports.formats import Format
from app.imports.prompts import shown_value
from app.imports.reading import HEAD, columns_of, open_source
from app.imports.tables import Record
from app.tables import Wording

FORMATS = {
    "bluffcheck": "Bluffcheck JSONL or ZIP",
    "csv": "CSV",
    "tsv": "TSV (tabs)",
    "jsonl": "JSON Lines",
    "json": "JSON",
    "promptfoo": "promptfoo results",
    "inspect": "Inspect log",
}
_ZIP = b"PK\x03\x04"
_PROMPTFOO = re.compile(r'"evalId"|"promptIdx"|"gradingResult"')
_INSPECT = re.compile(r'"eval"\s*:\s*\{')


@dataclass
class Choices:
    """What a person says of a file; what is empty or None is found out."""

    format: str = ""
    header: bool = True
    columns: dict[str, str] | None = None  # to fields
    meanings: dict[str, str] = field(default_factory=dict)  # of values of labels
    model: str = ""  # where a row names none
    reviewer: str = ""
    title: str = ""
    again: bool = False  # also what is here already
    rest_unlabelled: bool = False  # values of labels that nobody explains


@dataclass
class Told:
    """How a file is read. ``read`` stages it."""

    source: str  # see app/origins.py
    title: str
    encoding: str
    read: Callable[[Stage], None]
    notes: list[str] = field(default_factory=list)
    columns: Columns | None = None  # of a table that is not our own
    samples: dict[str, str] = field(default_factory=dict)
    vocabularies: Sequence[Vocabulary] = ALL
    names: list[str] = field(default_factory=list)  # of the columns of a table
    records: Callable[[], Iterator[Record]] | None = None  # of a table
    escaped: bool = False  # see Columns


def look_at(path: Path, name: str, choices: Choices, wordings: Sequence[Wording]) -> Told:
    """Find out what it is. Raises InvalidInput where it cannot be read."""
    if choices.format and choices.format not in FORMATS:
        raise InvalidInput(f"There is no format “{choices.format[:40]}”.")
    with path.open("rb") as file:
        begins = file.read(len(_ZIP))
    if begins == _ZIP:
        return _zip(path, wordings)
    encoding = detect_encoding(path)
    with open_text(path, encoding) as text:
        head = text.read(HEAD)
    kind = choices.format or _kind(head)
    if not head.strip():
        raise InvalidInput("The file is empty.")
    match kind:
        case "bluffcheck":
            told = Told("bluffcheck", "Bluffcheck JSONL", encoding.title, _own(path, encoding))
        case "promptfoo":
            told = _promptfoo(path, encoding, wordings)
        case "inspect":
            told = _inspect(path, encoding, wordings)
        case _:
            return _table(path, name, choices, wordings)
    told.notes += [encoding.warning] if encoding.warning else []
    return told


def _kind(head: str) -> str:
    if is_own_jsonl(head):
        return "bluffcheck"
    if head.lstrip().startswith("{"):
        if _INSPECT.search(head) and '"task' in head:
            return "inspect"
        if '"results"' in head and _PROMPTFOO.search(head):
            return "promptfoo"
    return ""


def _zip(path: Path, wordings: Sequence[Wording]) -> Told:
    with open_zip(path) as archive:
        names = archive.namelist()
    if MEMBER in names:

        def read(stage: Stage) -> None:
            with own_zip(path) as file:
                read_own_jsonl(file, stage)

        return Told("bluffcheck", f"Bluffcheck ZIP ({MEMBER} in it)", "UTF-8", read)
    if HEADER in names or START in names:

        def read_samples(stage: Stage) -> None:
            head: dict[str, Any] = {}
            with open_zip(path) as archive:
                read_each(members(archive, head), stage, Inspect(stage, head, wordings).read)

        return Told("inspect", "Inspect log (.eval)", "UTF-8", read_samples,
                    vocabularies=(INSPECT, BINARY))  # fmt: skip
    raise InvalidInput(
        "It is a ZIP archive or an Excel file, and neither one of ours nor a log of Inspect. Save"
        " its table as CSV and choose that."
    )


def _own(path: Path, encoding: Encoding) -> Callable[[Stage], None]:
    def read(stage: Stage) -> None:
        with open_text(path, encoding) as file:
            read_own_jsonl(file, stage)

    return read


def _promptfoo(path: Path, encoding: Encoding, wordings: Sequence[Wording]) -> Told:
    def read(stage: Stage) -> None:
        beside: dict[str, Any] = {}
        reader = Promptfoo(stage, beside, wordings)
        with open_text(path, encoding) as file:
            read_each(json_at(file, "results", beside), stage, reader.read)
        reader.finish()

    # Whether an assertion passed may mean anything: nothing is recognised.
    return Told("promptfoo", FORMATS["promptfoo"], encoding.title, read, vocabularies=())


def _inspect(path: Path, encoding: Encoding, wordings: Sequence[Wording]) -> Told:
    def read(stage: Stage) -> None:
        head: dict[str, Any] = {}
        with open_text(path, encoding) as file:
            samples = json_at(file, "samples", head)
            read_each(samples, stage, Inspect(stage, head, wordings).read)

    return Told("inspect", "Inspect log (.json)", encoding.title, read,
                vocabularies=(INSPECT, BINARY))  # fmt: skip


def _table(path: Path, name: str, choices: Choices, wordings: Sequence[Wording]) -> Told:
    source = open_source(path, name, choices.format, header=choices.header)
    if source.format is Format.lines:  # a table of names that nobody knows yet
        source = open_source(path, name, Format.csv, header=choices.header)
    sample = source.sample()
    names = columns_of(sample)
    if not names:
        raise InvalidInput(f"None of it could be read. Line {sample[0].line}: {sample[0].problem}.")
    notes = [source.encoding.warning] if source.encoding.warning else []
    if source.is_table and is_own_csv(names):

        def read_rows(stage: Stage) -> None:
            read_own_rows(source.records(), stage, wordings, choices.reviewer)

        title, encoding = "Bluffcheck CSV, a row per answer", source.encoding.title
        table: dict[str, Any] = {"names": names, "records": source.records, "escaped": True}
        return Told("bluffcheck", title, encoding, read_rows, notes, **table)
    columns = columns_told(names, table=source.is_table)
    if choices.columns is not None and set(choices.columns) == set(names):
        columns.columns = {column: choices.columns[column] for column in names}
    columns.model, columns.reviewer = choices.model, choices.reviewer
    columns.title = choices.title.strip() or Path(name).stem or "Imported answers"
    if columns.own:
        notes.append("It has labels and no texts: in a grid of its own, the answers are empty.")
    elif not {"repeat", "key", "link"} & set(columns.columns.values()):
        notes.append(
            "No column says which repeat a row is, so each row is an answer of its own. Where"
            " several reviewers labelled the same answer, say which column is the repeat."
        )
    samples = {
        column: next((v for r in sample if (v := shown_value(r.values.get(column)))), "")
        for column in names
    }
    return Told(
        "bluffcheck" if columns.own else "table",
        "Bluffcheck CSV, a row per label" if columns.own else source.title,
        source.encoding.title,
        lambda stage: read_table(source.records(), stage, columns, wordings),
        notes,
        columns,
        samples,
        names=names,
        records=source.records,
        escaped=columns.escaped,
    )
