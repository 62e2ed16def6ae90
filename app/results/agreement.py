"""How far reviewers agree with each other, and suggestions with them."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func

from app.grid.facts import Facts, load_facts
from app.results.book import total
from app.results.report import Report
from app.stats.agreement import (
    Kappa,
    cohen,
    confusion,
    disputed_swing,
    fleiss,
    krippendorff_alpha,
    raw_agreement,
)
from app.stats.rates import wilson
from app.tables import Answer, Attempt, Label, LabelValue, Reviewer

ORDER = [value.value for value in LabelValue]
Table = list[list[int]]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Answers by what one says of them (rows) and another, in the order of LabelValue."""

    table: Table

    @property
    def n(self) -> int:
        return sum(map(sum, self.table))

    @property
    def same(self) -> int:
        return sum(self.table[i][i] for i in range(len(self.table)))


@dataclass(frozen=True, slots=True)
class TwoReviewers(Confusion):
    ids: tuple[int, int]
    names: tuple[str, str]
    kappa: Kappa | None


@dataclass(frozen=True, slots=True)
class SuggestionTable(Confusion):
    """Final labels (rows) beside suggestions, for one way in which suggestions are made."""

    method: str
    none: int  # labelled answers without a suggestion

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.same, self.n)

    def recall(self, value: LabelValue) -> tuple[int, int]:
        """(found, of all with this label that have a suggestion)"""
        at = ORDER.index(value.value)
        return self.table[at][at], sum(self.table[at])

    def precision(self, value: LabelValue) -> tuple[int, int]:
        """(right, of all that were suggested so)"""
        at = ORDER.index(value.value)
        return self.table[at][at], sum(row[at] for row in self.table)


@dataclass(frozen=True, slots=True)
class Agreement:
    answers: int  # with labels of two reviewers or more
    reviewers: int
    raw: float | None  # share of agreeing pairs of labels
    alpha: float | None  # Krippendorff, nominal
    fleiss: float | None  # where all of them labelled all of these answers
    pairs: list[TwoReviewers]
    disputed: int  # reviewers differ, and nobody decided
    swing: tuple[float, float] | None  # the hallucination rate if none, or all, of these were
    suggestions: list[SuggestionTable]


def load_agreement(session: Session, report: Report) -> Agreement:
    """Kept with the facts, but for names: whoever leaves takes their name along, and no fact of
    the grid changes by that."""
    facts = load_facts(session, report.grid)
    found = facts.made(
        ("agreement", report.choice.tag, report.choice.ignored),
        lambda: _agreement(session, report, facts),
    )
    names = _names(session, {reviewer for pair in found.pairs for reviewer in pair.ids})
    pairs = [replace(it, names=(names[it.ids[0]], names[it.ids[1]])) for it in found.pairs]
    return replace(found, pairs=sorted(pairs, key=lambda pair: (-pair.n, pair.names)))


def _agreement(session: Session, report: Report, facts: Facts) -> Agreement:
    book = report.book
    units = _units(session, _looked_at(report))
    said = [list(unit.values()) for unit in units.values()]
    everybody = bool(said) and len({frozenset(unit) for unit in units.values()}) == 1
    disputed = _disputed(facts, report)
    counts = total(counts for cells in book.cells.values() for counts in cells.values())
    certain = counts.hallucinated - disputed[LabelValue.hallucinated]
    swing = disputed_swing(certain, disputed.total(), counts.n + disputed[None])
    return Agreement(
        len(units),
        len({reviewer for unit in units.values() for reviewer in unit}),
        raw_agreement(said),
        krippendorff_alpha(said),
        fleiss([[one.count(value) for value in ORDER] for one in said]) if everybody else None,
        _pairs(units),
        disputed.total(),
        swing,
        _suggestions(session, _looked_at(report)),
    )


def _looked_at(report: Report) -> ColumnElement[bool]:
    """Of an answer: it is one to the prompts that the report is about."""
    of_grid = col(Answer.grid_id) == report.grid.id
    if not report.choice.tag:
        return of_grid
    return of_grid & col(Answer.prompt_id).in_(report.book.questions)


def _units(session: Session, looked_at: ColumnElement[bool]) -> dict[int, dict[int, str]]:
    """The labels of each answer that several reviewers labelled."""
    voted = (
        sqlalchemy.select(col(Label.answer_id), col(Label.reviewer_id), col(Label.value))
        .join(Answer, col(Answer.id) == col(Label.answer_id))
        .where(looked_at, col(Label.value).is_not(None))
    )
    several = (
        voted.with_only_columns(col(Label.answer_id))
        .group_by(col(Label.answer_id))
        .having(func.count() > 1)
    )
    units: dict[int, dict[int, str]] = {}
    for answer, reviewer, value in session.execute(
        voted.where(col(Label.answer_id).in_(several)).order_by(col(Label.answer_id))
    ):
        units.setdefault(answer, {})[reviewer] = value.value
    return units


def _names(session: Session, reviewers: Collection[int]) -> dict[int, str]:
    found = session.execute(
        sqlalchemy.select(col(Reviewer.id), col(Reviewer.name)).where(
            col(Reviewer.id).in_(reviewers)
        )
    )
    return dict(tuple(row) for row in found)


def _pairs(units: Mapping[int, Mapping[int, str]]) -> list[TwoReviewers]:
    """Each two who labelled an answer together, not named yet."""
    votes: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for unit in units.values():
        for one, other in combinations(sorted(unit), 2):
            votes.setdefault((one, other), []).append((unit[one], unit[other]))
    return [
        TwoReviewers(table, ids, ("", ""), cohen(table))
        for ids, said in votes.items()
        for table in [confusion(said, ORDER)]
    ]


def _disputed(facts: Facts, report: Report) -> Counter[str | None]:
    """How many of the answers that the report counts are disputed, by the label that counts now."""
    found: Counter[str | None] = Counter()
    for prompt in report.book.questions:
        for at in facts.rows.get(prompt, ()):
            kind = facts.kind(at)
            if kind.disputed and (report.choice.ignored or not kind.mismatch):
                found[kind.label] += 1
    return found


def _suggestions(session: Session, looked_at: ColumnElement[bool]) -> list[SuggestionTable]:
    rows = session.execute(
        sqlalchemy.select(
            col(Attempt.suggestion_method), col(Attempt.suggested), col(Answer.label), func.count()
        )
        .join(Answer, col(Answer.attempt_id) == col(Attempt.id))
        .where(looked_at, col(Answer.label).is_not(None))
        .group_by(col(Attempt.suggestion_method), col(Attempt.suggested), col(Answer.label))
    )
    tables: dict[str, Table] = {}
    none: Counter[str] = Counter()
    for method, suggested, label, n in rows:
        table = tables.setdefault(method, [[0] * len(ORDER) for _ in ORDER])
        if suggested is None:
            none[method] += n
        else:
            table[ORDER.index(label.value)][ORDER.index(suggested.value)] += n
    return [SuggestionTable(table, m, none[m]) for m, table in sorted(tables.items()) if m]
