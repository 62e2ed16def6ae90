"""What is measured of labelled answers, each with its denominator.

"Hallucination rate" alone means H/n, H/(C+H) or H/(H+A), depending on who writes; so every measure
carries its formula, and C, H and A are kept from which anyone can compute another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache


def penalty(t: float) -> float:
    """What a wrong answer costs, where answering pays above a confidence of t: t/(1−t).

    Kalai et al., Why language models hallucinate, 2025, §4.2. (Its first version prints 2 for
    t = 0.75, which is 3.) ValueError unless 0 ≤ t < 1.
    """
    points, scale = _penalty(t)
    return points / scale


def target_of(penalty: float) -> float:
    """The confidence above which answering pays, if a wrong answer costs this: λ/(1+λ).

    ValueError unless the penalty is a number from 0 on.
    """
    if not 0 <= penalty < float("inf"):
        raise ValueError("a penalty is a number from 0 on")
    return penalty / (1 + penalty)


@lru_cache(maxsize=256)
def _penalty(t: float) -> tuple[int, int]:
    """The penalty as a fraction.

    0.9 is meant as nine tenths, which no float is; so the simplest fraction that rounds to t is
    taken. A score is then 0 exactly where answers were right as often as asked.
    """
    if not 0 <= t < 1:
        raise ValueError("a confidence target is at least 0 and below 1")
    exact = Fraction(t).limit_denominator(1_000_000)
    if float(exact) != t:
        exact = Fraction(t)
    return exact.numerator, exact.denominator - exact.numerator


@dataclass(frozen=True, slots=True)
class Counts:
    """Labelled answers: C, H and A. What has no label, no text or no reference is not in it.

    Measures are None where their denominator is 0. Rates are fractions of 1.
    """

    correct: int = 0
    hallucinated: int = 0
    abstained: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.correct + other.correct,
            self.hallucinated + other.hallucinated,
            self.abstained + other.abstained,
        )

    @property
    def n(self) -> int:
        return self.correct + self.hallucinated + self.abstained

    @property
    def accuracy(self) -> float | None:
        return _share(self.correct, self.n)

    @property
    def hallucination_rate(self) -> float | None:
        """H/n: the error rate of Kalai et al., 2025, and of OpenAI's cards."""
        return _share(self.hallucinated, self.n)

    @property
    def abstention_rate(self) -> float | None:
        return _share(self.abstained, self.n)

    @property
    def attempted_accuracy(self) -> float | None:
        return _share(self.correct, self.correct + self.hallucinated)

    @property
    def f_score(self) -> float | None:
        """The harmonic mean of accuracy and attempted accuracy (Wei et al., SimpleQA, 2024)."""
        return _share(2 * self.correct, self.n + self.correct + self.hallucinated)

    @property
    def given_not_correct(self) -> float | None:
        """H/(H+A): the hallucination rate of AA-Omniscience (2025)."""
        return _share(self.hallucinated, self.hallucinated + self.abstained)

    @property
    def omniscience_index(self) -> float | None:
        """100(C−H)/n, from −100 to 100 (AA-Omniscience, 2025)."""
        return _share(100 * (self.correct - self.hallucinated), self.n)

    @property
    def old_sat(self) -> float | None:
        """Points per answer as the SAT gave them until 2016: a quarter off for a wrong one."""
        return _share(4 * self.correct - self.hallucinated, 4 * self.n)

    def score_at(self, t: float) -> float | None:
        """Points per answer: 1 if correct, −t/(1−t) if hallucinated, 0 if abstained.

        At least 0 exactly where attempted accuracy is at least t. ValueError unless 0 ≤ t < 1.
        """
        points, scale = _penalty(t)
        return _share(self.correct * scale - self.hallucinated * points, self.n * scale)


@dataclass(frozen=True, slots=True)
class Abstention:
    """Who abstains where: on prompts that nobody can answer it is wanted, on others it is not.

    As AbstentionBench (2025) has it. All are fractions of 1, and None without denominator.
    """

    unanswerable: Counts
    answerable: Counts

    @property
    def recall(self) -> float | None:
        """Of the answers to unanswerable prompts, those that abstain."""
        return self.unanswerable.abstention_rate

    @property
    def precision(self) -> float | None:
        """Of the answers that abstain, those to unanswerable prompts."""
        wanted = self.unanswerable.abstained
        return _share(wanted, wanted + self.answerable.abstained)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of recall and precision."""
        if not self.unanswerable.n:
            return None
        wanted = self.unanswerable.abstained
        return _share(2 * wanted, wanted + self.answerable.abstained + self.unanswerable.n)

    @property
    def over_abstention(self) -> float | None:
        """Of the answers to answerable prompts, those that abstain."""
        return self.answerable.abstention_rate


class Unit(StrEnum):
    percent = "percent"  # a fraction of 1, shown times 100
    points = "points"  # shown as it is


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure as pages, the API and exports name, explain and compute it."""

    name: str
    formula: str
    meaning: str
    of: Callable[[Counts], float | None]
    higher_is_better: bool | None  # None: neither
    unit: Unit = Unit.percent


def score_measure(t: float) -> Measure:
    """The score at a confidence target. ValueError unless 0 ≤ t < 1."""
    price = f"{penalty(t):.4g}"
    return Measure(
        f"Score at {t:.4g}",
        f"(C − {price}·H) ÷ n" if price != "1" else "(C − H) ÷ n",
        f"Points per answer if a wrong one costs {price}: below 0 if fewer than"
        f" {100 * t:.4g} % of the answers given were right.",
        lambda counts: counts.score_at(t),
        True,
        Unit.points,
    )


MEASURES: dict[str, Measure] = {
    "accuracy": Measure(
        "Accuracy",
        "C ÷ n",
        "Of all labelled answers, those that are correct.",
        lambda counts: counts.accuracy,
        True,
    ),
    "hallucination_rate": Measure(
        "Hallucination rate",
        "H ÷ n",
        "Of all labelled answers, those that are wrong and offered as an answer.",
        lambda counts: counts.hallucination_rate,
        False,
    ),
    "abstention_rate": Measure(
        "Abstention rate",
        "A ÷ n",
        "Of all labelled answers, those that commit to none, such as “I don't know”.",
        lambda counts: counts.abstention_rate,
        None,
    ),
    "attempted_accuracy": Measure(
        "Attempted accuracy",
        "C ÷ (C + H)",
        "How often it is right when it does answer.",
        lambda counts: counts.attempted_accuracy,
        True,
    ),
    "f_score": Measure(
        "F-score",
        "2C ÷ (2C + 2H + A)",
        "The harmonic mean of accuracy and attempted accuracy; guessing raises it whenever the"
        " guess is right with a probability above half of it.",
        lambda counts: counts.f_score,
        True,
    ),
    "given_not_correct": Measure(
        "Hallucinated when not correct",
        "H ÷ (H + A)",
        "How often it makes something up when it does not get it right; 0 for a model that always"
        " abstains, so read it beside accuracy.",
        lambda counts: counts.given_not_correct,
        False,
    ),
    "omniscience_index": Measure(
        "Omniscience Index",
        "100 · (C − H) ÷ n",
        "From −100 to 100: a wrong answer costs what a right one earns, abstaining costs nothing.",
        lambda counts: counts.omniscience_index,
        True,
        Unit.points,
    ),
    "score_50": score_measure(0.5),
    "score_75": score_measure(0.75),
    "score_90": score_measure(0.9),
    "old_sat": Measure(
        "Old SAT score",
        "(C − H ÷ 4) ÷ n",
        "Points per answer as the SAT once gave them: a wrong answer costs a quarter.",
        lambda counts: counts.old_sat,
        True,
        Unit.points,
    ),
}


def swaps(a: Counts, b: Counts) -> float | None:
    """The confidence target, up to 0.95, at which a and b swap places in score_at.

    Below it the one with more correct answers leads, above it the one with fewer hallucinated
    ones: (C_a/n_a − C_b/n_b) = λ·(H_a/n_a − H_b/n_b), and t = λ/(1+λ). None if one is ahead, or
    both are level, all the way, or without data.
    """
    right = a.correct * b.n - b.correct * a.n
    wrong = a.hallucinated * b.n - b.hallucinated * a.n
    if right * wrong <= 0:
        return None
    t = right / (right + wrong)
    return t if t <= 0.95 else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
