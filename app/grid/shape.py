"""One grid as a look has it, without its texts: columns with their counts, levels, rows, matches.

Pages, live updates, the API and the export read through these, so they cannot disagree.
"""

import asyncio
import logging
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import compress
from statistics import median

import sqlalchemy
from sqlmodel import Session, col, func, select

from app.db import Database
from app.errors import Unavailable
from app.grid.facts import Facts, load_facts
from app.grid.filter import Matches, Setting, marks_of, match, other_numbers, same_facts
from app.grid.found import find, reviewers_named
from app.grid.look import Density, Look
from app.grid.tally import tallies
from app.grid.view import (
    LONG,
    Block,
    Column,
    Level,
    Slot,
    blocks,
    levels,
    ordered,
    row_order,
    told_apart,
)
from app.grids import IS_LISTED, Progress, tally_progress
from app.pricing.costs import spending_of_columns
from app.pricing.money import Spending
from app.tables import (
    Answer,
    Attempt,
    Grid,
    GridModel,
    GridPrompt,
    HeldBack,
    Prompt,
    Variant,
    Wording,
    now,
)

log = logging.getLogger(__name__)
EVERYTHING = Look()
SAMPLE = 200  # answers by whose length the density is chosen


@dataclass(frozen=True, slots=True)
class Shape:
    """A grid as a look has it: all but its rows and chips."""

    grid: Grid
    look: Look  # with the density that was chosen
    facts: Facts
    columns: list[Column]
    levels: list[Level]
    matches: Matches
    rows: list[tuple[int, int]]  # (number, prompt id) of those that are shown
    progress: Progress

    @property
    def slots(self) -> list[Slot]:
        return [slot for level in self.levels for slot in level.slots]

    @property
    def blocks(self) -> list[Block]:
        shown = sum(isinstance(slot, Column) for slot in self.slots)
        return blocks([number for number, _ in self.rows], shown * self.grid.repeats)

    @property
    def matching_ids(self) -> Iterator[int]:
        return compress(self.facts.ids, self.matches.at)

    def matching(self, answer_id: int) -> bool:
        """Whether an answer is there and matches the filters."""
        at = self.facts.place(answer_id)
        return at is not None and bool(self.matches.at[at])

    @property
    def rows_mark(self) -> str:
        """How many rows are shown, and which, in few characters."""
        ids = sorted(prompt_id for _, prompt_id in self.rows)
        return f"{len(ids)}-{zlib.crc32(str(ids).encode())}"

    def more_rows(self, mark: str) -> int | None:
        """How many more are shown than those of ``mark``; None: exactly the same."""
        return None if mark == self.rows_mark else len(self.rows) - int(mark.partition("-")[0])


def load_shape(
    session: Session, grid: Grid, look: Look = EVERYTHING, reviewer_id: int | None = None
) -> Shape:
    """Reads what changed since this grid was last read, and nothing of its texts."""
    facts = load_facts(session, grid)
    columns = load_columns(session, grid.id)
    settings = {c.variant.id: _setting(c.variant) for c in columns}
    marks = marks_of(facts, settings)
    counts = tallies(facts, marks)
    spending = facts.made("spending", lambda: _spending(session, grid.id, facts))
    for column in columns:
        key = (column.model, column.variant.id)
        if key in counts:
            column.tally = counts[key]
            column.tally.spending = spending.get(key, column.tally.spending)
    columns = ordered([c for c in columns if c.tally.total], look)
    named = reviewers_named(session, look.by)
    found = look.unshaped, named, reviewer_id
    matches = facts.made(
        ("matches", found),
        lambda: match(facts, marks, look, find(session, grid.id, look, named, reviewer_id)),
    )
    rows = facts.made(("order", found), lambda: row_order(facts, look, matches))
    density = look.density or _density(session, grid.id)
    return Shape(
        grid,
        look.with_(density=density),
        facts,
        columns,
        levels(columns, look),
        matches,
        rows,
        facts.made("progress", lambda: _progress(facts)),
    )


@asynccontextmanager
async def reading_ahead(database: Database) -> AsyncIterator[None]:
    """Meanwhile read what pages of the newest grids need: of a large one that takes a second, which
    its first reader after a start would wait."""
    task = asyncio.create_task(asyncio.to_thread(read_newest, database))
    try:
        yield
    finally:
        await task  # no thread of it outlives the database


def read_newest(database: Database, grids: int = 3) -> None:
    try:
        with database.read() as session:
            newest = select(Grid).where(IS_LISTED).order_by(col(Grid.id).desc()).limit(grids)
            for grid in session.exec(newest):
                load_shape(session, grid)
    except Unavailable as exc:
        log.info("grids were not read ahead: %s", exc.reason)


def load_columns(session: Session, grid_id: int) -> list[Column]:
    """The grid's columns in their usual order, without counts."""
    models = session.exec(
        select(GridModel)
        .where(GridModel.grid_id == grid_id)
        # Two may have one place: one that was added used to get that of what was pasted before.
        .order_by(col(GridModel.position), col(GridModel.model))
    ).all()
    variants = session.exec(
        select(Variant, Wording)
        .join(Wording, col(Wording.id) == Variant.wording_id)
        .where(Variant.grid_id == grid_id)
    ).all()
    held = {
        (row.model, row.thinking): row
        for row in session.exec(select(HeldBack).where(HeldBack.grid_id == grid_id))
    }
    in_order = sorted(variants, key=lambda pair: (pair[0].thinking.position, pair[0].position))
    apart = told_apart(sorted(variants, key=lambda pair: pair[0].position))
    return [
        Column(
            f"{number}-{variant.id}",
            row.model,
            variant,
            wording,
            apart=apart[variant.id],
            forced=variant.thinking in row.forced,
            held=held.get((row.model, variant.thinking)),
        )
        for number, row in enumerate(models)
        for variant, wording in in_order
    ]


def column_of(session: Session, answer: Answer) -> Column:
    """The column in which an answer stands, without counts."""
    key = (answer.model, answer.variant_id)
    return next(c for c in load_columns(session, answer.grid_id) if (c.model, c.variant.id) == key)


def load_prompts(session: Session, grid_id: int) -> list[Prompt]:
    """The grid's prompts in their order."""
    return list(
        session.exec(
            select(Prompt)
            .join(GridPrompt, col(GridPrompt.prompt_id) == Prompt.id)
            .where(GridPrompt.grid_id == grid_id)
            .order_by(col(GridPrompt.position))
        )
    )


def answers_per_minute(session: Session, grid_id: int, window_s: int = 30) -> float:
    """How many answers were finished lately, per minute."""
    since = now() - timedelta(seconds=window_s)
    row = session.execute(
        select(func.count(), func.min(Attempt.finished_at))
        .select_from(Attempt)
        .join(Answer, col(Answer.attempt_id) == Attempt.id)
        .where(Answer.grid_id == grid_id, col(Attempt.finished_at) > since)
    ).one()
    if row[0] < 2:
        return 0.0
    span = max((now() - row[1]).total_seconds(), 1.0)
    return float(60 * row[0] / span)


def _setting(variant: Variant) -> Setting:
    rest = (variant.system_prompt, variant.temperature, variant.max_tokens)
    return Setting(variant.thinking, variant.wording_id, rest)


def _spending(session: Session, grid_id: int, facts: Facts) -> dict[tuple[str, int], Spending]:
    earlier: dict[tuple[str, int], Spending] | None = facts.earlier("spending")
    if earlier is None or other_numbers(facts) or same_facts(facts):
        return spending_of_columns(session, grid_id)
    return earlier


def _progress(facts: Facts) -> Progress:
    counts = Counter(facts.kind_numbers)
    kinds = ((facts.kinds[number], n) for number, n in counts.items())
    return tally_progress((it.state, it.outcome, it.label, it.disputed, n) for it, n in kinds)


def _density(session: Session, grid_id: int) -> Density:
    """First lines where most answers are too long for a chip."""
    beginning = func.length(func.substr(Attempt.text, 1, LONG + 1))
    lengths = session.scalars(
        sqlalchemy.select(beginning)
        .join(Answer, col(Answer.attempt_id) == col(Attempt.id))
        .where(col(Answer.grid_id) == grid_id, col(Attempt.text) != "")
        .limit(SAMPLE)
    ).all()
    return "lines" if lengths and median(lengths) > LONG else "chips"
