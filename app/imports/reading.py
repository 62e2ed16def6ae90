"""A file as records, each with its line."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from app.errors import InvalidInput
from app.imports.documents import json_records, jsonl_records, toml_records
from app.imports.encoding import Encoding, detect_encoding, open_text, visible
from app.imports.formats import TITLES, Format, detect_format, table_shape
from app.imports.tables import (
    DELIMITERS,
    MAX_COLUMNS,
    MAX_RECORD,
    Record,
    Shape,
    line_records,
    table_records,
)

HEAD = 64_000  # characters by which a format is known
SAMPLE = 1_000  # records by which it is known what columns hold

_NO_TEXT = {
    b"PK\x03\x04": "a ZIP archive or an Excel file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed",
    b"PAR1": "a Parquet file",
    b"SQLite format 3\0": "a database",
}


@dataclass(frozen=True)
class Source:
    """A file and how it is read."""

    path: Path
    encoding: Encoding
    format: Format
    shape: Shape
    header: bool = True

    @property
    def title(self) -> str:
        if self.format is Format.csv and self.shape.delimiter != ",":
            return f"CSV with {DELIMITERS[self.shape.delimiter]}"
        return TITLES[self.format]

    @property
    def is_table(self) -> bool:
        return self.format in (Format.csv, Format.tsv)

    def records(self) -> Iterator[Record]:
        with open_text(self.path, self.encoding) as file:
            match self.format:
                case Format.csv | Format.tsv:
                    yield from table_records(file, self.shape, header=self.header)
                case Format.jsonl:
                    yield from jsonl_records(file)
                case Format.json:
                    yield from json_records(file)
                case Format.toml:
                    yield from toml_records(file)
                case Format.lines:
                    yield from line_records(file)

    def sample(self) -> list[Record]:
        """The first records, and each later one that has a column none before it had: a note or a
        label may stand in one row of many. Raises InvalidInput where there is nothing to read."""
        records = self.records()
        found = list(islice(records, SAMPLE))
        if not self.is_table:  # the first row of a table has all its columns
            names = {name for record in found for name in record.values}
            for record in records:
                new = record.values.keys() - names
                if new and len(names) + len(new) <= MAX_COLUMNS:
                    names |= new
                    found.append(record)
        if not found:
            raise InvalidInput(
                "There is no row in it" + (" under the names of columns." if self.is_table else ".")
            )
        return found


def open_source(path: Path, name: str, kind: str = "", *, header: bool = True) -> Source:
    """Look at a file; ``kind`` is a Format, or empty to find out. Raises InvalidInput."""
    with path.open("rb") as file:
        begins = file.read(16)
    for magic, what in _NO_TEXT.items():
        if begins.startswith(magic):
            raise InvalidInput(f"It is {what}. Save its table as CSV and choose that.")
    encoding = detect_encoding(path)
    with open_text(path, encoding) as text:
        head = text.read(HEAD)
        if "\n" not in head.lstrip():  # what follows a long first line tells what that is
            head += text.readline(MAX_RECORD) + text.readline(HEAD)
    if not head.strip():
        raise InvalidInput("The file is empty.")
    try:
        chosen = Format(kind) if kind else detect_format(name, head)
    except ValueError:
        raise InvalidInput(f"There is no format “{visible(kind)[:40]}”.") from None
    return Source(path, encoding, chosen, table_shape(chosen, head), header)


def columns_of(records: list[Record]) -> list[str]:
    """All columns of some records, in the order they come. Raises InvalidInput."""
    found = list(dict.fromkeys(name for record in records for name in record.values))
    if len(found) > MAX_COLUMNS:
        raise InvalidInput(f"It has more than {MAX_COLUMNS} columns: that is no table of prompts.")
    return found
