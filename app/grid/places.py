"""Where answers stand in a grid as a look has it, and which comes next to be labelled."""

from collections.abc import Iterator
from enum import IntEnum

from app.errors import NotFound
from app.grid.facts import Kind
from app.grid.shape import Shape
from app.grid.view import Column, row_order
from app.providers import Outcome
from app.tables import AnswerState


class Step(IntEnum):
    """An address says it in letters, which a Literal of numbers does not take."""

    forwards = 1
    backwards = -1


def row_of(shape: Shape, answer_id: int) -> int:
    """The number of an answer's row among all of the grid, from 1. Raises NotFound."""
    fact = shape.facts.get(answer_id)
    if fact is None:
        raise NotFound("This grid has no such answer.")
    return shape.facts.prompts.index(fact.prompt_id) + 1


def next_unlabelled(shape: Shape, answer_id: int, step: Step) -> int | None:
    """The next answer without a label, forwards or backwards in reading order, round and round.

    Only of those that match the look and are not folded; None where there is no other.
    """
    ordered = list(_reading_order(shape))
    here = next((n for n, (id_, _) in enumerate(ordered) if id_ == answer_id), -1)
    around = ordered[here + 1 :] + ordered[: max(here, 0)]
    for id_, kind in around if step > 0 else reversed(around):
        if _unlabelled(kind) and shape.matching(id_):
            return id_
    return None


def _reading_order(shape: Shape) -> Iterator[tuple[int, Kind]]:
    """The answers that are not folded, row by row, each row from left to right; also of rows that
    match no more, as a page still has those."""
    columns = {
        (slot.model, slot.variant.id): number
        for number, slot in enumerate(shape.slots)
        if isinstance(slot, Column)
    }
    facts, rows = shape.facts, shape.facts.rows
    of_kind = facts.of_kinds(lambda kind: columns.get(kind.column))
    for _, prompt in row_order(facts, shape.look.unfiltered, shape.matches):
        shown = (
            (column, facts.ids[at], facts.kind_numbers[at])
            for at in rows.get(prompt, ())
            if (column := of_kind[facts.kind_numbers[at]]) is not None
        )
        for _, id_, number in sorted(shown):
            yield id_, facts.kinds[number]


def _unlabelled(kind: Kind) -> bool:
    done = kind.state == AnswerState.done and kind.outcome == Outcome.answered
    return done and kind.label is None and not kind.disputed
