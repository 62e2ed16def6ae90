"""The price of an error: how models rank when a wrong answer costs t/(1−t), and what they do about
it when they are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from app.grid.view import Column
from app.results.book import Book, Cells, total
from app.results.lines import Line
from app.stats.measures import Counts, swaps
from app.stats.rates import clustered


@dataclass(frozen=True, slots=True)
class Place:
    """One line in the ranking at t."""

    rank: int  # from 1; equal scores share one
    line: Line
    score: float


@dataclass(frozen=True, slots=True)
class Swap:
    """From this t on, the second scores better than the first."""

    t: float
    before: Line
    after: Line


@dataclass(frozen=True, slots=True)
class Told:
    """A model that was told t: behavioural calibration (Kalai et al. 2025, §4.2)."""

    model: str
    t: float
    cells: Cells

    @property
    def counts(self) -> Counts:
        return total(self.cells.values())

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of ``attempted``, over prompts like these."""
        return clustered([(c.correct, c.correct + c.hallucinated) for c in self.cells.values()])

    @property
    def attempted(self) -> float | None:
        return self.counts.attempted_accuracy

    @property
    def score(self) -> float | None:
        return self.counts.score_at(self.t)

    @property
    def keeps(self) -> bool | None:
        """Whether it answered only where it was right often enough; None: it never answered."""
        return None if self.attempted is None else self.attempted >= self.t


def ranking(lines: Sequence[Line], t: float) -> list[Place]:
    """Best first; lines without labels have no place."""
    scores = [(score, line) for line in lines if (score := line.counts.score_at(t)) is not None]
    scores.sort(key=lambda pair: -pair[0])
    return [
        Place(1 + sum(other > score for other, _ in scores), line, score) for score, line in scores
    ]


def swap_points(lines: Sequence[Line]) -> list[Swap]:
    """Where two lines change places as errors get dearer, by t."""
    found = []
    for one, other in combinations([line for line in lines if line.counts.n], 2):
        t = swaps(one.counts, other.counts)
        if t is None:
            continue
        # The one with more errors falls more steeply.
        steeper = (one.counts.hallucination_rate or 0) > (other.counts.hallucination_rate or 0)
        found.append(Swap(t, *((one, other) if steeper else (other, one))))
    return sorted(found, key=lambda swap: swap.t)


def told(book: Book) -> list[Told]:
    """Each model with each target it was told, by model and t."""
    columns: dict[tuple[str, float], list[Column]] = {}
    for column in book.columns:
        if column.wording.target is not None:
            columns.setdefault((column.model, column.wording.target), []).append(column)
    found = [Told(model, t, book.of(same)) for (model, t), same in sorted(columns.items())]
    return [it for it in found if it.cells]


def abstains_more(told: Sequence[Told]) -> dict[str, bool]:
    """Whether a model abstains no less as t rises, of each that was told several."""
    rates: dict[str, list[float]] = {}
    for it in sorted(told, key=lambda it: it.t):
        rates.setdefault(it.model, []).append(it.counts.abstention_rate or 0)
    return {model: found == sorted(found) for model, found in rates.items() if len(found) > 1}
