"""Where answers stand in a grid as a look has it, and which comes next to be labelled."""

from typing import Literal

from app.errors import NotFound
from app.grid.facts import Fact
from app.grid.shape import Shape
from app.grid.view import Column
from app.providers import Outcome
from app.tables import AnswerState

Step = Literal[1, -1]


def row_of(shape: Shape, answer_id: int) -> int:
    """The row of an answer among those that are shown, from 1. Raises NotFound."""
    fact = shape.facts.by_id.get(answer_id)
    found = (n for n, (_, prompt) in enumerate(shape.rows, 1) if fact and prompt == fact.prompt_id)
    row = next(found, None)
    if row is None:
        raise NotFound("No row that is shown has this answer: a filter may hide it.")
    return row


def next_unlabelled(shape: Shape, answer_id: int, step: Step) -> int | None:
    """The next answer without a label, forwards or backwards in reading order, round and round.

    Only of those that match the look and are not folded; None where there is no other.
    """
    ordered = reading_order(shape)
    here = ordered.index(answer_id) if answer_id in ordered else -1
    around = ordered[here + 1 :] + ordered[: max(here, 0)]
    facts = shape.facts.by_id
    for id_ in around if step > 0 else reversed(around):
        if id_ in shape.matches.ids and _unlabelled(facts[id_]):
            return id_
    return None


def reading_order(shape: Shape) -> list[int]:
    """The answers that are shown, row by row, each row from left to right."""
    columns = {
        (slot.model, slot.variant.id): number
        for number, slot in enumerate(shape.slots)
        if isinstance(slot, Column)
    }
    rows = {prompt: n for n, (_, prompt) in enumerate(shape.rows)}
    shown = [
        (rows[fact.prompt_id], columns[fact.model, fact.variant_id], fact.id)
        for fact in shape.facts.by_id.values()
        if fact.prompt_id in rows and (fact.model, fact.variant_id) in columns
    ]
    return [id_ for *_, id_ in sorted(shown)]


def _unlabelled(fact: Fact) -> bool:
    done = fact.state == AnswerState.done and fact.outcome == Outcome.answered
    return done and fact.label is None and not fact.disputed
