"""Two grids side by side: the same prompts asked again, paired by prompt and column."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from app.grid.view import Column
from app.grids import IS_LISTED
from app.results.book import load_book
from app.results.choice import By, Choice
from app.results.effects import Effect, adjusted, compare
from app.results.lines import Line, lines
from app.tables import Answer, Attempt, Grid, GridPrompt, Prompt

SHOWN = 30  # grids that are offered


@dataclass(frozen=True, slots=True)
class Offer:
    """Another grid with some of the same prompts."""

    grid: Grid
    prompts: int  # in common


@dataclass(frozen=True, slots=True)
class Run:
    grid: Grid
    first: datetime | None  # when its first call and its last one began
    last: datetime | None
    served: Mapping[str, list[str]]  # the names under which models answered, by model


@dataclass(frozen=True, slots=True)
class SharedColumn:
    """What one model × thinking × wording said then and later, over all its prompts in each."""

    old: Line
    new: Line
    effect: Effect


@dataclass(frozen=True, slots=True)
class Comparison:
    old: Run
    new: Run
    prompts: int  # in both, with the same text
    edited: int  # in both, with another text: not compared
    shared: list[SharedColumn]
    only_old: list[Column]
    only_new: list[Column]


def offers(session: Session, grid: Grid, visible: ColumnElement[bool]) -> list[Offer]:
    """Other grids with prompts in common, the newest first; no snapshots. ``visible``: which may
    be offered."""
    here = select(GridPrompt.prompt_id).where(GridPrompt.grid_id == grid.id)
    rows = session.execute(
        select(Grid, func.count())
        .join(GridPrompt, col(GridPrompt.grid_id) == col(Grid.id))
        .where(col(GridPrompt.prompt_id).in_(here), col(Grid.id) != grid.id, IS_LISTED, visible)
        .group_by(col(Grid.id))
        .order_by(col(Grid.created_at).desc())
        .limit(SHOWN)
    )
    return [Offer(other, n) for other, n in rows]


def compare_grids(session: Session, one: Grid, other: Grid, choice: Choice) -> Comparison:
    """The older of the two is what the newer is compared with."""
    old, new = sorted((one, other), key=lambda grid: (grid.created_at, grid.id))
    books = [load_book(session, grid, choice.tag, ignored=choice.ignored) for grid in (old, new)]
    before, after = ({_same(line): line for line in lines(book, By.column)} for book in books)
    both = [(before[key], after[key]) for key in before if key in after]
    effects = adjusted([_effect(a, b, choice) for a, b in both])
    common = books[0].questions.keys() & books[1].questions.keys()
    return Comparison(
        _run(session, old),
        _run(session, new),
        len(common),
        len(_keys(session, old) & _keys(session, new)) - len(common) if not choice.tag else 0,
        [SharedColumn(a, b, effect) for (a, b), effect in zip(both, effects, strict=True)],
        [line.columns[0] for key, line in before.items() if key not in after],
        [line.columns[0] for key, line in after.items() if key not in before],
    )


def _effect(old: Line, new: Line, choice: Choice) -> Effect:
    pair = old.cells, new.cells
    return compare("the time between", old.name, "then", "later", [pair], choice.of)


def _same(line: Line) -> tuple[object, ...]:
    """Equal for columns that ask the same: also where their grids gave them other numbers."""
    [column] = line.columns
    it = column.variant
    rest = it.system_prompt, it.temperature, it.max_tokens
    return column.model, it.thinking, column.wording.slug, column.wording.version, rest


def _keys(session: Session, grid: Grid) -> set[str]:
    return set(
        session.scalars(
            sqlalchemy.select(col(Prompt.key))
            .join(GridPrompt, col(GridPrompt.prompt_id) == col(Prompt.id))
            .where(col(GridPrompt.grid_id) == grid.id)
        )
    )


def _run(session: Session, grid: Grid) -> Run:
    counted = (
        sqlalchemy.select(
            col(Answer.model),
            col(Attempt.served_model),
            func.min(Attempt.started_at),
            func.max(Attempt.started_at),
        )
        .join(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.grid_id) == grid.id)
        .group_by(col(Answer.model), col(Attempt.served_model))
    )
    served: dict[str, list[str]] = {}
    times: list[datetime] = []
    for model, name, first, last in session.execute(counted):
        times += [first, last]
        if name:
            served.setdefault(model, []).append(name)
    return Run(grid, min(times, default=None), max(times, default=None), served)
