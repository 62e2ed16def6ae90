"""The books of a server that was killed: read from a copy of its database, and checked."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.wire_http import Recorded

BROKEN_OFF = ("interrupted", "cancelled")  # nobody knows what came of these calls
Call = tuple[str, str]  # the model, and what it was asked


@dataclass
class Books:
    """All rows that count, by id."""

    grids: dict[int, sqlite3.Row]
    answers: dict[int, sqlite3.Row]
    attempts: dict[int, sqlite3.Row]
    labels: dict[tuple[int, str], str]  # by answer and reviewer
    changes: list[tuple[Any, ...]]
    by_answer: dict[int, list[sqlite3.Row]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_answer = {id_: [] for id_ in self.answers}
        for attempt in self.attempts.values():
            self.by_answer[attempt["answer_id"]].append(attempt)

    @property
    def open(self) -> set[int]:
        """The attempts whose calls were in flight."""
        return {id_ for id_, a in self.attempts.items() if a["finished_at"] is None}

    @property
    def unsettled(self) -> int:
        return sum(a["state"] in ("pending", "running") for a in self.answers.values())


def read(database: Path, scratch: Path) -> Books:
    """From a copy: opening the file itself would tidy up what the next server has to find."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for path in database.parent.glob(f"{database.name}*"):
        if not path.name.endswith(".lock"):
            shutil.copy(path, scratch)
    with closing(sqlite3.connect(scratch / database.name)) as connection:
        connection.row_factory = sqlite3.Row
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

        def rows(statement: str) -> dict[int, sqlite3.Row]:
            return {row["id"]: row for row in connection.execute(statement)}

        labels = connection.execute(
            "SELECT answer_id, name, value FROM label JOIN reviewer ON reviewer.id = reviewer_id"
        )
        return Books(
            rows("SELECT * FROM grid"),
            rows(
                "SELECT answer.*, prompt.text AS asked FROM answer"
                " JOIN prompt ON prompt.id = answer.prompt_id"
            ),
            rows("SELECT * FROM attempt ORDER BY id"),
            {(answer, name): value for answer, name, value in labels},
            [tuple(row) for row in connection.execute("SELECT * FROM label_change ORDER BY id")],
        )


def check(books: Books, before: Books, calls: Sequence[Recorded]) -> None:
    """That they are right in themselves, go on from those before, and know of every call."""
    problems = [*_wrong(books), *_changed(books, before), *_unknown(books, calls)]
    assert problems == []


def _wrong(books: Books) -> Iterator[str]:
    made: Counter[int] = Counter()
    committed: Counter[int] = Counter()
    for id_, answer in books.answers.items():
        grid_id, own = answer["grid_id"], books.by_answer[id_]
        if [a["number"] for a in own] != list(range(1, len(own) + 1)):
            yield f"answer {id_}: attempts {[a['number'] for a in own]}"
        if sum(a["finished_at"] is None for a in own) > 1:
            yield f"answer {id_}: several calls are open"
        counts = next((a for a in own if a["id"] == answer["attempt_id"]), None)
        state = answer["state"]
        ended = counts is not None and counts["finished_at"] is not None
        outcome = counts["outcome"] if counts else None
        if answer["attempt_id"] is not None and not ended:
            yield f"answer {id_}: what counts has not ended, or is not its own"
        if state in ("done", "failed") and (outcome == "error") is not (state == "failed"):
            yield f"answer {id_} is {state} with {outcome}"
        if state == "done" and not (counts and counts["text"]):
            yield f"answer {id_}: done without a text"
        if answer["seq"] > books.grids[grid_id]["seq"]:
            yield f"answer {id_}: its seq was not yet given"
        made[grid_id] += len(own)
        for a in own:
            committed[grid_id] += a["cost_usd" if a["finished_at"] else "expected_usd"] or 0
    for id_, grid in books.grids.items():
        if grid["calls"] != made[id_]:
            yield f"grid {id_}: {grid['calls']} calls, {made[id_]} attempts"
        if abs(grid["committed_usd"] - committed[id_]) > 1e-9:
            yield f"grid {id_}: {grid['committed_usd']} dollars, not {committed[id_]}"


def _changed(books: Books, before: Books) -> Iterator[str]:
    for id_, grid in before.grids.items():
        if books.grids[id_]["seq"] < grid["seq"]:
            yield f"grid {id_}: seq went back"
    for id_, old in before.attempts.items():
        new = books.attempts.get(id_)
        if new is None:
            yield f"attempt {id_} is gone"
        elif old["finished_at"]:
            if tuple(new) != tuple(old):
                yield f"attempt {id_} had ended and was changed"
        elif new["finished_at"] and new["error_kind"] not in BROKEN_OFF:
            yield f"attempt {id_} of a dead process became {new['error_kind'] or new['outcome']}"
    if books.changes[: len(before.changes)] != before.changes:
        yield "the history of labels was changed"


def _unknown(books: Books, calls: Sequence[Recorded]) -> Iterator[str]:
    """Every call has its attempt, every text its call; only what was broken off may lack one."""
    made = Counter(map(call_of, calls))
    for id_, answer in books.answers.items():
        own = books.by_answer[id_]
        known = sum(_is_known(a) for a in own)
        number = made.pop((answer["model"], answer["asked"]), 0)
        if not known <= number <= len(own):
            yield f"answer {id_}: {number} calls, {len(own)} attempts, {known} of them known"
    if made:
        yield f"calls of no answer: {list(made)[:3]}"
    told: Counter[str] = Counter()
    for id_, attempt in books.attempts.items():
        if attempt["outcome"] != "answered":
            continue
        told[attempt["text"]] += 1
        number = int(attempt["text"].removeprefix("Reply "))
        answer = books.answers[attempt["answer_id"]]
        if call_of(calls[number]) != (answer["model"], answer["asked"]):
            yield f"attempt {id_}: the text of another call"
    if told and max(told.values()) > 1:
        yield "one text stands twice"


def _is_known(attempt: sqlite3.Row) -> bool:
    return attempt["finished_at"] is not None and attempt["error_kind"] not in BROKEN_OFF


def call_of(request: Recorded) -> Call:
    provider = "anthropic" if request.path.startswith("/v1/messages") else "openai-chat"
    return f"{provider}/{request.model}", request.body["messages"][-1]["content"]
