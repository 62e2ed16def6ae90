"""Labels of a file that say which answer they are of: by its number or its address.

What else the file tells of the answer is kept as a digest: it is only compared with what is here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from app.imports.answers.stage import Stage
from app.imports.encoding import visible

BATCH = 500
_ADDRESS = re.compile(r"/grids/([^/?#\s]+)(?:/answers/|[^#\s]*#a-)([^/?#\s]+)")
_INSERT = "INSERT INTO said (line, grid, answer, told, label, problem) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT = (
    "SELECT number, line, grid, answer, told, label, problem FROM said WHERE number > ?"
    " ORDER BY number LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Named:
    """One label. ``grid``: the id that the file has for it, or nothing; ``told``: see ``told_of``;
    ``label``: what is said, of which only what is there was given; ``problem``: why it is none."""

    number: int
    line: int
    grid: str
    answer: str
    told: dict[str, Any]
    label: dict[str, Any]
    problem: str


def note_label(
    stage: Stage, line: int, grid: str, answer: str, told: dict[str, Any], label: dict[str, Any]
) -> None:
    row = (line, grid, answer, json.dumps(told), json.dumps(label, ensure_ascii=False), "")
    stage.db.execute(_INSERT, row)


def note_unread(stage: Stage, line: int, problem: str) -> None:
    """A line that cannot be read as a label."""
    stage.db.execute(_INSERT, (line, "", "", "{}", "{}", visible(problem)))


def named(stage: Stage) -> Iterator[list[Named]]:
    """In their order, some at a time."""
    after = 0
    while found := stage.db.execute(_SELECT, (after, BATCH)).fetchall():
        yield [
            Named(n, line, grid, answer, json.loads(told), json.loads(label), problem)
            for n, line, grid, answer, told, label, problem in found
        ]
        after = found[-1][0]


def told_of(
    *, prompt: str = "", text: str | None = None, **more: str | int | None
) -> dict[str, Any]:
    """What a file tells of an answer beside its number, by which it is known to be that one.

    ``more``: model, wording, thinking and repeat. What is empty was not told.
    """
    told: dict[str, Any] = {field: value for field, value in more.items() if value}
    if prompt.strip():
        told["prompt"] = digest(prompt)
    if text:
        told["text"] = digest(text)
    return told


def digest(text: str) -> str:
    """Of its words: spreadsheets change spaces and the ends of lines."""
    words = " ".join(text.split())
    return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def address_of(link: str) -> tuple[str, str]:
    """The ids of grid and answer in an address, of this server or another one; empty: none."""
    found = _ADDRESS.search(link)
    return (found[1], found[2]) if found else ("", "")
