"""Reads one grid for display: its columns, chips and counts, whole or what changed.

Pages, live updates, the API and the export read through these, so they cannot disagree.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import Select
from sqlmodel import Session, col, func, select

from app.chips import SHORT, Chip
from app.costs import spending_of_columns
from app.gridview import (
    FILTERS,
    Cell,
    Column,
    GridRow,
    GridView,
    Show,
    levels,
    make_chip,
)
from app.providers import Outcome
from app.tables import (
    Answer,
    Attempt,
    Grid,
    GridModel,
    GridPrompt,
    HeldBack,
    LabelValue,
    Prompt,
    Variant,
    Wording,
    now,
)


def load_view(
    session: Session, grid: Grid, show: Show = "all", characters: int = SHORT
) -> GridView:
    """Read a whole grid; ``show`` decides which rows are shown."""
    columns, counts = load_counts(session, grid.id)
    cells: dict[tuple[int, str, int], list[Chip]] = {}
    statement = _chips(grid.id, characters).order_by(col(Answer.repeat), col(Answer.id))
    for chip in _to_chips(session, statement, columns):
        cells.setdefault((chip.prompt_id, chip.model, chip.variant_id), []).append(chip)
    rows = []
    for number, prompt in enumerate(load_prompts(session, grid.id), start=1):
        row = [Cell(c, cells.get((prompt.id, c.model, c.variant.id), [])) for c in columns]
        rows.append(GridRow(number, prompt, row, shown=any(show in cell.kinds for cell in row)))
    return GridView(grid, columns, levels(columns), rows, counts)


def load_changed(
    session: Session, grid: Grid, since: int, columns: Sequence[Column], characters: int = SHORT
) -> list[Chip]:
    """The chips that changed after ``since``; ``columns`` are the grid's."""
    changed = _chips(grid.id, characters).where(col(Answer.seq) > since)
    return list(_to_chips(session, changed, columns))


def load_chip(session: Session, answer: Answer) -> Chip:
    """One chip, as it stands now."""
    statement = _chips(answer.grid_id, SHORT).where(col(Answer.id) == answer.id)
    return next(iter(_to_chips(session, statement, load_columns(session, answer.grid_id))))


def load_counts(session: Session, grid_id: int) -> tuple[list[Column], dict[str, int]]:
    """The columns with their counts, and how many chips belong to each filter."""
    columns = load_columns(session, grid_id)
    by_key = {(c.model, c.variant.id): c for c in columns}
    counts: dict[str, int] = dict.fromkeys(FILTERS, 0)
    kinds = (
        col(Answer.model),
        col(Answer.variant_id),
        col(Answer.state),
        col(Answer.label),
        col(Answer.disputed),
        col(Attempt.outcome),
        col(Attempt.mismatch),
        col(Attempt.thought),
    )
    statement = (
        sqlalchemy.select(*kinds, func.count(), func.max(col(Answer.id)))
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.grid_id) == grid_id)
        .group_by(*kinds)
    )
    for model, variant_id, *own, thought, n, answer in session.execute(statement):
        column = by_key[model, variant_id]
        column.answer = answer
        chip = make_chip(column, *own)
        column.add(chip, n, thought)
        for name in ["all", *chip.kinds]:
            counts[name] += n
    counts["differ"] = _differing(session, grid_id)
    spending = spending_of_columns(session, grid_id)
    for column in columns:
        column.spending = spending.get((column.model, column.variant.id), column.spending)
    return [c for c in columns if c.total], counts


def load_columns(session: Session, grid_id: int) -> list[Column]:
    """The grid's columns in their order, without counts."""
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
    ordered = sorted(variants, key=lambda pair: (pair[0].thinking.position, pair[0].position))
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
        for variant, wording in ordered
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


def _differing(session: Session, grid_id: int) -> int:
    """The chips of cells whose labels are not all the same."""
    in_cell = (col(Answer.prompt_id), col(Answer.model), col(Answer.variant_id))
    # Labelled ones first: to group a whole large grid at each look would cost more than all else.
    cells = (
        sqlalchemy.select(*in_cell)
        .where(col(Answer.grid_id) == grid_id, col(Answer.label).is_not(None))
        .group_by(*in_cell)
        .having(func.count(func.distinct(Answer.label)) > 1)
        .subquery()
    )
    same = [key == column for key, column in zip(in_cell, cells.c, strict=True)]
    statement = select(func.count()).select_from(Answer).join(cells, sqlalchemy.and_(*same))
    return session.exec(statement.where(Answer.grid_id == grid_id)).one()


def _chips(grid_id: int, characters: int) -> Select[Any]:
    return (
        sqlalchemy.select(
            Answer,
            col(Attempt.outcome),
            col(Attempt.mismatch),
            func.substr(Attempt.text, 1, characters),
            func.length(Attempt.text),
            col(Attempt.error_message),
            *_GIST,
        )
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.grid_id) == grid_id)
    )


def _to_chips(
    session: Session, statement: Select[Any], columns: Sequence[Column]
) -> Iterable[Chip]:
    by_key = {(c.model, c.variant.id): c for c in columns}
    for answer, outcome, mismatch, text, length, error, *gist in session.execute(statement):
        column = by_key[answer.model, answer.variant_id]
        yield make_chip(
            column,
            answer.state,
            answer.label,
            answer.disputed,
            outcome,
            mismatch,
            id=answer.id,
            prompt_id=answer.prompt_id,
            repeat=answer.repeat,
            text=text or "",
            length=length or 0,
            error=error or column.why_not_called(answer),
            model=answer.model,
            **(_gist(*gist) if outcome is Outcome.answered else {}),
        )


_GIST = (
    col(Attempt.short),
    col(Attempt.answer_key),
    col(Attempt.suggested),
    col(Attempt.suggestion_strength),
    col(Attempt.hedged),
)


def _gist(
    short: str, key: str, suggested: LabelValue | None, strength: str, hedged: bool
) -> dict[str, Any]:
    return {
        "said": short,
        "answer_key": key,
        "suggested": suggested,
        "suggestion_strength": strength,
        "hedged": hedged,
    }
