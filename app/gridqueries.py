"""Reads one grid for display: its columns, rows, chips and counts, whole, in part or what changed.

Pages, live updates, the API and the export read through these, so they cannot disagree.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import median
from typing import Any

import sqlalchemy
from sqlalchemy import Select
from sqlmodel import Session, col, func, select

from app.chips import SHORT, Chip
from app.costs import spending_of_columns
from app.gridfacts import Facts, find, load_facts
from app.gridfilter import Matches, Setting, marks_of, match, other_numbers
from app.grids import Progress, tally_progress
from app.gridtally import tallies
from app.gridview import (
    CHARACTERS,
    LONG,
    Block,
    Cell,
    Column,
    GridRow,
    Level,
    Mini,
    Slot,
    blocks,
    levels,
    mark_equals,
    ordered,
    row_order,
)
from app.look import Density, Look
from app.money import Spending
from app.tables import (
    Answer,
    Attempt,
    Grid,
    GridModel,
    GridPrompt,
    HeldBack,
    Prompt,
    Reviewer,
    Variant,
    Wording,
    now,
)

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
        return blocks(len(self.rows), shown * self.grid.repeats)


@dataclass(frozen=True, slots=True)
class GridView:
    """A grid as a look has it, with some of its rows."""

    shape: Shape
    blocks: list[Block]

    @property
    def rows(self) -> list[GridRow]:
        return [row for block in self.blocks for row in block.rows]


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
    found = look.unshaped, reviewer_id
    matches = facts.made(
        ("matches", found),
        lambda: match(facts, marks, look, find(session, grid.id, look, reviewer_id)),
    )
    rows = facts.made(
        ("rows", found), lambda: row_order(facts.prompts, look, facts.by_id, matches.ids)
    )
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


def load_view(
    session: Session,
    grid: Grid,
    look: Look = EVERYTHING,
    reviewer_id: int | None = None,
    *,
    at: int | None = None,
    row: int = 1,
    whole: bool = False,
) -> GridView:
    """The grid with its first block of rows, or with that of the answer ``at``, or of ``row``."""
    shape = load_shape(session, grid, look, reviewer_id)
    if at in shape.facts.by_id:
        prompt = shape.facts.by_id[at].prompt_id
        row = next((n for n, (_, id_) in enumerate(shape.rows, 1) if id_ == prompt), row)
    return GridView(
        shape,
        [
            replace(block, rows=load_rows(session, shape, block.first, block.last))
            if whole or block.first <= row <= block.last
            else block
            for block in shape.blocks
        ],
    )


def load_rows(session: Session, shape: Shape, first: int, last: int) -> list[GridRow]:
    """The rows from ``first`` to ``last`` among those that are shown, from 1."""
    wanted = shape.rows[first - 1 : last]
    ids = [prompt_id for _, prompt_id in wanted]
    prompts = {p.id: p for p in session.exec(select(Prompt).where(col(Prompt.id).in_(ids)))}
    density: Density = shape.look.density or "chips"
    statement = _chips(shape.grid.id, CHARACTERS[density]).where(col(Answer.prompt_id).in_(ids))
    cells: dict[tuple[int, str, int], list[Chip]] = {}
    by_row: dict[int, list[Chip]] = {}
    statement = statement.order_by(col(Answer.repeat), col(Answer.id))
    for chip in _to_chips(session, statement, shape.columns):
        cells.setdefault((chip.prompt_id, chip.model, chip.variant_id), []).append(chip)
        by_row.setdefault(chip.prompt_id, []).append(chip)
    for chips in by_row.values():
        _dress(shape, chips)
    minis = _minis(shape, set(ids))
    edges = {id(level.slots[0]) for level in shape.levels}
    rows = []
    for index, (number, prompt_id) in enumerate(wanted, start=first):
        row = [
            Cell(slot, cells.get((prompt_id, slot.model, slot.variant.id), []), id(slot) in edges)
            if isinstance(slot, Column)
            else minis[prompt_id, slot.key]
            for slot in shape.slots
        ]
        answer = min((chip.id for chip in by_row.get(prompt_id, [])), default=0)
        rows.append(GridRow(number, index, prompts[prompt_id], row, answer))
    return rows


def load_changed(session: Session, shape: Shape, since: int) -> tuple[list[Chip], list[Mini]]:
    """The chips that changed after ``since``, with those they equal now; what is folded of them.

    Chips in folded columns are not among them.
    """
    rows = sqlalchemy.select(col(Answer.prompt_id)).where(
        col(Answer.grid_id) == shape.grid.id, col(Answer.seq) > since
    )
    density: Density = shape.look.density or "chips"
    statement = _chips(shape.grid.id, CHARACTERS[density]).where(col(Answer.prompt_id).in_(rows))
    by_row: dict[int, list[Chip]] = {}
    for chip in _to_chips(session, statement.order_by(col(Answer.id)), shape.columns):
        by_row.setdefault(chip.prompt_id, []).append(chip)
    found = []
    for row in by_row.values():
        chips = _dress(shape, row)
        # One that was alone so far has a fellow now.
        pairs = Counter(chip.key for chip in chips if chip.key)
        fresh = {chip.key for chip in chips if chip.seq > since and pairs[chip.key] == 2}
        found += [chip for chip in chips if chip.seq > since or chip.key in fresh]
    return found, list(_minis(shape, set(by_row)).values())


def load_chip(session: Session, answer: Answer) -> Chip:
    """One chip, as it stands now."""
    statement = _chips(answer.grid_id, SHORT).where(col(Answer.id) == answer.id)
    return next(iter(_to_chips(session, statement, load_columns(session, answer.grid_id))))


def matching(session: Session, grid: Grid, look: Look, reviewer: Reviewer | None) -> set[int]:
    """The ids of the answers that match the filters of ``look``."""
    return load_shape(session, grid, look, reviewer.id if reviewer else None).matches.ids


def load_columns(session: Session, grid_id: int) -> list[Column]:
    """The grid's columns in their usual order, without counts."""
    models = session.exec(
        select(GridModel).where(GridModel.grid_id == grid_id).order_by(col(GridModel.position))
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
    return [
        Column(
            f"{number}-{variant.id}",
            row.model,
            variant,
            wording,
            forced=variant.thinking in row.forced,
            held=held.get((row.model, variant.thinking)),
        )
        for number, row in enumerate(models)
        for variant, wording in in_order
    ]


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
    if earlier is None or other_numbers(facts):
        return spending_of_columns(session, grid_id)
    return earlier


def _progress(facts: Facts) -> Progress:
    kinds = Counter((f.state, f.outcome, f.label, f.disputed) for f in facts.by_id.values())
    return tally_progress((*kind, n) for kind, n in kinds.items())


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


def _dress(shape: Shape, chips: Iterable[Chip]) -> list[Chip]:
    """Of the chips of one row those that are not folded, told what is equal and what matches."""
    unfolded = {(s.model, s.variant.id) for s in shape.slots if isinstance(s, Column)}
    chips = [chip for chip in chips if (chip.model, chip.variant_id) in unfolded]
    equals = mark_equals(chips)
    for chip in chips:
        chip.eq = equals.get(chip.id, 0)
        chip.off = shape.look.filters and chip.id not in shape.matches.ids
    return chips


def _minis(shape: Shape, prompts: set[int]) -> dict[tuple[int, str], Mini]:
    """What folded groups show in these rows."""
    groups = [slot for slot in shape.slots if not isinstance(slot, Column)]
    if not groups:
        return {}
    of_column = {(c.model, c.variant.id): g for g in groups for c in g.parts}
    counts: Counter[tuple[int, str, str]] = Counter()
    for fact in shape.facts.by_id.values():
        group = of_column.get((fact.model, fact.variant_id))
        if group and fact.prompt_id in prompts:
            counts[fact.prompt_id, group.key, "total"] += 1
            if fact.label:
                counts[fact.prompt_id, group.key, fact.label] += 1
    names = ("total", "correct", "hallucinated", "abstained")
    return {
        (prompt, group.key): Mini(
            group, prompt, **{name: counts[prompt, group.key, name] for name in names}
        )
        for prompt in prompts
        for group in groups
    }


def _chips(grid_id: int, characters: int) -> Select[Any]:
    columns: list[Any] = [
        col(Answer.id),
        col(Answer.prompt_id),
        col(Answer.model),
        col(Answer.variant_id),
        col(Answer.repeat),
        col(Answer.state),
        col(Answer.label),
        col(Answer.disputed),
        col(Answer.seq),
        col(Answer.attempt_id),
        col(Attempt.outcome),
        col(Attempt.mismatch),
        func.substr(Attempt.text, 1, characters),
        col(Attempt.error_message),
        col(Attempt.short),
        col(Attempt.answer_key),
        col(Attempt.suggested),
        col(Attempt.suggestion_strength),
        col(Attempt.hedged),
        col(Answer.tags),
        col(Answer.decided),
    ]
    return (
        sqlalchemy.select(*columns)
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.grid_id) == grid_id)
    )


def _to_chips(
    session: Session, statement: Select[Any], columns: Sequence[Column]
) -> Iterable[Chip]:
    by_key = {(c.model, c.variant.id): c for c in columns}
    for row in session.execute(statement):
        column = by_key[row.model, row.variant_id]
        yield Chip(
            model=row.model,
            variant_id=row.variant_id,
            state=row.state,
            outcome=row.outcome,
            label=row.label,
            disputed=row.disputed,
            mismatch=row.mismatch or "",
            id=row.id,
            prompt_id=row.prompt_id,
            repeat=row.repeat,
            text=row[12] or "",
            error=row.error_message or column.refusal(row.state, row.attempt_id),
            seq=row.seq,
            said=row.short or "",
            answer_key=row.answer_key or "",
            suggested=row.suggested,
            suggestion_strength=row.suggestion_strength or "",
            hedged=bool(row.hedged) or "hedged" in row.tags.split(),
            decided=row.decided,
        )
