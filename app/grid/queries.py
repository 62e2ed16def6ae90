"""Reads the rows of one grid for display: their chips, a block of them or what changed.

What stands around them is in shape.py.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy
from sqlalchemy import Select
from sqlmodel import Session, col, func, select

from app.grid.chips import SHORT, Chip
from app.grid.look import Density, Look
from app.grid.shape import EVERYTHING, Shape, load_columns, load_shape
from app.grid.view import (
    CHARACTERS,
    Block,
    Cell,
    Column,
    GridRow,
    Mini,
    mark_equals,
)
from app.tables import (
    Answer,
    Attempt,
    Grid,
    Prompt,
)


@dataclass(frozen=True, slots=True)
class GridView:
    """A grid as a look has it, with some of its rows."""

    shape: Shape
    blocks: list[Block]

    @property
    def rows(self) -> list[GridRow]:
        return [row for block in self.blocks for row in block.rows]


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
    if fact := shape.facts.get(at or 0):
        row = next((n for n, (_, id_) in enumerate(shape.rows, 1) if id_ == fact.prompt_id), row)
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
    return _rows(session, shape, shape.rows[first - 1 : last], first)


def load_numbered(
    session: Session, shape: Shape, numbers: Iterable[int], first: int
) -> list[GridRow]:
    """The rows of these numbers, whether they match or not, on a page that has them from its row
    ``first`` on."""
    prompts = dict(enumerate(shape.facts.prompts, start=1))
    wanted = [(number, prompts[number]) for number in numbers if number in prompts]
    return _rows(session, shape, wanted, first)


def _rows(
    session: Session, shape: Shape, wanted: Sequence[tuple[int, int]], first: int
) -> list[GridRow]:
    """These, each by its number and prompt."""
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


def _dress(shape: Shape, chips: Iterable[Chip]) -> list[Chip]:
    """Of the chips of one row those that are not folded, told what is equal and what matches."""
    unfolded = {(s.model, s.variant.id) for s in shape.slots if isinstance(s, Column)}
    chips = [chip for chip in chips if (chip.model, chip.variant_id) in unfolded]
    equals, filtered = mark_equals(chips), shape.look.filters
    for chip in chips:
        chip.eq = equals.get(chip.id, 0)
        chip.off = filtered and not shape.matching(chip.id)
    return chips


def _minis(shape: Shape, prompts: set[int]) -> dict[tuple[int, str], Mini]:
    """What folded groups show in these rows."""
    groups = [slot for slot in shape.slots if not isinstance(slot, Column)]
    if not groups:
        return {}
    facts, rows = shape.facts, shape.facts.rows
    of_column = {(c.model, c.variant.id): g for g in groups for c in g.parts}
    of_kind = facts.of_kinds(lambda kind: (of_column.get(kind.column), kind.label))
    counts: Counter[tuple[int, str, str]] = Counter()
    for prompt in prompts:
        for at in rows.get(prompt, ()):
            group, label = of_kind[facts.kind_numbers[at]]
            if group:
                counts[prompt, group.key, "total"] += 1
                if label:
                    counts[prompt, group.key, label] += 1
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
        func.coalesce(Attempt.number, 0).label("number"),
        col(Attempt.outcome),
        col(Attempt.mismatch),
        func.substr(Attempt.text, 1, characters).label("beginning"),
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
            attempt=row.number,
            text=row.beginning or "",
            error=row.error_message or column.why_not_called(row.state, row.attempt_id),
            seq=row.seq,
            said=row.short or "",
            answer_key=row.answer_key or "",
            suggested=row.suggested,
            suggestion_strength=row.suggestion_strength or "",
            hedged=bool(row.hedged) or "hedged" in row.tags.split(),
            decided=row.decided,
        )
