"""Two conditions or more on the same prompts: what differs, and could it be chance?

The prompt is the unit: repeats of a prompt are averaged first.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, comb, gcd, inf, sqrt
from operator import getitem
from random import Random

from app.stats.distributions import chi2_above, coin_below, normal_quantile, t_quantile
from app.stats.measures import Counts

MIN_PROMPTS = 6  # with fewer no p can be below 0.05 (see smallest_p), so none is shown
SEED = 20_250_904
_DRAWS = 10_000
_WORK = 150_000  # steps that may be counted; 16 different sizes take 131,070
# Differences become whole numbers of this part, about 1e-9: so equal ones are equal, and those
# of means over up to 16 repeats are exact, since all of 1 to 16 divide 720,720.
_PART = 720_720_000

Table = tuple[tuple[float, ...], ...]


def transitions(pairs: Iterable[tuple[Counts, Counts]]) -> Table:
    """How labels move from one condition to another, prompt by prompt: rows and columns C, H, A.

    Each prompt adds 1 in all: every repeat before is paired with every repeat after, as the
    number of a repeat means nothing. With one answer each that is the plain table of counts.
    Prompts without labels on either side are left out.
    """
    table = [[0.0] * 3 for _ in range(3)]
    for before, after in pairs:
        pairings = before.n * after.n
        if not pairings:
            continue
        for i, m in enumerate((before.correct, before.hallucinated, before.abstained)):
            for j, n in enumerate((after.correct, after.hallucinated, after.abstained)):
                table[i][j] += m * n / pairings
    return tuple(tuple(row) for row in table)


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference over n prompts; its error and interval are None with fewer than two."""

    mean: float
    se: float | None
    low: float | None
    high: float | None
    n: int


def difference(d: Sequence[float], level: float = 0.95, most: float = inf) -> Difference | None:
    """The mean of differences, one of each prompt, with Student's interval; None without any.

    Standard error √(Σ(d−d̄)²/(G(G−1))) (Miller, Adding error bars to evals, 2024, §4.2), times t
    with G−1 degrees of freedom: the normal quantile is far too sure of a few prompts. It is cut off
    at −most and most, which no difference can pass: of three prompts it would go far beyond.
    """
    n = len(d)
    if not n:
        return None
    mean = sum(d) / n
    if n < 2:
        return Difference(mean, None, None, None, n)
    se = sqrt(sum((x - mean) ** 2 for x in d) / (n * (n - 1)))
    half = t_quantile((1 + level) / 2, n - 1) * se
    return Difference(mean, se, max(mean - half, -most), min(mean + half, most), n)


def sign_flip(d: Sequence[float], seed: int = SEED) -> float | None:
    """The two-sided p of a mean difference, if each prompt's could as well be turned round.

    Exact where that can be counted: for 16 prompts always, for hundreds where few values occur;
    else from 10,000 draws, as (k+1)/(draws+1). None without prompts. Can be no lower than
    smallest_p.
    """
    if not d:
        return None
    sizes = [size for x in d if (size := round(abs(x) * _PART))]
    # Each may be half a part off, on both sides of the comparison.
    least = round(abs(sum(d)) * _PART) - len(sizes) - 1
    if _countable(counted := Counter(sizes)):
        sums = _signed_sums(counted).items()
        return min(sum(chance for total, chance in sums if abs(total) >= least), 1.0)
    hits = sum(abs(total) >= least for total in _drawn_sums(sizes, Random(seed)))  # noqa: S311
    return (hits + 1) / (_DRAWS + 1)


def _signed_sums(sizes: Counter[int]) -> dict[int, float]:
    """Every sum that signs can make of the sizes, with its chance.

    Of m equal sizes only the number of minus signs counts, which is binomial.
    """
    sums = {0: 1.0}
    for size, m in sorted(sizes.items()):
        steps = [(size * (m - 2 * k), comb(m, k) / (1 << m)) for k in range(m + 1)]
        wider: dict[int, float] = {}
        for total, chance in sums.items():
            for step, share in steps:
                at = total + step
                wider[at] = wider.get(at, 0.0) + chance * share
        sums = wider
    return sums


def _countable(sizes: Counter[int]) -> bool:
    """Whether _signed_sums is quick: sums grow no more than sizes allow, or than lie in reach."""
    part = gcd(*sizes)
    sums, reach, work = 1, 0, 0
    for size, m in sorted(sizes.items()):
        work += sums * (m + 1)
        reach += size * m // part
        sums = min(sums * (m + 1), reach + 1)
    return work <= _WORK


def _drawn_sums(sizes: Sequence[int], random: Random) -> Iterable[float]:
    """Sums of the sizes with random signs. A byte of random bits is the signs of eight of them."""
    tables = []
    for start in range(0, len(sizes), 8):
        sums = [0.0]  # whole numbers still, and quicker than those
        for size in sizes[start : start + 8]:
            sums = [x - size for x in sums] + [x + size for x in sums]
        tables.append(sums * (256 // len(sums)))
    for _ in range(_DRAWS):
        yield sum(map(getitem, tables, random.randbytes(len(tables))))


@dataclass(frozen=True, slots=True)
class McNemar:
    """p-values (exact, and mid-p) and χ² with one degree of freedom, None without discord."""

    exact: float
    mid_p: float
    chi2: float | None
    chi2_corrected: float | None


def mcnemar(b: int, c: int) -> McNemar:
    """Whether yes turns to no (b times) as often as no to yes (c), with one answer per prompt.

    McNemar, Note on the sampling error of the difference between correlated proportions, 1947;
    exact: binomial on the b + c; mid-p counts what was seen by half (Fagerland et al., 2013).
    """
    n = b + c
    if not n:
        return McNemar(1.0, 1.0, None, None)
    tail = 2 * coin_below(min(b, c), n)
    return McNemar(
        min(tail, 1.0),
        min(tail - comb(n, b) / (1 << n), 1.0),
        (b - c) ** 2 / n,
        max(abs(b - c) - 1, 0) ** 2 / n,
    )


@dataclass(frozen=True, slots=True)
class ChiSquare:
    chi2: float
    df: int
    p: float


def stuart_maxwell(table: Sequence[Sequence[float]]) -> ChiSquare | None:
    """Whether a square table has the same margins: all labels at once, with one answer per prompt.

    Stuart, 1955; Maxwell, 1970: dᵀV⁻¹d of the differences of the margins. Labels that do not
    move add nothing to V, so they are left out, and df is V's rank; None where nothing moves.
    """
    size = range(len(table))
    v = [[-float(table[i][j] + table[j][i]) for j in size] for i in size]
    d = [sum(table[i]) - sum(row[i] for row in table) for i in size]
    for i in size:
        v[i][i] = 0.0
        v[i][i] = -sum(v[i])
    zero = 1e-9 * max((v[i][i] for i in size), default=0)
    chi2, df = 0.0, 0
    for i in size:
        if v[i][i] <= zero:  # does not move, or follows from those before
            continue
        chi2 += d[i] ** 2 / v[i][i]
        df += 1
        for j in size[i + 1 :]:
            share = v[j][i] / v[i][i]
            d[j] -= share * d[i]
            v[j] = [x - share * y for x, y in zip(v[j], v[i], strict=True)]
    return ChiSquare(chi2, df, chi2_above(chi2, df)) if df else None


def cochran_q(rows: Sequence[Sequence[int]]) -> ChiSquare | None:
    """Whether yes (1) is as frequent in all conditions: a row per prompt, a column per condition.

    Cochran, The comparison of percentages in matched samples, 1950; with two conditions it is
    McNemar's χ². None where no prompt differs. ValueError if the rows are not equally long.
    """
    columns = [sum(column) for column in zip(*rows, strict=True)]
    k, total = len(columns), sum(columns)
    within = k * total - sum(sum(row) ** 2 for row in rows)
    if not within:
        return None
    q = (k - 1) * (k * sum(x * x for x in columns) - total**2) / within
    return ChiSquare(q, k - 1, chi2_above(q, k - 1))


def holm(ps: Sequence[float]) -> list[float]:
    """p-values of several comparisons, adjusted, in their order (Holm, 1979)."""
    order = sorted(range(len(ps)), key=ps.__getitem__)
    rising = accumulate((min((len(ps) - i) * ps[at], 1.0) for i, at in enumerate(order)), max)
    adjusted = dict(zip(order, rising, strict=True))
    return [adjusted[at] for at in range(len(ps))]


def smallest_p(g: int) -> float:
    """The smallest two-sided p that turning the signs of g prompts can give: 2/2^g."""
    return min(2 / (1 << g), 1.0)


def prompts_needed(
    delta: float,
    omega2: float,
    sigma2_a: float = 0,
    k_a: int = 1,
    sigma2_b: float = 0,
    k_b: int = 1,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """The prompts with which a true difference delta is found with this power at level alpha.

    (z_{α/2}+z_β)²(ω² + σ²_A/K_A + σ²_B/K_B)/δ² (Miller, 2024, §5): omega2 is the variance of the
    prompts' true differences, sigma2 that of a prompt's repeats, and k how many of them there are,
    in each condition; differences are fractions of 1. ValueError if delta is 0.
    """
    if not delta:
        raise ValueError("no number of prompts tells a difference of 0")
    variance = omega2 + sigma2_a / k_a + sigma2_b / k_b
    return ceil(_reach(power, alpha) ** 2 * variance / delta**2)


def detectable(
    n: int,
    omega2: float,
    sigma2_a: float = 0,
    k_a: int = 1,
    sigma2_b: float = 0,
    k_b: int = 1,
    power: float = 0.8,
    alpha: float = 0.05,
) -> float:
    """The smallest true difference that n prompts find with this power; see prompts_needed."""
    sd = sqrt(omega2 + sigma2_a / k_a + sigma2_b / k_b)
    return detectable_from(sd, n, power, alpha)


def detectable_from(sd: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The same from the standard deviation of the differences seen. ValueError without prompts."""
    if n < 1:
        raise ValueError("no prompts find nothing")
    return _reach(power, alpha) * sd / sqrt(n)


def _reach(power: float, alpha: float) -> float:
    """How many standard errors a difference has to be from 0."""
    return normal_quantile(1 - alpha / 2) + normal_quantile(power)
