"""One grid of a file on its way into the tables."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, insert, update
from sqlmodel import Session, SQLModel, col, func, select

from app.imports.answers.stage import Stage, Staged
from app.imports.staging import BATCH_SIZE
from app.origins import IMPORTED
from app.prompts import PromptInput, WordingInput, same
from app.pubid import new_public_id, new_public_ids
from app.reviewing.said import known_tags
from app.tables import (
    Answer,
    Attempt,
    Grid,
    GridModel,
    GridPrompt,
    HeldBack,
    Label,
    LabelChange,
    Prompt,
    Reviewer,
    Variant,
    Wording,
    now,
)

BATCH = 200  # answers at a time, or fewer that are long
_ANSWER = SQLModel.metadata.tables["answer"]
_COUNTS = (
    update(_ANSWER)
    .where(_ANSWER.c.id == bindparam("answer"))
    .values(attempt_id=bindparam("attempt"))
)


@dataclass
class Made:
    id: int
    public_id: str
    there: dict[str, Any]


@dataclass
class Incoming:
    """One grid on its way into the tables."""

    session: Session
    stage: Stage
    number: int
    head: dict[str, Any]
    at: datetime = field(default_factory=now)
    prompts: list[int] = field(default_factory=list)  # their ids, by number from 1
    variants: list[int] = field(default_factory=list)
    reviewers: dict[str, int] = field(default_factory=dict)  # by key

    def run(self) -> Made:
        head = self.head
        grid = Grid(
            public_id=new_public_id(),
            title=head["title"],
            repeats=head["repeats"],
            created_at=self._time(head["created_at"]),
            imported=True,
        )
        self.session.add(grid)
        self.session.flush()
        self._prompts(grid.id)
        versions = self._variants(grid.id)
        self._models(grid.id)
        for batch in self._batches():
            self._answers(grid.id, batch)
        there = {}
        if head.get("grid"):
            there = {"grid": head["grid"], "link": head.get("link", ""), "versions": versions}
            if before := head.get("imported"):
                there["before"] = before[:300]
        return Made(grid.id, grid.public_id, there)

    def _time(self, text: str | None) -> datetime:
        return datetime.fromisoformat(text) if text else self.at

    def _prompts(self, grid_id: int) -> None:
        """Those of the library that are the same to the letter; of others, copies outside of it."""
        batch: list[PromptInput] = []
        names = PromptInput.model_fields
        for body in self.stage.parts("prompt", self.number):
            batch.append(PromptInput(**{name: body[name] for name in names}))
            if len(batch) == BATCH:
                self.prompts += self._found_or_made(batch)
                batch = []
        self.prompts += self._found_or_made(batch)
        rows = [
            {"grid_id": grid_id, "prompt_id": id_, "position": place}
            for place, id_ in enumerate(self.prompts)
        ]
        if rows:
            self.session.execute(insert(GridPrompt), rows)

    def _found_or_made(self, given: Sequence[PromptInput]) -> list[int]:
        texts = {prompt.text for prompt in given}
        known = self.session.exec(
            select(Prompt)
            .where(col(Prompt.text).in_(texts))
            .order_by(col(Prompt.archived_at).is_not(None), col(Prompt.id).desc())
        ).all()
        used = set(self.prompts)
        ids = []
        for prompt, key in zip(given, new_public_ids(len(given)), strict=True):
            fitting = (one.id for one in known if one.id not in used and same(one, prompt))
            id_ = next(fitting, None)
            if id_ is None:
                row = Prompt(key=key, archived_at=self.at, **prompt.model_dump())
                self.session.add(row)
                self.session.flush()
                id_ = row.id
            used.add(id_)
            ids.append(id_)
        self.session.expunge_all()
        return ids

    def _variants(self, grid_id: int) -> dict[str, int]:
        """Which version the file has of each wording, by its id here."""
        versions = {}
        for position, body in enumerate(self.stage.parts("variant", self.number)):
            told = body["wording"]
            wording = self._wording(told)
            versions[str(wording)] = int(told["version"])
            variant = Variant(
                grid_id=grid_id,
                position=position,
                wording_id=wording,
                **{name: body[name] for name in _VARIANT},
            )
            self.session.add(variant)
            self.session.flush()
            self.variants.append(variant.id)
        return versions

    def _wording(self, told: dict[str, Any]) -> int:
        """The version here that says the same, or a copy that is not in the library."""
        given = WordingInput(**{name: told[name] for name in WordingInput.model_fields})
        slug = col(Wording.slug) == told["slug"]
        known = self.session.exec(select(Wording).where(slug)).all()
        known = sorted(known, key=lambda one: one.version != told["version"])
        for one in known:
            if same(one, given):
                return one.id
        # Below those of the library, so that its newest version stays the newest.
        version = min((one.version for one in known), default=1) - 1
        highest = self.session.exec(select(func.max(Wording.position))).one() or 0
        row = Wording(
            slug=told["slug"],
            version=version,
            position=known[0].position if known else highest + 1,
            archived_at=self.at,
            **given.model_dump(),
        )
        self.session.add(row)
        self.session.flush()
        return row.id

    def _models(self, grid_id: int) -> None:
        for position, body in enumerate(self.stage.parts("model", self.number)):
            model = {"grid_id": grid_id, "model": body["model"]}
            self.session.add(GridModel(**model, position=position, forced=body["forced"]))
            self.session.add_all([HeldBack(**model, **held) for held in body["held"]])
        self.session.flush()

    def _batches(self) -> Iterator[list[dict[str, Any]]]:
        batch: list[dict[str, Any]] = []
        size = 0
        for one in self.stage.answers(self.number):
            batch.append(one.body)
            size += _weight(one)
            if len(batch) == BATCH or size > BATCH_SIZE:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _answers(self, grid_id: int, bodies: Sequence[dict[str, Any]]) -> None:
        ids = self._inserted(Answer, [self._answer(grid_id, body) for body in bodies])
        attempts = [
            (id_, body["counts"], self._attempt(id_, attempt))
            for id_, body in zip(ids, bodies, strict=True)
            for attempt in body["attempts"]
        ]
        made = self._inserted(Attempt, [row for *_, row in attempts])
        counting = [
            {"answer": answer, "attempt": id_}
            for id_, (answer, counts, row) in zip(made, attempts, strict=True)
            if row["number"] == counts
        ]
        if counting:
            self.session.connection().execute(_COUNTS, counting)
        for table, name, time in ((Label, "labels", "labelled_at"),
                                  (LabelChange, "history", "changed_at")):  # fmt: skip
            rows = [
                row
                for id_, body in zip(ids, bodies, strict=True)
                for row in self._said(id_, body[name], time)
            ]
            if rows:
                self.session.connection().execute(insert(_table(table)), rows)

    def _inserted(self, table: Any, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Their ids, in their order."""
        if not rows:
            return []
        kept = _table(table)
        statement = insert(kept).returning(kept.c.id, sort_by_parameter_order=True)
        return list(self.session.connection().scalars(statement, rows))

    def _answer(self, grid_id: int, body: dict[str, Any]) -> dict[str, Any]:
        provider, slash, _ = body["model"].partition("/")
        return {
            "grid_id": grid_id,
            "prompt_id": self.prompts[body["prompt"] - 1],
            "variant_id": self.variants[body["variant"] - 1],
            "provider": provider if slash else "imported",
            "model": body["model"],
            "repeat": body["repeat"],
            "state": body["state"],
            "label": body["label"],
            "disputed": body["disputed"],
            "decided": body["decided"],
            "tags": " ".join(known_tags(tag for one in body["labels"] for tag in one["tags"])),
            "key": str(body["answer"]),
        }

    def _attempt(self, answer_id: int, attempt: dict[str, Any]) -> dict[str, Any]:
        times: dict[str, Any] = {
            "started_at": self._time(attempt["started_at"]),
            # Nothing of it is in flight.
            "finished_at": self._time(attempt["finished_at"] or attempt["started_at"]),
        }
        return {**attempt, **times, "answer_id": answer_id}

    def _said(
        self, answer_id: int, said: Sequence[dict[str, Any]], time: str
    ) -> Iterator[dict[str, Any]]:
        before: list[str] = []
        for one in said:
            # In a history a name occurs more than once; as labels these are two people.
            times = before.count(one["reviewer"]) if time == "labelled_at" else 0
            before.append(one["reviewer"])
            yield {
                "answer_id": answer_id,
                "reviewer_id": self._reviewer(one["reviewer"], times),
                "value": one["label"],
                "tags": one["tags"],
                "note": one["note"],
                "decides": one["decides"],
                time: self._time(one[time]),
            }

    def _reviewer(self, name: str, times: int) -> int:
        """One who is known by name only: no browser is this reviewer, and nobody can become it."""
        key = IMPORTED * (times + 1) + name
        if key not in self.reviewers:
            known = self.session.exec(select(Reviewer.id).where(Reviewer.name_key == key)).first()
            if known is None:
                row = Reviewer(name=name, name_key=key, secret=secrets.token_urlsafe(32))
                self.session.add(row)
                self.session.flush()
                known = row.id
            self.reviewers[key] = known
        return self.reviewers[key]


def _table(mapped: Any) -> Table:
    """To be inserted into without mapping each row, which takes a third of the time."""
    return SQLModel.metadata.tables[mapped.__tablename__]


_VARIANT = ("thinking", "system_prompt", "temperature", "max_tokens")


def _weight(one: Staged) -> int:
    """About how many characters there are in it."""
    texts = ("text", "thinking_text", "response", "user_message", "system_message")
    return sum(len(attempt[name]) for attempt in one.body["attempts"] for name in texts)
