"""Tails and quantiles of the few distributions that the rest needs.

DLMF is NIST's Digital Library of Mathematical Functions, https://dlmf.nist.gov.
"""

from collections.abc import Iterator
from math import comb, exp, lgamma, log, sqrt
from statistics import NormalDist

_TINY = 1e-300  # instead of a zero that would be divided by
_CLOSE = 1e-15
_TERMS = 10_000


def normal_quantile(p: float) -> float:
    """z with P(Z ≤ z) = p for 0 < p < 1; else StatisticsError, which is a ValueError."""
    return NormalDist().inv_cdf(p)


def beta_below(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b) = P(Beta(a, b) ≤ x), for a, b > 0.

    Continued fraction: DLMF 8.17.22, which converges fast left of the mean; right of it the
    other tail is taken.
    """
    if a <= 0 or b <= 0:
        raise ValueError("a beta distribution needs a and b above 0")
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_below(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x)) / a

    def terms() -> Iterator[tuple[float, float]]:
        yield 1, 1
        for m in range(_TERMS):
            yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1
            yield (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2)), 1

    return min(front * _continued_fraction(terms()), 1.0)


def beta_quantile(p: float, a: float, b: float) -> float:
    """x with I_x(a, b) = p, by halving, to about 1e-15. ValueError unless 0 ≤ p ≤ 1."""
    if not 0 <= p <= 1:
        raise ValueError("a probability is between 0 and 1")
    if p in (0, 1):
        return float(p)
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high and high - low > _CLOSE * high:
        if beta_below(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def gamma_above(x: float, a: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x), for a > 0.

    The series DLMF 8.11.4 of its complement left of the mean, the continued fraction 8.9.2 right
    of it.
    """
    if a <= 0:
        raise ValueError("a gamma distribution needs a above 0")
    if x <= 0:
        return 1.0
    front = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _TERMS):
            term *= x / (a + n)
            total += term
            if term < total * _CLOSE:
                break
        return max(1 - front * total, 0.0)

    def terms() -> Iterator[tuple[float, float]]:
        yield 1, x + 1 - a
        for n in range(1, _TERMS):
            yield n * (a - n), x + 2 * n + 1 - a

    return front * _continued_fraction(terms())


def chi2_above(x: float, df: float) -> float:
    """P(χ² ≥ x) with df degrees of freedom."""
    return gamma_above(x / 2, df / 2)


def t_above(t: float, df: float) -> float:
    """P(T ≥ t) of Student's t with df degrees of freedom (DLMF 8.17, with x = df/(df + t²))."""
    half = beta_below(df / (df + t * t), df / 2, 0.5) / 2
    return half if t >= 0 else 1 - half


def t_quantile(p: float, df: float) -> float:
    """t with P(T ≤ t) = p for 0 < p < 1, else ValueError."""
    if not 0 < p < 1:
        raise ValueError("a quantile of t needs a probability between 0 and 1")
    if p < 0.5:
        return -t_quantile(1 - p, df)
    # The part of t² in df + t² has a beta distribution, and stays exact where t is near 0.
    part = beta_quantile(2 * p - 1, 0.5, df / 2)
    return sqrt(df * part / (1 - part))


def coin_below(k: int, n: int) -> float:
    """P(X ≤ k) of heads in n fair throws, summed in whole numbers."""
    return sum(comb(n, i) for i in range(min(k, n) + 1)) / (1 << n)


def _continued_fraction(terms: Iterator[tuple[float, float]]) -> float:
    """a₁/(b₁ + a₂/(b₂ + …)) by Lentz's method in the form of Thompson and Barnett, 1986."""
    value = c = _TINY
    d = 0.0
    for a, b in terms:
        d = 1 / (b + a * d or _TINY)
        c = b + a / c or _TINY
        value *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return value
