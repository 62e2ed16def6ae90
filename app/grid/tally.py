"""The counts of a column, of columns folded into one, and of a whole grid. Pure."""

from array import array
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from app.grid.facts import UNKNOWN, Facts
from app.grid.filter import BITS
from app.pricing.money import Spending
from app.providers import Outcome
from app.stats.rates import clustered
from app.tables import LabelValue

Key = tuple[str, int]  # of a column: model and variant id
NO_ANSWER = ("empty", "refused", "truncated", "error")
_FACETS = {
    "correct": "label-correct",
    "hallucinated": "label-hallucinated",
    "abstained": "label-abstained",
    "answered": "outcome-answered",
    **{name: f"outcome-{name}" for name in (*NO_ANSWER, "cancelled", "waiting")},
    "unlabelled": "only-unlabelled",
    "disputed": "only-reviewers",
    "mismatch": "only-mismatch",
    "thought": "thought",
    "judged": "judged",
}


@dataclass(slots=True)
class Tally:
    """How many answers of some columns are what. Rates count final labels only."""

    total: int = 0
    correct: int = 0
    hallucinated: int = 0
    abstained: int = 0
    answered: int = 0
    empty: int = 0
    refused: int = 0
    truncated: int = 0
    error: int = 0
    cancelled: int = 0
    waiting: int = 0
    unlabelled: int = 0
    disputed: int = 0
    mismatch: int = 0
    thought: int = 0  # answers that show signs of thinking
    judged: int = 0  # answers of which it can be told whether the model thought
    answer: int = 0  # one of the answers, by which the column can be named
    # (hallucinated, labelled) by prompt
    by_prompt: dict[int, tuple[int, int]] = field(default_factory=dict)
    times_ms: "array[int]" = field(default_factory=lambda: array("q"))  # in order
    # Over all calls, also those that no longer count.
    spending: Spending = field(default_factory=Spending)

    @property
    def n(self) -> int:
        """Labelled answers: the denominator of every rate."""
        return self.correct + self.hallucinated + self.abstained

    @property
    def settled(self) -> int:
        return self.total - self.waiting

    @property
    def failed(self) -> int:
        """Finished without an answer to label."""
        return self.empty + self.refused + self.truncated + self.error

    @property
    def shares(self) -> list[tuple[str, int, float]]:
        """(outcome, answers, share of those that are in) of each kind that is no answer."""
        counts = [(name, int(getattr(self, name))) for name in NO_ANSWER]
        return [(name, n, n / self.settled) for name, n in counts if n]

    @property
    def seen(self) -> str:
        """In how many answers thinking was seen, such as "3/9"; empty before any can tell."""
        return f"{self.thought}/{self.judged}" if self.judged else ""

    @property
    def hallucination_rate(self) -> float | None:
        """H/n, None without labels."""
        return self.hallucinated / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the hallucination rate over prompts like these may lie, with 95 % confidence."""
        return clustered(list(self.by_prompt.values()))

    @property
    def median_ms(self) -> int | None:
        """Of the answers, from the request to their end."""
        return self.times_ms[(len(self.times_ms) - 1) // 2] if self.times_ms else None

    def count(self, mark: int, n: int = 1) -> None:
        """Count ``n`` answers with this mark (see filter.py)."""
        self.total += n
        for name, bit in _BITS:
            if mark & bit:
                setattr(self, name, getattr(self, name) + n)


_BITS = [(name, BITS[facet]) for name, facet in _FACETS.items()]


def tallies(facts: Facts, marks: Sequence[int]) -> dict[Key, Tally]:
    """The counts of each column that has answers; kept with the facts."""

    def make() -> dict[Key, Tally]:
        earlier: dict[Key, Tally] | None = facts.earlier("tallies")
        if earlier is None:
            return _tallies(facts, marks, {kind.column for kind in facts.kinds})
        # Marks may change in a whole row, but none of those that are counted here.
        changed = {facts.at(it).kind.column for it in facts.changed}
        return earlier | _tallies(facts, marks, changed)

    return facts.made("tallies", make)


def _tallies(facts: Facts, marks: Sequence[int], columns: Set[Key]) -> dict[Key, Tally]:
    found = {key: Tally() for key in columns}
    tallies = facts.of_kinds(lambda kind: found.get(kind.column))
    labels = facts.of_kinds(lambda kind: kind.label)
    answered = facts.of_kinds(lambda kind: kind.outcome == Outcome.answered)
    counts: Counter[tuple[int, int]] = Counter()
    pairs: dict[tuple[int, int], tuple[int, int]] = {}  # one of equal ones
    for prompt, places in facts.rows.items():
        for at in places:
            number, ms = facts.kind_numbers[at], facts.times_ms[at]
            tally, label = tallies[number], labels[number]
            if tally is None:
                continue
            counts[number, marks[at]] += 1
            tally.answer = tally.answer or facts.ids[at]
            if label:
                bad, n = tally.by_prompt.get(prompt, (0, 0))
                pair = bad + (label == LabelValue.hallucinated), n + 1
                tally.by_prompt[prompt] = pairs.setdefault(pair, pair)
            if ms != UNKNOWN and answered[number]:
                tally.times_ms.append(ms)
    for (number, mark), n in counts.items():
        found[facts.kinds[number].column].count(mark, n)
    for tally in found.values():
        tally.times_ms = array("q", sorted(tally.times_ms))
    return {key: tally for key, tally in found.items() if tally.total}


def total(parts: Sequence[Tally]) -> Tally:
    """The counts of several columns together."""
    by_prompt: dict[int, tuple[int, int]] = {}
    for part in parts:
        for prompt, (bad, n) in part.by_prompt.items():
            before = by_prompt.get(prompt, (0, 0))
            by_prompt[prompt] = (before[0] + bad, before[1] + n)
    return Tally(
        **{name: sum(getattr(part, name) for part in parts) for name in ("total", *_FACETS)},
        answer=parts[0].answer if parts else 0,
        by_prompt=by_prompt,
        times_ms=array("q", sorted(ms for part in parts for ms in part.times_ms)),
        spending=sum((part.spending for part in parts), Spending()),
    )
