"""The library as CSV and as JSON Lines, to be edited elsewhere and imported again."""

import csv
import io
import json
from collections.abc import Iterator

from sqlmodel import Session

from app.exports import safe_cell
from app.imports.mapping import OWN_COLUMNS
from app.prompts import in_library
from app.tables import Prompt

BATCH = 500


def library_csv(session: Session) -> Iterator[str]:
    """The CSV in pieces, with a byte order mark, by which spreadsheets know that it is UTF-8."""
    yield "\ufeff" + _line(list(OWN_COLUMNS))
    for prompt in _prompts(session):
        lists = {"references": in_lines(prompt.references), "tags": _commas(prompt.tags)}
        yield _line([str(lists.get(name, getattr(prompt, name))) for name in OWN_COLUMNS])


def library_jsonl(session: Session) -> Iterator[str]:
    for prompt in _prompts(session):
        told = {name: getattr(prompt, name) for name in OWN_COLUMNS}
        yield json.dumps(told, ensure_ascii=False) + "\n"


def _prompts(session: Session) -> Iterator[Prompt]:
    found = session.exec(in_library(), execution_options={"yield_per": BATCH})
    for part in found.partitions(BATCH):
        yield from part


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow([safe_cell(cell) for cell in cells])
    return buffer.getvalue()


def in_lines(texts: list[str]) -> str:
    """One per line; a JSON list where that would not come back as it was."""
    plain = not any("\n" in text for text in texts) and not "\n".join(texts).startswith("[")
    return "\n".join(texts) if plain else json.dumps(texts, ensure_ascii=False)


def _commas(texts: list[str]) -> str:
    plain = not any("," in text or "\n" in text for text in texts)
    plain = plain and not ", ".join(texts).startswith("[")
    return ", ".join(texts) if plain else json.dumps(texts, ensure_ascii=False)
