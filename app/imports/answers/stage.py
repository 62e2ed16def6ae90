"""All that a file says, as records, in a small database of its own on disk.

A million answers take no memory so, what belongs together is found again, and the bad lines and
the values of labels can be shown page by page.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

from app.exports.jsonl import canonical
from app.imports.answers.records import GridRecord, PromptRecord, VariantRecord
from app.imports.encoding import visible
from app.imports.staging import BATCH, opened

LISTED = 100  # problems and remarks
SHOWN_LINES = 5  # of one value
_TABLES = """
CREATE TABLE grid (number INTEGER PRIMARY KEY, name TEXT UNIQUE, head TEXT, repeats INTEGER,
    stated TEXT DEFAULT '', hash TEXT DEFAULT '', here TEXT DEFAULT '');
CREATE TABLE prompt (grid INTEGER, number INTEGER, digest BLOB, body TEXT,
    PRIMARY KEY (grid, number)) WITHOUT ROWID;
CREATE TABLE model (grid INTEGER, number INTEGER, name TEXT, body TEXT,
    PRIMARY KEY (grid, name)) WITHOUT ROWID;
CREATE TABLE variant (grid INTEGER, number INTEGER, digest BLOB, body TEXT,
    PRIMARY KEY (grid, number)) WITHOUT ROWID;
CREATE TABLE answer (number INTEGER PRIMARY KEY, line INTEGER, grid INTEGER, prompt INTEGER,
    model TEXT, variant INTEGER, repeat INTEGER, key TEXT, labels INTEGER, body TEXT,
    UNIQUE (grid, prompt, model, variant, repeat));
CREATE TABLE problem (number INTEGER PRIMARY KEY, line INTEGER, bad INTEGER, text TEXT, raw TEXT);
CREATE TABLE value (text TEXT PRIMARY KEY, n INTEGER, lines TEXT) WITHOUT ROWID;
CREATE TABLE meaning (text TEXT PRIMARY KEY, meaning TEXT) WITHOUT ROWID;
CREATE TABLE said (number INTEGER PRIMARY KEY, line INTEGER, grid TEXT, answer TEXT, told TEXT,
    label TEXT, problem TEXT);
CREATE TABLE held (grid TEXT, said INTEGER, line INTEGER, status TEXT, answer INTEGER, who TEXT,
    say TEXT, problem TEXT, PRIMARY KEY (grid, said)) WITHOUT ROWID;
CREATE TABLE given (line INTEGER PRIMARY KEY, cells TEXT, raw TEXT);
CREATE INDEX held_answer ON held (grid, answer, who);
CREATE INDEX prompt_digest ON prompt (grid, digest);
CREATE INDEX variant_digest ON variant (grid, digest);
CREATE INDEX answer_grid ON answer (grid, number);
CREATE INDEX answer_key ON answer (grid, key);
"""


@dataclass(frozen=True)
class Problem:
    line: int
    text: str
    raw: str


@dataclass(frozen=True)
class Staged:
    """One answer as it was staged."""

    number: int
    line: int
    repeat: int
    body: dict[str, Any]


class Stage:
    """One connection's view of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.db = connection
        self.duplicates = 0

    def add_grid(self, name: str, head: dict[str, Any]) -> int:
        """``head``: as GridRecord has it, without what is staged by itself. 0: it is there."""
        if self.db.execute("SELECT 1 FROM grid WHERE name = ?", (name,)).fetchone():
            return 0
        cursor = self.db.execute(
            "INSERT INTO grid (name, head, repeats) VALUES (?, ?, ?)",
            (name, _json(head), head.get("repeats", 1)),
        )
        return int(cursor.lastrowid or 0)

    def grid_named(self, name: str, head: dict[str, Any]) -> int:
        """The number of this grid, which is new where the name is."""
        found = self.db.execute("SELECT number FROM grid WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else self.add_grid(name, head)

    def set_title(self, name: str, title: str) -> None:
        statement = "UPDATE grid SET head = json_set(head, '$.title', ?) WHERE name = ?"
        self.db.execute(statement, (title, name))

    def set_stated(self, grid: int, content_hash: str, of: str = "") -> None:
        """What the file says of the hash of this grid, or what it said in other words (``of``)."""
        values = (content_hash, grid, of)
        self.db.execute("UPDATE grid SET stated = ? WHERE number = ? AND stated = ?", values)

    def set_hash(self, grid: int, content_hash: str, here: str) -> None:
        values = (content_hash, here, grid)
        self.db.execute("UPDATE grid SET hash = ?, here = ? WHERE number = ?", values)

    def hash_of(self, grid: int) -> tuple[str, str]:
        """Its hash, and the id of the grid here that is the same, or nothing."""
        found = self.db.execute("SELECT hash, here FROM grid WHERE number = ?", (grid,)).fetchone()
        return str(found[0]), str(found[1])

    def add_head(self, name: str, record: GridRecord) -> int:
        """A grid whose prompts, models and variants are told at once; 0 where it is there."""
        body = record.model_dump(mode="json")
        parts = {part: body.pop(part) for part in ("prompts", "models", "variants")}
        grid = self.add_grid(name, body)
        if grid:
            for number, prompt in enumerate(parts["prompts"], 1):
                self._insert("prompt", grid, number, b"", _json(prompt))
            for number, model in enumerate(parts["models"], 1):
                self._insert("model", grid, number, model["model"], _json(model))
            for number, variant in enumerate(parts["variants"], 1):
                self._insert("variant", grid, number, b"", _json(variant))
        return grid

    def prompt(self, grid: int, record: PromptRecord) -> int:
        """The number of this prompt in its grid, which is new where nothing is the same."""
        return self._numbered("prompt", grid, record.model_dump_json())

    def variant(self, grid: int, record: VariantRecord) -> int:
        return self._numbered("variant", grid, record.model_dump_json())

    def model(self, grid: int, name: str) -> dict[str, Any]:
        """What is known of this model, added where it is new."""
        at = (grid, name)
        found = self.db.execute("SELECT body FROM model WHERE grid = ? AND name = ?", at).fetchone()
        if found:
            known: dict[str, Any] = json.loads(found[0])
            return known
        body = {"model": name, "practice": name.startswith("practice/"), "forced": [], "held": []}
        self._insert("model", grid, self._next("model", grid), name, _json(body))
        return body

    def set_model(self, grid: int, body: dict[str, Any]) -> None:
        values = (_json(body), grid, body["model"])
        self.db.execute("UPDATE model SET body = ? WHERE grid = ? AND name = ?", values)

    def answer(self, grid: int, line: int, body: dict[str, Any]) -> int:
        """The line of the answer that has this place already; 0: it was added.

        ``body``: as AnswerRecord has it, its labels perhaps with a ``raw`` value instead.
        """
        cell = (grid, body["prompt"], body["model"], body["variant"], body["repeat"])
        try:
            self.db.execute(
                "INSERT INTO answer (line, grid, prompt, model, variant, repeat, key, labels, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (line, *cell, str(body["answer"]), len(body["labels"]), _json(body)),
            )
        except sqlite3.IntegrityError:
            return self.at(*cell)[0].line
        more = "UPDATE grid SET repeats = max(repeats, ?) WHERE number = ?"
        self.db.execute(more, (body["repeat"], grid))
        return 0

    def at(self, grid: int, prompt: int, model: str, variant: int, repeat: int) -> list[Staged]:
        """The answer at this place; empty: none is."""
        return self._answers(
            "grid = ? AND prompt = ? AND model = ? AND variant = ? AND repeat = ?",
            (grid, prompt, model, variant, repeat),
        )

    def keyed(self, grid: int, key: str) -> list[Staged]:
        """The answer that the file calls so."""
        return self._answers("grid = ? AND key = ?", (grid, key)) if key else []

    def last_in(self, grid: int, prompt: int, model: str, variant: int) -> int:
        """The last repeat of this cell; 0: there is none."""
        statement = "SELECT coalesce(max(repeat), 0) FROM answer WHERE grid = ? AND prompt = ?"
        values = (grid, prompt, model, variant)
        return self._scalar(statement + " AND model = ? AND variant = ?", values)

    def set_answer(self, number: int, body: dict[str, Any]) -> None:
        values = (_json(body), len(body["labels"]), number)
        self.db.execute("UPDATE answer SET body = ?, labels = ? WHERE number = ?", values)

    def bad(self, line: int, text: str, raw: str = "") -> None:
        self._tell(line, 1, text, raw)

    def remark(self, line: int, text: str) -> None:
        self._tell(line, 0, text, "")

    def value(self, line: int, text: str) -> None:
        """Count one value of a label."""
        found = self.db.execute("SELECT n, lines FROM value WHERE text = ?", (text,)).fetchone()
        n, lines = (found[0], json.loads(found[1])) if found else (0, [])
        if len(lines) < SHOWN_LINES:
            lines.append(line)
        self.db.execute(
            "INSERT OR REPLACE INTO value VALUES (?, ?, ?)", (text, n + 1, _json(lines))
        )

    def values(self, limit: int) -> list[tuple[str, int, list[int]]]:
        """Values of labels, how often each occurs, and the first lines it is in: the most frequent,
        and not the empty one."""
        statement = "SELECT text, n, lines FROM value WHERE text != '' ORDER BY n DESC, text"
        rows = self.db.execute(statement + " LIMIT ?", (limit,))
        return [(text, n, json.loads(lines)) for text, n, lines in rows]

    def set_meanings(self, meanings: dict[str, str]) -> None:
        """What the values of labels mean, for whoever comes after the dry run."""
        self.db.executemany("INSERT INTO meaning VALUES (?, ?)", meanings.items())

    def meanings(self) -> dict[str, str]:
        return dict(self.db.execute("SELECT text, meaning FROM meaning"))

    def problems(self, *, bad: bool) -> list[Problem]:
        """The first of them."""
        statement = "SELECT line, text, raw FROM problem WHERE bad = ? ORDER BY number LIMIT ?"
        return [Problem(*row) for row in self.db.execute(statement, (int(bad), LISTED))]

    def counts(self) -> dict[str, int]:
        names = ("grid", "prompt", "answer")
        found = {f"{name}s": self._scalar(f"SELECT count(*) FROM {name}") for name in names}  # noqa: S608
        columns = "SELECT count(*) FROM (SELECT DISTINCT grid, model, variant FROM answer)"
        return {
            **found,
            "columns": self._scalar(columns),
            "values": self._scalar("SELECT count(*) FROM value WHERE text != ''"),
            "labels": self._scalar("SELECT coalesce(sum(labels), 0) FROM answer"),
            "duplicates": self.duplicates,
            "bad": self._scalar("SELECT count(*) FROM problem WHERE bad = 1"),
            "warnings": self._scalar("SELECT count(*) FROM problem WHERE bad = 0"),
        }

    def grids(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each grid as the first line of our JSONL has it, but for what only a copy has."""
        rows = self.db.execute("SELECT number, head, repeats FROM grid ORDER BY number").fetchall()
        for number, head, repeats in rows:
            yield number, {**json.loads(head), "repeats": repeats}

    def parts(self, table: str, grid: int) -> Iterator[dict[str, Any]]:
        """The prompts, models or variants of a grid in their order."""
        statement = f"SELECT body FROM {table} WHERE grid = ? ORDER BY number"  # noqa: S608
        for (body,) in self.db.execute(statement, (grid,)):
            yield json.loads(body)

    def answers(self, grid: int) -> Iterator[Staged]:
        """In their order; what is changed of them meanwhile does no harm."""
        after = 0
        while found := self._answers(
            "grid = ? AND number > ? ORDER BY number LIMIT ?", (grid, after, BATCH)
        ):
            yield from found
            after = found[-1].number

    def content_hash(self, grid: int, head: dict[str, Any], **more: Any) -> str:
        """That of our JSONL, if the grid is exported as it will be imported."""
        whole = {"kind": "grid", **{name: head[name] for name in ("format", "title", "repeats")}}
        whole["created_at"] = head["created_at"]
        whole |= {f"{part}s": list(self.parts(part, grid)) for part in PARTS} | more
        content = sha256(canonical(whole))
        for staged in self.answers(grid):
            content.update(canonical({"kind": "answer", **staged.body}))
        return content.hexdigest()

    def _answers(self, where: str, values: tuple[Any, ...]) -> list[Staged]:
        statement = f"SELECT number, line, repeat, body FROM answer WHERE {where}"  # noqa: S608
        rows = self.db.execute(statement, values)
        return [Staged(n, line, repeat, json.loads(body)) for n, line, repeat, body in rows]

    def _numbered(self, table: str, grid: int, body: str) -> int:
        digest = blake2b(body.encode(), digest_size=16).digest()
        statement = f"SELECT number FROM {table} WHERE grid = ? AND digest = ?"  # noqa: S608
        if found := self.db.execute(statement, (grid, digest)).fetchone():
            return int(found[0])
        number = self._next(table, grid)
        self._insert(table, grid, number, digest, body)
        return number

    def _next(self, table: str, grid: int) -> int:
        statement = f"SELECT coalesce(max(number), 0) + 1 FROM {table} WHERE grid = ?"  # noqa: S608
        return self._scalar(statement, (grid,))

    def _insert(self, table: str, grid: int, number: int, name: bytes | str, body: str) -> None:
        self.db.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", (grid, number, name, body))  # noqa: S608

    def _tell(self, line: int, bad: int, text: str, raw: str) -> None:
        told = (line, bad, visible(text), visible(raw[:2000]))
        self.db.execute("INSERT INTO problem (line, bad, text, raw) VALUES (?, ?, ?, ?)", told)

    def _scalar(self, statement: str, values: tuple[Any, ...] = ()) -> int:
        return int(self.db.execute(statement, values).fetchone()[0])


PARTS = ("prompt", "model", "variant")


@contextmanager
def staged(path: Path, *, anew: bool = False) -> Iterator[Stage]:
    """What is staged at ``path``; ``anew``: nothing yet."""
    if anew:
        path.unlink(missing_ok=True)
    with opened(path) as connection:
        if anew:
            connection.executescript(_TABLES)
        yield Stage(connection)
        connection.commit()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
