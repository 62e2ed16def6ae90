"""One rate and what it may be: proportions with their intervals."""

from collections.abc import Sequence
from math import sqrt

Z = 1.959964  # of 95 %


def wilson(x: float, n: float, z: float = Z) -> tuple[float, float] | None:
    """The interval of a proportion x/n; None without data.

    Wilson, Probable inference, the law of succession, and statistical inference, 1927: good at
    small n, and at 0 and n, where the textbook interval has no width.
    """
    if n <= 0:
        return None
    p, square = x / n, z * z
    centre = p + square / (2 * n)
    half = z * sqrt(p * (1 - p) / n + square / (4 * n * n))
    low, high = (centre - half) / (1 + square / n), (centre + half) / (1 + square / n)
    return (0.0 if x <= 0 else low, 1.0 if x >= n else high)


def clustered(groups: Sequence[tuple[int, int]]) -> tuple[float, float] | None:
    """The interval of a rate over prompts, each with its (x, n); None without data.

    Repeats of a prompt say nothing new of other prompts, so the prompt is the unit. The standard
    error is clustered (Miller, Adding error bars to evals, 2024, §2.2, times G/(G−1)); Wilson's
    interval is then taken at the number of independent answers that would be as sure (Korn and
    Graubard, 1998): at most n, and G where all prompts agree. With one answer per prompt it is
    Wilson's own.
    """
    groups = [(x, n) for x, n in groups if n]
    count, total = len(groups), sum(n for _, n in groups)
    if not total:
        return None
    rate = sum(x for x, _ in groups) / total
    if count < 2 or all(n == 1 for _, n in groups):
        return wilson(rate * total, total)
    spread = sum((x - n * rate) ** 2 for x, n in groups) * count / (count - 1)
    naive = rate * (1 - rate) * total  # both times total²
    effective = min(naive * total / spread, total) if spread else count
    return wilson(rate * effective, effective)
