"""Labels of a file, held against a grid that is here: what adding them to it would do."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import literal_column
from sqlmodel import Session, col, func, select

from app.errors import Conflict, InvalidInput
from app.grids import FROZEN, IS_THERE
from app.imports.answers.here import HAS_KEY, NO_KEY, as_numbers
from app.imports.answers.holding import Holding, Status, arguments
from app.imports.answers.named import named
from app.imports.answers.stage import LISTED, Problem, Stage, staged
from app.tables import Answer, Grid, Origin, Reviewer

OFFERED = 5  # grids


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
    holding = Holding(session, stage, grid)
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
        yield answer, say.pop("reviewer"), arguments(say)


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
