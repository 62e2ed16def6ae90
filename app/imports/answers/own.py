"""Our own JSONL: each line is a record already; and our ZIP, which has such a file in it."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from app.exports.jsonl import FORMAT
from app.imports.answers.bodies import slug_of
from app.imports.answers.named import note_label, told_of
from app.imports.answers.records import AnswerRecord, GridRecord, in_words
from app.imports.answers.stage import PARTS, Stage
from app.imports.answers.zips import open_zip
from app.imports.encoding import DAMAGE, is_damaged
from app.imports.tables import Line, lines_of
from app.tables import AnswerState, storable

LONGEST = 1 << 28  # characters of a line: the first one has all prompts of a grid
MEMBER = "grid.jsonl"
IN_FLIGHT = "The call was in flight when this was exported."
_WAITING = (AnswerState.pending, AnswerState.running)
_ODD = re.compile(r"\\u0000|\\u[dD][89a-fA-F]")  # what JSON can write and no database can hold


def is_own_jsonl(head: str) -> bool:
    """``head``: how the file begins, perhaps not to the end of its first line."""
    first = head.lstrip().partition("\n")[0]
    return re.search(r'"kind"\s*:\s*"grid"', first) is not None


@contextmanager
def own_zip(path: Path) -> Iterator[TextIO]:
    """The JSONL in a ZIP of ours. Raises InvalidInput."""
    with open_zip(path) as archive, archive.open(MEMBER) as file:
        yield io.TextIOWrapper(file, "utf-8", DAMAGE, newline="")


def read_own_jsonl(file: TextIO, stage: Stage) -> None:
    """Stage all grids of the file; lines that are no records become problems."""
    grid, parts, ended, last = 0, {}, True, 0
    for line in lines_of(file, LONGEST):
        text = line.text.strip()
        if not text:
            continue
        last = line.number
        record = _record(line, text, stage)
        if record is None:
            continue
        kind = record.get("kind")
        try:
            if kind == "grid":
                grid = _add_grid(stage, line.number, record)
                parts = {part: list(stage.parts(part, grid)) for part in PARTS}
                parts["grid"] = [record.get("grid", "")]
                ended = False
            elif kind == "answer" and grid:
                _add_answer(stage, grid, line.number, record, parts)
            elif kind == "end":
                if grid:
                    stage.set_stated(grid, str(record.get("content_hash", "")))
                ended = True
            elif kind != "answer":
                stage.bad(line.number, "neither a grid, an answer nor an end", text)
        except ValidationError as exc:
            stage.bad(line.number, in_words(exc), text)
            if kind == "grid":
                grid, ended = 0, True
        except _Odd as exc:
            stage.bad(line.number, str(exc), text)
    if not ended:
        stage.remark(last, "the last line, with the hash, is missing: the file was cut off")


class _Odd(Exception):
    pass


def _record(line: Line, text: str, stage: Stage) -> dict[str, Any] | None:
    if line.cut:
        stage.bad(line.number, f"longer than {LONGEST:,} characters", text)
    elif is_damaged(text):
        stage.bad(line.number, "contains bytes that are no text in UTF-8", text)
    else:
        try:
            record = json.loads(text, parse_constant=str)
        except (ValueError, RecursionError):
            stage.bad(line.number, "no valid JSON: cut off, or changed by hand", text)
        else:
            if isinstance(record, dict):
                return storable(record) if _ODD.search(text) else record
            stage.bad(line.number, "not an object with names and values", text)
    return None


def _add_grid(stage: Stage, line: int, record: dict[str, Any]) -> int:
    known = GridRecord.model_validate(record)
    if known.format > FORMAT:
        raise _Odd("a newer version of Bluffcheck wrote this file; import it with that version")
    name = f"{known.grid} {line}" if known.grid else str(line)
    return stage.add_head(name, known)


def _add_answer(
    stage: Stage, grid: int, line: int, record: dict[str, Any], parts: dict[str, list[Any]]
) -> None:
    known = AnswerRecord.model_validate(record)
    body = known.model_dump(mode="json")
    if known.prompt > len(parts["prompt"]) or known.variant > len(parts["variant"]):
        raise _Odd("of a prompt or a variant that the first line does not have")
    if known.model not in {model["model"] for model in parts["model"]}:
        raise _Odd(f"of the model {known.model[:100]}, which the first line does not have")
    if known.state in _WAITING:
        body["state"] = AnswerState.cancelled.value
        stage.remark(line, "it was not finished: it is imported as cancelled")
    for attempt in body["attempts"]:
        if attempt["finished_at"] is None:
            attempt.update(
                finished_at=attempt["started_at"], outcome="error", error_message=IN_FLIGHT
            )
    numbers = [attempt["number"] for attempt in body["attempts"]]
    if len(set(numbers)) < len(numbers):
        raise _Odd("two of its attempts have the same number")
    if known.counts is not None and known.counts not in numbers:
        raise _Odd(f"attempt {known.counts}, which counts, is missing")
    names = [label["reviewer"] for label in body["labels"]]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        stage.remark(line, f"{twice} labelled it more than once: taken as two people")
    _name(stage, line, parts, body)
    if there := stage.answer(grid, line, body):
        raise _Odd(f"the same repeat as in line {there}")


def _name(stage: Stage, line: int, parts: dict[str, list[Any]], body: dict[str, Any]) -> None:
    """Note its labels for the answer that has this number in the grid of the file."""
    variant = parts["variant"][body["variant"] - 1]
    counting = (one["text"] for one in body["attempts"] if one["number"] == body["counts"])
    told = told_of(
        prompt=parts["prompt"][body["prompt"] - 1]["text"],
        text=next(counting, None),
        model=body["model"],
        wording=slug_of(variant["wording"]["slug"]),
        thinking=variant["thinking"],
        repeat=body["repeat"],
    )
    for label in body["labels"]:
        given = {field: label[field] for field in ("reviewer", "tags", "note", "decides")}
        given["value"] = label["label"]
        note_label(stage, line, parts["grid"][0], str(body["answer"]), told, given)
