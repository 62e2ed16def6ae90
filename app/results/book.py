"""The final labels of a grid by column and prompt: all that results are computed from."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

import sqlalchemy
from sqlmodel import Session, col

from app.grid.facts import Facts, Kind, load_facts
from app.grid.shape import load_columns
from app.grid.tally import NO_ANSWER
from app.grid.view import Column
from app.stats.measures import Counts
from app.tables import AnswerState, Grid, GridPrompt, Prompt

Key = tuple[str, int]  # of a column: model and variant id
Cells = Mapping[int, Counts]  # what one column says of each prompt that has a label
WAITING = (AnswerState.pending.value, AnswerState.running.value)


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, as far as results need it."""

    id: int
    number: int  # its row, from 1
    key: str
    text: str
    tags: frozenset[str]
    answerable: str


@dataclass(slots=True)
class Outside:
    """How many answers stand outside every rate, and why. Each is counted once."""

    unlabelled: int = 0  # could take a label
    unverifiable: int = 0  # somebody said that no label can be given
    disputed: int = 0  # reviewers are tied
    no_answer: int = 0  # empty, refused, cut off, failed
    waiting: int = 0  # not in yet
    cancelled: int = 0
    ignored: int = 0  # labelled, but the model did not think as it was asked to

    def __add__(self, other: "Outside") -> "Outside":
        return Outside(*(getattr(self, name) + getattr(other, name) for name in OUTSIDE))

    @property
    def total(self) -> int:
        return sum(getattr(self, name) for name in OUTSIDE)


OUTSIDE = [field.name for field in fields(Outside)]


@dataclass(frozen=True, slots=True)
class Book:
    columns: list[Column]
    questions: dict[int, Question]
    cells: dict[Key, dict[int, Counts]]
    outside: dict[Key, Outside]
    outside_by_prompt: dict[int, Outside]  # the same of all columns; not there: none is
    tags: list[str] = field(default_factory=list)  # of all prompts of the grid

    def of(self, columns: Iterable[Column]) -> Cells:
        """What several columns say together."""
        parts = [self.cells[column.model, column.variant.id] for column in columns]
        if len(parts) == 1:
            return parts[0]
        found: dict[int, Counts] = {}
        for part in parts:
            for prompt, counts in part.items():
                found[prompt] = found[prompt] + counts if prompt in found else counts
        return found

    def outside_of(self, columns: Iterable[Column]) -> Outside:
        return sum((self.outside[c.model, c.variant.id] for c in columns), Outside())


def total(cells: Iterable[Counts]) -> Counts:
    c = h = a = 0
    for counts in cells:
        c, h, a = c + counts.correct, h + counts.hallucinated, a + counts.abstained
    return Counts(c, h, a)


def load_book(session: Session, grid: Grid, tag: str = "", *, ignored: bool = False) -> Book:
    """Kept with the facts of the grid, so that only what is new is counted again.

    ``tag``: only prompts that carry it. ``ignored``: also answers whose thinking switch did
    nothing.
    """
    facts = load_facts(session, grid)
    questions = facts.made("questions", lambda: _questions(session, grid.id))
    return facts.made(
        ("book", tag, ignored),
        lambda: _book(load_columns(session, grid.id), questions, facts, tag, ignored),
    )


def _book(
    columns: Sequence[Column],
    questions: Mapping[int, Question],
    facts: Facts,
    tag: str,
    ignored: bool,
) -> Book:
    chosen = {q.id: q for q in questions.values() if not tag or tag in q.tags}
    cells: dict[Key, dict[int, Counts]] = {kind.column: {} for kind in facts.kinds}
    outside = {key: Outside() for key in cells}
    by_prompt: dict[int, Outside] = {}
    answers: Counter[Key] = Counter()
    one: dict[Counts, Counts] = {}  # of equal ones: few are different
    rows = facts.rows
    for prompt in chosen:
        row = Counter(facts.kind_numbers[at] for at in rows.get(prompt, ()))
        for number, n in row.items():
            kind = facts.kinds[number]
            answers[kind.column] += n
            if kind.label and (ignored or not kind.mismatch):
                of_column = cells[kind.column]
                counts = of_column.get(prompt, Counts()) + Counts(**{kind.label: n})
                of_column[prompt] = one.setdefault(counts, counts)
            else:
                why = _why_outside(kind)
                for it in (outside[kind.column], by_prompt.setdefault(prompt, Outside())):
                    setattr(it, why, getattr(it, why) + n)
    return Book(
        [c for c in columns if answers[c.model, c.variant.id]],
        chosen,
        cells,
        outside,
        by_prompt,
        sorted({tag for q in questions.values() for tag in q.tags}),
    )


def _why_outside(kind: Kind) -> str:
    if kind.label:
        return "ignored"
    if kind.state in WAITING:
        return "waiting"
    if kind.state == AnswerState.cancelled:
        return "cancelled"
    if kind.outcome in NO_ANSWER or kind.outcome is None or "no_answer" in kind.tags.split():
        return "no_answer"
    if kind.disputed:
        return "disputed"
    return "unverifiable" if "unverifiable" in kind.tags.split() else "unlabelled"


def _questions(session: Session, grid_id: int) -> dict[int, Question]:
    rows = session.execute(
        sqlalchemy.select(
            col(Prompt.id),
            col(Prompt.key),
            col(Prompt.text),
            col(Prompt.tags),
            col(Prompt.answerable),
        )
        .join(GridPrompt, col(GridPrompt.prompt_id) == col(Prompt.id))
        .where(col(GridPrompt.grid_id) == grid_id)
        .order_by(col(GridPrompt.position))
    )
    return {
        id_: Question(id_, number, key, text, frozenset(tags), answerable.value)
        for number, (id_, key, text, tags, answerable) in enumerate(rows, start=1)
    }


@dataclass(frozen=True, slots=True)
class Factors:
    """What one column is, by what can be held fixed while another is compared."""

    model: str
    thinking: str
    wording: int  # its id, so one version of it
    rest: tuple[object, ...]  # system prompt, temperature, output cap

    def without(self, factor: str) -> tuple[object, ...]:
        """All but one of these: equal for columns that differ in nothing else."""
        names = ("model", "thinking", "wording", "rest")
        return tuple(getattr(self, name) for name in names if name != factor)


def factors(column: Column) -> Factors:
    variant = column.variant
    return Factors(
        column.model,
        variant.thinking.value,
        column.wording.id,
        (variant.system_prompt, variant.temperature, variant.max_tokens),
    )
