"""One rate and what it may be: proportions with their intervals."""

from collections.abc import Sequence
from math import sqrt

from app.stats.distributions import beta_quantile

Z = 1.959964  # of 95 %
Groups = Sequence[tuple[int, int]]  # of each prompt: how many of its labelled answers are x, and n


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


def clopper_pearson(x: float, n: float, level: float = 0.95) -> tuple[float, float] | None:
    """The interval of x/n that holds the truth in *at least* level of all cases; None without data.

    Clopper and Pearson, The use of confidence or fiducial limits, 1934. Wider than Wilson's.
    """
    if n <= 0:
        return None
    tail = (1 - level) / 2
    return (
        0.0 if x <= 0 else beta_quantile(tail, x, n - x + 1),
        1.0 if x >= n else beta_quantile(1 - tail, x + 1, n - x),
    )


def jeffreys(x: float, n: float, level: float = 0.95) -> tuple[float, float] | None:
    """The middle of what Jeffreys' prior, Beta(½, ½), makes of x/n; None without data.

    Its ends are as computed: of 0/n the lower one is a little above 0, of n/n the upper one a
    little below 1 (Brown, Cai and DasGupta, 2001, would move them there).
    """
    if n <= 0:
        return None
    tail, a, b = (1 - level) / 2, x + 0.5, n - x + 0.5
    return beta_quantile(tail, a, b), beta_quantile(1 - tail, a, b)


def clustered_error(groups: Groups) -> float | None:
    """The standard error of a rate over prompts, a fraction; None with fewer than two prompts.

    Repeats of a prompt say nothing new of other prompts, so the prompt is the unit (Miller, Adding
    error bars to evals, 2024, §2.2, times G/(G−1); with equal repeats that is the standard error
    of the mean of the prompts' rates).
    """
    groups = [(x, n) for x, n in groups if n]
    if len(groups) < 2:
        return None
    return sqrt(_spread(groups)) / sum(n for _, n in groups)


def effective_n(groups: Groups) -> float | None:
    """How many independent answers would tell the rate as surely as these; None without data.

    n·(naive/clustered standard error)² (Korn and Graubard, 1998): at most n, and G, the number of
    prompts, where all prompts agree. With one answer per prompt, or one prompt, it is n.
    """
    groups = [(x, n) for x, n in groups if n]
    count, total = len(groups), sum(n for _, n in groups)
    if not total:
        return None
    if count < 2 or all(n == 1 for _, n in groups):
        return total
    rate, spread = sum(x for x, _ in groups) / total, _spread(groups)
    naive = rate * (1 - rate) * total  # both times total²
    return min(naive * total / spread, total) if spread else count


def clustered(groups: Groups) -> tuple[float, float] | None:
    """The interval of a rate over prompts, each with its (x, n); None without data.

    Wilson's interval, taken at the number of independent answers that would be as sure (see
    effective_n). With one answer per prompt it is Wilson's own.
    """
    effective = effective_n(groups)
    if effective is None:
        return None
    rate = sum(x for x, _ in groups) / sum(n for _, n in groups)
    return wilson(rate * effective, effective)


def _spread(groups: Groups) -> float:
    """Clustered variance of a rate, times n²: of at least two prompts with data.

    In whole numbers as long as can be: where all prompts agree it has to be 0, and not nearly.
    """
    count, wanted, total = len(groups), sum(x for x, _ in groups), sum(n for _, n in groups)
    squares = sum((x * total - n * wanted) ** 2 for x, n in groups)
    return squares * count / (count - 1) / total**2
