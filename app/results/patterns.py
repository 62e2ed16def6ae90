"""What the repeats of each prompt do: stable, scattered, wavering, honest."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy
from sqlmodel import Session, col

from app.grid.facts import Facts, load_facts
from app.grid.view import Column
from app.results.book import Book, Key, Question
from app.results.report import Report
from app.stats.repeats import Pattern, all_k, at_least_one, consistency, pattern
from app.tables import Answer, Attempt

SHOWN = 20  # prompts named for each pattern
_MEANINGS = {
    Pattern.stable_right: "correct every time",
    Pattern.stable_wrong: "the same wrong answer every time",
    Pattern.scatter: "wrong every time, with different answers: the signature of bluffing",
    Pattern.mixed: "sometimes correct, sometimes wrong",
    Pattern.wavering: "sometimes answers, sometimes abstains",
    Pattern.honest: "abstains every time",
}


@dataclass(frozen=True, slots=True)
class PatternLine:
    """One column. Prompts with fewer than two labelled answers show no pattern."""

    column: Column
    prompts: int  # that show one
    counts: Counter[Pattern]
    examples: dict[Pattern, list[Question]]  # the first few
    same_label: float | None  # mean share of agreeing pairs of repeats
    same_answer: float | None
    k: int  # what the three below are about
    once_right: float | None  # at least one of k correct
    always_right: float | None  # all k correct
    once_wrong: float | None  # at least one of k hallucinated


def load_patterns(session: Session, report: Report) -> list[PatternLine]:
    """Kept with the facts, as are the normalised texts that it takes."""
    facts = load_facts(session, report.grid)
    keys = facts.made("answer_keys", lambda: _answer_keys(session, report.grid.id))
    return facts.made(
        ("patterns", report.choice.tag, report.choice.ignored),
        lambda: _patterns(facts, keys, report),
    )


def _patterns(facts: Facts, keys: Mapping[int, str], report: Report) -> list[PatternLine]:
    book = report.book
    said: dict[Key, dict[int, list[tuple[str, str]]]] = {}
    rows = facts.rows
    for prompt in book.questions:
        for at in rows.get(prompt, ()):
            kind = facts.kind(at)
            if kind.label and (report.choice.ignored or not kind.mismatch):
                one = kind.label, keys.get(facts.ids[at], "")
                said.setdefault(kind.column, {}).setdefault(prompt, []).append(one)
    k = report.grid.repeats
    return [
        _line(column, said.get((column.model, column.variant.id), {}), book, k)
        for column in book.columns
    ]


def _line(
    column: Column, said: dict[int, list[tuple[str, str]]], book: Book, k: int
) -> PatternLine:
    counts: Counter[Pattern] = Counter()
    examples: dict[Pattern, list[Question]] = {}
    for prompt in book.questions:
        answers = said.get(prompt, [])
        kind = pattern([label for label, _ in answers], [key for _, key in answers])
        if kind is None:
            continue
        counts[kind] += 1
        if len(named := examples.setdefault(kind, [])) < SHOWN:
            named.append(book.questions[prompt])
    # Few combinations of labels occur, often: each is looked at once.
    labels = Counter(tuple(sorted(label for label, _ in answers)) for answers in said.values())
    keys = [[key for _, key in answers] for answers in said.values()]
    return PatternLine(
        column,
        counts.total(),
        counts,
        examples,
        same_label=_mean((consistency(it), n) for it, n in labels.items()),
        same_answer=_mean((consistency(it), 1) for it in keys if all(it)),
        k=k,
        once_right=_mean(
            (at_least_one(len(it), it.count("correct"), k), n) for it, n in labels.items()
        ),
        always_right=_mean((all_k(len(it), it.count("correct"), k), n) for it, n in labels.items()),
        once_wrong=_mean(
            (at_least_one(len(it), it.count("hallucinated"), k), n) for it, n in labels.items()
        ),
    )


def meaning(kind: Pattern) -> str:
    return _MEANINGS[kind]


def _mean(values: Iterable[tuple[float | None, int]]) -> float | None:
    """Of values that each occur so many times; those that are None do not count."""
    known = [(value, n) for value, n in values if value is not None]
    return sum(value * n for value, n in known) / sum(n for _, n in known) if known else None


def _answer_keys(session: Session, grid_id: int) -> dict[int, str]:
    """By answer: its text as compared, empty where nothing is known of it."""
    rows = session.execute(
        sqlalchemy.select(col(Answer.id), col(Attempt.answer_key))
        .join(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.grid_id) == grid_id, col(Answer.label).is_not(None))
    )
    return dict(tuple(row) for row in rows)
