"""A table of answers and labels, whatever its columns are called; and our own CSV of labels."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any

from pydantic import ValidationError

from app.exports.jsonl import FORMAT
from app.imports.answers import bodies
from app.imports.answers.columns import Columns
from app.imports.answers.foreign import whole_ms
from app.imports.answers.named import address_of, note_label, note_unread, told_of
from app.imports.answers.names import FIELDS
from app.imports.answers.records import PromptRecord, VariantRecord, WordingRecord, in_words
from app.imports.answers.stage import Stage, Staged
from app.imports.mapping import (
    RowProblem,
    answerable_of,
    listed_texts,
    original_cell,
    refuse_damage,
    says_yes,
    tags_of,
    text_of,
)
from app.imports.tables import Record
from app.providers import Outcome
from app.tables import Wording, storable


def read_table(
    records: Iterable[Record], stage: Stage, columns: Columns, wordings: Sequence[Wording]
) -> None:
    """Stage what the rows say; those that say nothing of an answer become problems."""
    with_text = "text" in columns.columns.values()
    wording = lru_cache(1000)(partial(bodies.wording_of, wordings=wordings))
    names, makes_grid = columns.name_answers, not columns.lacks
    for record in records:
        raw = record.raw or " | ".join(text_of(value) for value in record.values.values())
        try:
            if record.problem:
                raise RowProblem(record.problem)
            row = _Row(record, columns, wording, with_text)
            if names:
                row.name(stage)
        except (RowProblem, ValueError) as exc:
            stage.bad(record.line, _why(exc), raw)
            if names:
                note_unread(stage, record.line, _why(exc))
            continue
        if makes_grid:
            try:
                row.stage(stage)
            except (RowProblem, ValueError) as exc:
                stage.bad(record.line, _why(exc), raw)


def _why(error: Exception) -> str:
    return in_words(error) if isinstance(error, ValidationError) else str(error)


class _Row:
    """One row: an answer, or one more label of an answer that an earlier row had."""

    def __init__(
        self,
        record: Record,
        columns: Columns,
        wording: Callable[[str], WordingRecord],
        with_text: bool,
    ) -> None:
        self.line = record.line
        self.columns = columns
        self.wording = wording
        self.with_text = with_text
        self.values: dict[str, list[Any]] = {}
        for column, name in columns.columns.items():
            if name and column in record.values:
                value = record.values[column]
                if columns.escaped and isinstance(value, str):
                    value = original_cell(value)
                refuse_damage(column, value)
                self.values.setdefault(name, []).append(storable(value))

    def said(self, name: str) -> str:
        return text_of(self.values[name][0]) if name in self.values else ""

    def number(self, name: str, of: type[int] | type[float] = int) -> Any:
        """Raises ValueError."""
        text = self.said(name).strip()
        if not text:
            return None
        try:
            return of(text.removesuffix(".0"))  # of whole numbers beside empty cells, in pandas
        except ValueError:
            raise ValueError(f"{FIELDS[name]}: “{text[:40]}” is no number") from None

    def name(self, stage: Stage) -> None:
        """Note its label for the answer that it names. Raises ValueError and ValidationError."""
        label = self._label()
        if label is None:
            return
        stage.value(self.line, label["raw"])
        given: dict[str, Any] = {
            "reviewer": self.said("reviewer").strip() or self.columns.reviewer.strip(),
            **({"raw": label["raw"]} if label["raw"] else {}),
        }
        if self.columns.own and not label["raw"]:
            given["value"] = None
        for field in ("tags", "note", "decides"):  # ours say all of it, others what they have
            if (self.columns.own and field in self.values) or self.said(field).strip():
                given[field] = label[field]
        grid, answer = "", self.said("key").strip()
        if link := self.said("link").strip():
            grid, answer = address_of(link)
            if not grid:
                note_unread(stage, self.line, f"“{link[:80]}” is no address of an answer")
                return
        thinking, repeat = self.said("thinking").strip(), self.number("repeat")
        told = told_of(
            prompt=self.said("prompt"),
            text=self.said("text"),
            model=self.said("model").strip(),
            wording=bodies.slug_of(self.said("wording")),
            thinking=bodies.thinking_of(thinking).value if thinking else "",
            repeat=repeat,
        )
        note_label(stage, self.line, grid, answer, told, given)

    def stage(self, stage: Stage) -> None:
        """Raises RowProblem, ValueError and ValidationError."""
        prompt = self._prompt()
        model = self.said("model").strip() or self.columns.model.strip()
        if not model:
            raise ValueError("it names no model")
        if len(model) > 500:
            raise ValueError("the name of its model is too long")
        variant = VariantRecord(
            thinking=bodies.thinking_of(self.said("thinking")),
            system_prompt=self.said("system"),
            temperature=self.number("temperature", float),
            wording=self.wording(self.said("wording")),
        )
        attempt, label = self._attempt(prompt), self._label()
        told = self._repeat()  # what is wrong with a row is found before anything of it is staged
        title = self.said("grid").strip() or self.columns.title
        grid = stage.grid_named(title, {"format": FORMAT, "title": title[:500], "created_at": None})
        cell = (grid, stage.prompt(grid, prompt), model, stage.variant(grid, variant))
        there, repeat = self._there(stage, cell, told)
        if there:
            self._add_to(stage, there, attempt, label)
            return
        stage.model(grid, model)
        place = {"prompt": cell[1], "model": model, "variant": cell[3], "repeat": repeat}
        labels = [label] if label else []
        body = bodies.answer(attempt, labels, answer=self.said("key").strip(), **place)
        stage.answer(grid, self.line, body)
        self._count(stage, label)

    def _count(self, stage: Stage, label: dict[str, Any] | None) -> None:
        if label and not self.columns.name_answers:  # or it is counted already
            stage.value(self.line, label["raw"])

    def _repeat(self) -> int | None:
        """Raises ValueError."""
        repeat: int | None = self.number("repeat")
        if repeat is not None and not 1 <= repeat <= 10_000:
            raise ValueError("repeat: a number from 1 to 10,000, please")
        return repeat

    def _there(
        self, stage: Stage, cell: tuple[int, int, str, int], repeat: int | None
    ) -> tuple[Staged | None, int]:
        """The answer that an earlier row had, or None; and which repeat it is."""
        if repeat is not None:
            found = next(iter(stage.at(*cell, repeat)), None)
            if found and found.body["answer"] != self.said("key").strip():
                raise ValueError(
                    f"line {found.line} has the same repeat under another number: in what these two"
                    " answers differ, the file does not say"
                )
            return found, repeat
        found = next(iter(stage.keyed(cell[0], self.said("key").strip())), None)
        return found, found.repeat if found else stage.last_in(*cell) + 1

    def _add_to(
        self, stage: Stage, there: Staged, attempt: dict[str, Any], label: dict[str, Any] | None
    ) -> None:
        body = there.body
        known = body["attempts"][0]
        if any(known[name] != attempt[name] for name in ("text", "thinking_text", "outcome")):
            raise ValueError(f"line {there.line} has another text for the same repeat")
        if label is None or label in body["labels"]:
            stage.duplicates += 1
            stage.remark(self.line, f"says what line {there.line} says: left out")
            return
        if label["reviewer"] in [one["reviewer"] for one in body["labels"]]:
            who = label["reviewer"]
            raise ValueError(f"{who} labelled the answer of line {there.line} already")
        body["labels"].append(label)
        stage.set_answer(there.number, body)
        self._count(stage, label)

    def _prompt(self) -> PromptRecord:
        references: list[str] = []
        for value in self.values.get("references", []):
            listed = value if isinstance(value, list) else listed_texts(value or "")
            references += listed if listed is not None else (value or "").split("\n")
        question, text = self.said("question"), self.said("prompt")
        return PromptRecord(
            text=text,
            question="" if question == text else question,
            references=references,
            constraint=self.said("constraint"),
            answerable=answerable_of(self.said("answerable")),
        )

    def _attempt(self, prompt: PromptRecord) -> dict[str, Any]:
        text = self.said("text")
        there = bool(text.strip()) or not self.with_text
        return bodies.attempt(
            prompt,
            Outcome.answered if there else Outcome.empty,
            text,
            self.said("thinking_text"),
            started_at=bodies.time_of(self.said("asked_at")),
            system_message=self.said("system"),
            cost_usd=self.number("cost_usd", float),
            input_tokens=self.number("input_tokens"),
            output_tokens=self.number("output_tokens"),
            total_ms=whole_ms(self.number("total_ms", float)),
        )

    def _label(self) -> dict[str, Any] | None:
        """None: nobody says anything of the answer."""
        raw = " ".join(self.said("label").split())
        tags = [
            tag.strip()
            for value in self.values.get("tags", [])
            for one in tags_of(value)
            for tag in (one.split() if self.columns.own else [one])
            if tag.strip()
        ]
        note = self.said("note")
        if not self.columns.own and not note.strip():
            note = ""
        if not (raw or tags or note):
            return None
        return bodies.label(
            self.said("reviewer").strip() or self.columns.reviewer.strip() or bodies.NOBODY,
            raw,
            bodies.time_of(self.said("labelled_at")),
            tags=tags,
            note=note,
            decides=says_yes(self.said("decides")),
        )
