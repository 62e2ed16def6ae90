"""Intervals of ratios that have no formula for them, such as F: by drawing the prompts anew.

Efron, Bootstrap methods, 1979: percentiles over draws of as many prompts, with putting back. A
prompt comes with all its repeats and in all columns at once, so columns stay paired.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from random import Random
from struct import pack, unpack

from app.stats.measures import Counts

Statistic = Callable[[Counts], float | None]
Interval = tuple[float, float]
DRAWS = 2000
SEED = 20_250_904
_EVERY = 50  # draws, between two calls of progress


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What statistics were in each draw, by name and column; None where they had no denominator."""

    seed: int
    draws: int
    prompts: int
    values: Mapping[str, Sequence[Sequence[float | None]]]

    def interval(self, name: str, column: int, level: float = 0.95) -> Interval | None:
        """Where the statistic of a column lies; None with fewer than two prompts."""
        return self._middle(self.values[name][column], level)

    def difference(self, name: str, a: int, b: int, level: float = 0.95) -> Interval | None:
        """Where the statistic of column b minus that of column a lies, paired by draw."""
        columns = self.values[name]
        both = zip(columns[a], columns[b], strict=True)
        return self._middle([None if x is None or y is None else y - x for x, y in both], level)

    def _middle(self, values: Sequence[float | None], level: float) -> Interval | None:
        """Percentiles of the draws that have a value; None if that is less than half of them."""
        known = sorted(x for x in values if x is not None)
        if self.prompts < 2 or not known or 2 * len(known) < self.draws:
            return None
        tail = (1 - level) / 2
        return _percentile(known, tail), _percentile(known, 1 - tail)


def bootstrap(
    columns: Sequence[Sequence[Counts]],
    statistics: Mapping[str, Statistic],
    draws: int = DRAWS,
    seed: int = SEED,
    progress: Callable[[int, int], object] = lambda done, draws: None,
) -> Bootstrap | None:
    """Draw prompts and compute statistics of the summed counts of each column, draw by draw.

    Each column has the counts of all prompts, in the same order; those of a prompt it was not
    asked are Counts(). Now and then progress is told how many draws are done, and of how many;
    if it returns False, the rest is left and there is no result. The same seed draws the same.
    ValueError if columns are not equally long.
    """
    packed = _packed(columns)
    values: dict[str, list[list[float | None]]] = {
        name: [[] for _ in columns] for name in statistics
    }
    random = Random(seed)  # noqa: S311 (nothing secret)
    fields = 3 * len(columns)
    for done in range(draws):
        if done % _EVERY == 0 and progress(done, draws) is False:
            return None
        total = sum(random.choices(packed, k=len(packed))) if packed else 0
        sums = unpack(f"<{fields}I", total.to_bytes(4 * fields, "little"))
        for column in range(len(columns)):
            counts = Counts(*sums[3 * column : 3 * column + 3])
            for name, statistic in statistics.items():
                values[name][column].append(statistic(counts))
    progress(draws, draws)
    return Bootstrap(seed, draws, len(packed), values)


def _packed(columns: Sequence[Sequence[Counts]]) -> list[int]:
    """All counts of a prompt as one whole number, 32 bits each: one addition then adds them all.

    That is more than ten times as fast as adding them one by one, and 2³² answers of a column fit.
    """
    rows = [
        [x for c in row for x in (c.correct, c.hallucinated, c.abstained)]
        for row in zip(*columns, strict=True)
    ]
    return [int.from_bytes(pack(f"<{len(row)}I", *row), "little") for row in rows]


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Between two values in proportion, as numpy has it (Hyndman and Fan, 1996, type 7)."""
    at = share * (len(ordered) - 1)
    low = floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
