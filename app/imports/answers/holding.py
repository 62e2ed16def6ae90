"""Each label of a file held against one grid: the answer that it names, and what it would do."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlmodel import Session, select

from app.errors import InvalidInput
from app.imports.answers import vocabulary
from app.imports.answers.here import Here, answers_here, differing
from app.imports.answers.named import Named
from app.imports.answers.stage import Stage
from app.imports.encoding import visible
from app.people.access import refused_in_name
from app.reviewing.labels import labels_of
from app.reviewing.said import NOTHING, Said, amended, refusal, said_by
from app.tables import Grid, Label, LabelValue, Origin, Reviewer

_INSERT = "INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class Status(StrEnum):
    new = "new"
    changed = "changed"  # this reviewer says something else here
    same = "same"
    bad = "bad"


class Holding:
    def __init__(self, session: Session, stage: Stage, grid: Grid) -> None:
        self.session = session
        self.stage = stage
        self.grid_id, self.public_id = grid.id, grid.public_id
        origin = session.get(Origin, grid.id) if grid.imported else None
        # What files call it: also as it was called where it was exported first.
        self.names = {"", grid.public_id, *([origin.there.get("grid")] if origin else [])}
        self.meanings = stage.meanings()
        self.refused: dict[str, str] = {}  # by the key of a reviewer

    def hold(self, batch: Sequence[Named]) -> None:
        numbers = {one.answer for one in batch if one.answer and one.grid in self.names}
        here = answers_here(self.session, self.grid_id, numbers)
        ids = {answer.id for found in here.values() for answer in found}
        labels = labels_of(self.session, sorted(ids))
        for one in batch:
            say, answer, status, problem = {}, None, Status.bad, one.problem
            try:
                if not problem:
                    if not (say := self._said(one)):
                        continue
                    answer = self._answer(one, here.get(one.answer, []))
                    status, problem = self._judged(one, answer, say, labels.get(answer.id, []))
            except InvalidInput as exc:
                status, problem = Status.bad, str(exc)
            row = (
                self.public_id, one.number, one.line, status, answer.id if answer else None,
                _plain(say.get("reviewer", "")), json.dumps(say, ensure_ascii=False),
                visible(problem),
            )  # fmt: skip
            self.stage.db.execute(_INSERT, row)
        self.session.expunge_all()

    def _said(self, one: Named) -> dict[str, Any]:
        """What is given of a label; nothing: nothing is said. Raises InvalidInput."""
        say = dict(one.label)
        if raw := say.pop("raw", ""):
            value, tags = vocabulary.label_of(self.meanings.get(raw) or "none")
            say |= {"value": value, **({"tags": [*say.get("tags", []), *tags]} if tags else {})}
        if not any(say.get(name) for name in ("value", "tags", "note")):
            return {}
        if not say.get("reviewer"):
            raise InvalidInput("it names no reviewer: say who labelled, where a row names nobody")
        return say

    def _answer(self, one: Named, here: Sequence[Here]) -> Here:
        """Raises InvalidInput."""
        if one.grid not in self.names:
            raise InvalidInput(f"it is of another grid, {one.grid[:40]}")
        if not one.answer:
            raise InvalidInput("it does not say which answer it is of")
        if not here:
            raise InvalidInput(f"there is no answer {one.answer[:40]} in this grid")
        odd = [differing(one.told, answer) for answer in here]
        if odd.count("") > 1:
            raise InvalidInput(f"two answers of this grid may be meant by {one.answer[:40]}")
        if "" not in odd:
            raise InvalidInput(
                f"answer {one.answer[:40]} of this grid has another {odd[0]}"
                + (": it was run again, or changed in the file" if odd[0] == "text" else "")
            )
        return here[odd.index("")]

    def _judged(
        self,
        one: Named,
        answer: Here,
        say: dict[str, Any],
        labels: Sequence[tuple[Label, Reviewer]],
    ) -> tuple[Status, str]:
        """Raises InvalidInput."""
        name = say["reviewer"]
        theirs = {w.name_key: said_by(la) for la, w in labels if _plain(w.name) == _plain(name)}
        given = arguments({k: v for k, v in say.items() if k != "reviewer"})
        if any(amended(before, **given) == before for before in theirs.values()):
            return Status.same, ""
        own = theirs.get(_plain(name))
        after = amended(own or NOTHING, **given)
        if why := refusal(answer.state, answer.called, answer.outcome, after.value):
            raise InvalidInput(why)
        if theirs and own is None:
            raise InvalidInput(
                f"the file that this grid came from has another label by {name}, in whose name"
                " nobody labels here"
            )
        if before := self._before(answer, name):
            if before[1] != json.loads(json.dumps({**say, "reviewer": before[1]["reviewer"]})):
                raise InvalidInput(f"line {before[0]} says something else for {name}")
            return Status.same, f"says what line {before[0]} says"
        if why := self._refused(name):
            raise InvalidInput(f"{name} {why}")
        if own is not None:
            there, here = _in_words(after), _in_words(own)
            return Status.changed, f"{name} says {there} in the file, and here {here}"
        return Status.new, ""

    def _refused(self, name: str) -> str:
        """Why this reviewer gets no label here."""
        key = _plain(name)
        if key not in self.refused:
            who = self.session.exec(select(Reviewer).where(Reviewer.name_key == key)).first()
            grid = self.session.get_one(Grid, self.grid_id)
            self.refused[key] = refused_in_name(self.session, grid, who)
        return self.refused[key]

    def _before(self, answer: Here, name: str) -> tuple[int, Any] | None:
        """The line that has a label of the same answer by the same reviewer."""
        found = self.stage.db.execute(
            "SELECT line, say FROM held WHERE grid = ? AND answer = ? AND who = ?"
            " AND status IN ('new', 'changed')",
            (self.public_id, answer.id, _plain(name)),
        ).fetchone()
        return (found[0], json.loads(found[1])) if found else None


def _plain(name: str) -> str:
    """As the key of a reviewer is written."""
    return " ".join(name.split()).casefold()


def arguments(say: dict[str, Any]) -> dict[str, Any]:
    if value := say.get("value"):
        return {**say, "value": LabelValue(value)}
    return say


def _in_words(said: Said) -> str:
    parts = [said.value or "no label", *said.tags, *(["decides"] if said.decides else [])]
    note = said.note if len(said.note) <= 60 else said.note[:59] + "…"
    return ", ".join(parts) + (f" (“{' '.join(note.split())}”)" if note else "")
