"""Tables as records: CSV, TSV, and plain lines.

Python's csv reads one record at a time here, from lines that are kept until it is whole. So a
quote that is never closed costs the line it opens in, not the rest of the file.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TextIO

from app.imports.encoding import visible
from app.imports.names import is_known

MAX_RECORD = 8_000_000  # characters: more than the longest prompt there can be
MAX_COLUMNS = 500
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAID = re.compile(r'"?sep=(.)"?[\r\n]*')  # the first line of a table, for Excel
csv.field_size_limit(MAX_RECORD)  # of the whole process; its own 131,072 is less than a prompt


@dataclass(frozen=True)
class Shape:
    """What separates cells; empty: nothing does."""

    delimiter: str


@dataclass
class Record:
    """One row: its values by column, or why there are none and what stands there (``raw``)."""

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    raw: str = ""
    warning: str = ""


@dataclass
class Line:
    number: int
    text: str
    cut: bool = False


def lines_of(file: TextIO, limit: int = MAX_RECORD) -> Iterator[Line]:
    """Its lines with their ends; of a longer one than ``limit`` the beginning."""
    number = 0
    while text := file.readline(limit):
        number += 1
        cut = len(text) >= limit and not text.endswith(("\n", "\r"))
        if cut:
            more = file.readline(limit // 100 + 1)
            while more and not more.endswith(("\n", "\r")):
                more = file.readline(limit // 100 + 1)
            text = text[:2000] + "…\n"
        yield Line(number, text, cut)


def shape_of(head: str) -> Shape:
    """The delimiter under which the first lines look most like a table; none: no table."""
    said = _SAID.fullmatch(next(io.StringIO(head, newline=""), ""))
    if said and said[1] in DELIMITERS:
        return Shape(said[1])
    best, found = (0, 0.0, 0), ""
    for delimiter in DELIMITERS:
        rows = [cells for _, cells, _ in _some_rows(head, delimiter) if cells]
        if not rows or len(rows[0]) < 2:
            continue
        known = sum(map(is_known, rows[0]))
        alike = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        # Prose has commas too: it is a table by the names in its first line, or if all fits.
        if known or (alike == 1 and len(rows) > 1 and delimiter != ","):
            best, found = max((best, found), ((known, alike, len(rows[0])), delimiter))
    if not found and is_known(head.partition("\n")[0]):
        return Shape(",")  # a table of one column
    return Shape(found)


def table_records(file: TextIO, shape: Shape, *, header: bool) -> Iterator[Record]:
    """Records of a table whose first row names the columns, or is (``header=False``) a row."""
    columns: list[str] = []
    for line, cells, problem in _rows(lines_of(file), shape.delimiter, columns):
        if line.number == 1 and _SAID.fullmatch(line.text):
            continue
        if not columns:
            if not cells or problem not in ("", LITERAL):
                yield Record(line.number, problem=problem or "no names", raw=visible(line.text))
                return
            columns += named(cells if header else [""] * len(cells))
            if header:
                continue
        if problem == LITERAL:
            yield Record(line.number, dict(zip(columns, cells, strict=True)), warning=LITERAL)
            continue
        while len(cells) > len(columns) and not cells[-1]:
            cells.pop()
        if not problem and len(cells) != len(columns):
            problem = _odd_width(len(cells), len(columns), shape)
        if problem:
            yield Record(line.number, problem=problem, raw=visible(line.text))
        elif any(cells):
            yield Record(line.number, dict(zip(columns, cells, strict=True)))


def line_records(file: TextIO) -> Iterator[Record]:
    """Each line that is not blank is the text of a prompt."""
    for line in lines_of(file):
        text = line.text.strip()
        if line.cut:
            yield Record(line.number, problem=TOO_LONG, raw=visible(text))
        elif text:
            yield Record(line.number, {"text": text})


def named(cells: list[str]) -> list[str]:
    """Names of columns, each one once."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = visible(" ".join(cell.split()))[:100] or f"column {number}"
        same = 1
        while name in names:
            same += 1
            name = f"{name.removesuffix(f' ({same - 1})')} ({same})"
        names.append(name)
    return names


LITERAL = "quotes in it were taken as they are"
TOO_LONG = f"longer than {MAX_RECORD:,} characters"
_OPEN = "a quote opens a cell in this line and is not closed where the cell ends; a quote inside"
_OPEN += ' of a quoted cell is written twice ("")'


def _odd_width(cells: int, columns: int, shape: Shape) -> str:
    what = "cell" if cells == 1 else "cells"
    hint = (
        "one that contains them needs quotes around it" if cells > columns else "some are missing"
    )
    separated = DELIMITERS[shape.delimiter]
    return (
        f"{cells} {what} where the first line has {columns}: cells end at {separated}, and {hint}"
    )


def _rows(
    lines: Iterator[Line], delimiter: str, columns: list[str]
) -> Iterator[tuple[Line, list[str], str]]:
    """Each row with the line it begins in (its text: all of its lines), and what is wrong."""
    waiting: deque[Line] = deque()  # to be read again, each as the beginning of a row

    def following() -> Line | None:
        return waiting.popleft() if waiting else next(lines, None)

    while (first := following()) is not None:
        if first.cut:
            yield first, [], TOO_LONG
            continue
        if not first.text.strip():
            continue
        taken = [first]
        try:
            cells = next(csv.reader(_fed(taken, following), delimiter=delimiter, strict=True))
        except (csv.Error, _TooLong):
            waiting.extendleft(reversed(taken[1:]))
            plain = first.text.rstrip("\r\n").split("\t")
            # Many programs write tabs without any quoting.
            fits = delimiter == "\t" and len(plain) == len(columns or plain)
            yield first, plain if fits else [], LITERAL if fits else _OPEN
            continue
        text = first.text if len(taken) == 1 else "".join(line.text for line in taken)
        yield Line(first.number, text), cells, ""


class _TooLong(Exception):
    pass


def _fed(taken: list[Line], following: Any) -> Iterator[str]:
    yield taken[0].text
    size = len(taken[0].text)
    while (line := following()) is not None:
        taken.append(line)
        size += len(line.text)
        if line.cut or size > MAX_RECORD:
            raise _TooLong
        yield line.text


def _some_rows(head: str, delimiter: str) -> list[tuple[Line, list[str], str]]:
    """Rows of the beginning of a file, but for the last, which may be cut off."""
    lines = io.StringIO(head, newline="")
    ended = False

    def some() -> Iterator[Line]:
        nonlocal ended
        yield from (Line(n, text) for n, text in enumerate(islice(lines, 200), 1))
        ended = True

    rows: list[tuple[Line, list[str], str]] = []
    for row in _rows(some(), delimiter, []):
        literal = row[2] == LITERAL and bool(rows) and len(row[1]) == len(rows[0][1])
        if ended and row[2] and not literal:  # cut off inside of a cell: its lines are no rows
            return rows
        rows.append(row)
    return rows[:-1] if len(rows) > 2 else rows
