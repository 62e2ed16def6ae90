"""Labels of a file, held against a grid that is here: what adding them to it would do."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import literal_column
from sqlmodel import Session, col, func, select

from app.errors import Conflict, InvalidInput
from app.grids import FROZEN, IS_THERE
from app.imports.answers import vocabulary
from app.imports.answers.here import HAS_KEY, NO_KEY, Here, answers_here, as_numbers, differing
from app.imports.answers.named import Named, named
from app.imports.answers.stage import LISTED, Problem, Stage, staged
from app.imports.encoding import visible
from app.people.access import refused_in_name
from app.reviewing.labels import NOTHING, Said, amended, labels_of, refusal, said_by
from app.tables import Answer, Grid, Label, LabelValue, Origin, Reviewer

OFFERED = 5  # grids
_INSERT = "INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class Status(StrEnum):
    new = "new"
    changed = "changed"  # this reviewer says something else here
    same = "same"
    bad = "bad"


@dataclass(frozen=True)
class Held:
    """What the labels of a file would do in one grid. ``refused``: why it takes none."""

    grid: str  # its id
    title: str
    counts: dict[str, int]
    refused: str = ""
    newcomers: list[str] = field(default_factory=list)  # names that no reviewer here has yet

    @property
    def fitting(self) -> int:
        return sum(self.counts.values()) - self.counts[Status.bad]

    @property
    def in_words(self) -> str:
        """Such as “3 new, 1 that differs, 40 the same, 2 that cannot be added”."""
        words = {
            Status.new: "new",
            Status.changed: f"that differ{'s' if self.counts[Status.changed] == 1 else ''}",
            Status.same: "the same",
            Status.bad: "that cannot be added",
        }
        told = [f"{self.counts[s]:,} {word}" for s, word in words.items() if self.counts[s]]
        return ", ".join(told) or "none"


def hold_all(session: Session, stage: Stage) -> list[Held]:
    """Hold the labels against the grids that they may be of; the likeliest first."""
    found = []
    for grid, named_so in _candidates(session, stage):
        if grid.frozen:
            found.append(Held(grid.public_id, grid.title, dict.fromkeys(Status, 0), FROZEN))
            continue
        held = hold(session, stage, grid)
        if held.fitting or (named_so and held.counts[Status.bad]):
            found.append(held)
    found.sort(key=lambda held: -held.fitting)
    if found and found[0].fitting:  # then nobody means a snapshot of it
        found = [held for held in found if not held.refused]
    return found[:OFFERED]


def hold(session: Session, stage: Stage, grid: Grid) -> Held:
    """Stage what each label would do in this grid."""
    public_id, title = grid.public_id, grid.title
    stage.db.execute("DELETE FROM held WHERE grid = ?", (public_id,))
    holding = _Holding(session, stage, grid)
    for batch in named(stage):
        holding.hold(batch)
    found = dict(
        stage.db.execute(
            "SELECT status, count(*) FROM held WHERE grid = ? GROUP BY status", (public_id,)
        )
    )
    counts = {status.value: found.get(status, 0) for status in Status}
    return Held(public_id, title, counts, newcomers=_newcomers(session, stage, public_id))


def _newcomers(session: Session, stage: Stage, grid: str) -> list[str]:
    """Those who would be made reviewers: a name that is misspelt is one of them."""
    statement = (
        "SELECT who, min(json_extract(say, '$.reviewer')) FROM held WHERE grid = ?"
        " AND status = 'new' GROUP BY who ORDER BY who LIMIT 1000"
    )
    names = dict(stage.db.execute(statement, (grid,)))
    known = session.exec(select(Reviewer.name_key).where(col(Reviewer.name_key).in_(names)))
    for key in known:
        del names[key]
    return list(names.values())[:OFFERED]


def held_in(found: Sequence[Held], grid: str) -> Held:
    """What the labels would do in this grid. Raises InvalidInput where none says it is of it, and
    Conflict where it takes none."""
    held = next((one for one in found if one.grid == grid), None)
    if held is None:
        raise InvalidInput(
            "No label in it says that it is of an answer of this grid. A table of labels says so in"
            " a column with the numbers or the addresses of answers."
        )
    if held.refused:
        raise Conflict(held.refused)
    return held


def listing_in(rows: Path, grid: str, status: Status) -> list[Problem]:
    """The first lines that cannot be added to this grid, or that differ."""
    statement = (
        "SELECT h.line, h.problem, g.cells, coalesce(g.raw, '') FROM held h LEFT JOIN given g"
        " ON g.line = h.line WHERE grid = ? AND status = ? ORDER BY said LIMIT ?"
    )
    with staged(rows) as stage:
        return [
            Problem(line, problem, _joined(cells) or raw)
            for line, problem, cells, raw in stage.db.execute(statement, (grid, status, LISTED))
        ]


def _joined(cells: str | None) -> str:
    values = json.loads(cells or "{}").values()
    return " | ".join(value for value in values if isinstance(value, str) and value)


def to_say(
    stage: Stage, grid: str, statuses: Sequence[Status]
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Which answer, who says it, and the arguments of ``set_label``."""
    where = "grid = ? AND status IN (SELECT value FROM json_each(?)) ORDER BY said"
    statement = f"SELECT answer, say FROM held WHERE {where}"  # noqa: S608
    for answer, text in stage.db.execute(statement, (grid, json.dumps(statuses))):
        say = json.loads(text)
        yield answer, say.pop("reviewer"), _arguments(say)


def _candidates(session: Session, stage: Stage) -> list[tuple[Grid, bool]]:
    """Grids that are here, and whether the file names them; else they only have answers with its
    numbers."""
    told = {row[0] for row in stage.db.execute("SELECT DISTINCT grid FROM said LIMIT 1000")}
    by_name: set[int] = set()
    if names := told - {""}:
        by_name.update(session.exec(select(Grid.id).where(col(Grid.public_id).in_(names))))
        origins = session.exec(select(Origin))
        by_name.update(one.grid_id for one in origins if one.there.get("grid") in names)
    ids = set(by_name)
    if "" in told:
        ids.update(id_ for id_, _ in _by_numbers(session, stage).most_common(2 * OFFERED))
    grids = session.exec(select(Grid).where(col(Grid.id).in_(ids), IS_THERE)).all()
    return [(grid, grid.id in by_name) for grid in grids]


def _by_numbers(session: Session, stage: Stage) -> Counter[int]:
    """In which grids there are answers with the numbers of the file, and how many."""
    found: Counter[int] = Counter()
    for batch in named(stage):
        numbers = {one.answer for one in batch if one.answer and not one.grid}
        for condition in (
            col(Answer.id).in_(as_numbers(numbers)) & NO_KEY,
            col(Answer.key).in_(numbers) & HAS_KEY,
        ):
            statement = select(Answer.grid_id, func.count(literal_column("1"))).where(condition)
            for grid_id, n in session.exec(statement.group_by(col(Answer.grid_id))):
                found[grid_id] += n
    return found


class _Holding:
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
        given = _arguments({k: v for k, v in say.items() if k != "reviewer"})
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


def _arguments(say: dict[str, Any]) -> dict[str, Any]:
    if value := say.get("value"):
        return {**say, "value": LabelValue(value)}
    return say


def _in_words(said: Said) -> str:
    parts = [said.value or "no label", *said.tags, *(["decides"] if said.decides else [])]
    note = said.note if len(said.note) <= 60 else said.note[:59] + "…"
    return ", ".join(parts) + (f" (“{' '.join(note.split())}”)" if note else "")
