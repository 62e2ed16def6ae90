"""The counts of a column, of columns folded into one, and of a whole grid. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.grid.facts import Fact, Facts
from app.grid.filter import BITS
from app.pricing.money import Spending
from app.stats.rates import clustered

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
    times_ms: list[int] = field(default_factory=list)  # in order
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

    def count(self, kind: int, n: int = 1) -> None:
        """Count ``n`` answers of this kind (see filter.py)."""
        self.total += n
        for name, bit in _BITS:
            if kind & bit:
                setattr(self, name, getattr(self, name) + n)


_BITS = [(name, BITS[facet]) for name, facet in _FACETS.items()]


def tallies(facts: Facts, marks: Mapping[int, int]) -> dict[Key, Tally]:
    """The counts of each column that has answers; kept with the facts."""

    def make() -> dict[Key, Tally]:
        earlier: dict[Key, Tally] | None = facts.earlier("tallies")
        if earlier is None:
            return _tallies(facts.by_id.values(), marks)
        # Marks may change in a whole row, but none of those that are counted here.
        columns = {(fact.model, fact.variant_id) for fact in facts.changed.values()}
        fresh = [f for f in facts.by_id.values() if (f.model, f.variant_id) in columns]
        return earlier | _tallies(fresh, marks)

    return facts.made("tallies", make)


def _tallies(facts: Iterable[Fact], marks: Mapping[int, int]) -> dict[Key, Tally]:
    kinds: Counter[tuple[str, int, int]] = Counter()
    answers: dict[Key, int] = {}
    by_prompt: dict[Key, dict[int, tuple[int, int]]] = {}
    times: dict[Key, list[int]] = {}
    for fact in facts:
        key = (fact.model, fact.variant_id)
        kinds[*key, marks[fact.id]] += 1
        answers.setdefault(key, fact.id)
        if fact.label:
            prompts = by_prompt.setdefault(key, {})
            bad, n = prompts.get(fact.prompt_id, (0, 0))
            prompts[fact.prompt_id] = (bad + (fact.label == "hallucinated"), n + 1)
        if fact.total_ms is not None and fact.outcome == "answered":
            times.setdefault(key, []).append(fact.total_ms)
    found: dict[Key, Tally] = {}
    for (model, variant, kind), n in kinds.items():
        found.setdefault((model, variant), Tally()).count(kind, n)
    for key, tally in found.items():
        tally.answer = answers[key]
        tally.by_prompt = by_prompt.get(key, {})
        tally.times_ms = sorted(times.get(key, []))
    return found


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
        times_ms=sorted(ms for part in parts for ms in part.times_ms),
        spending=sum((part.spending for part in parts), Spending()),
    )
