"""Do reviewers agree, beyond what chance would make them? And what their differences leave open.

Labels have to be given independently. One label dominating makes every chance-corrected value
say little, so it is shown beside the table and the raw agreement.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from app.stats.rates import Z

Table = Sequence[Sequence[int]]  # rows: what one reviewer said, columns: the other


def agreeing_pairs(items: Iterable[Sequence[str]]) -> tuple[int, int]:
    """Of the pairs of labels that two reviewers gave the same answer, how many agree; and all.

    Each item is the labels of one answer, one of each reviewer who gave one. Those with fewer than
    two labels have no pairs.
    """
    agreeing = pairs = 0
    for labels, times in Counter(map(tuple, items)).items():
        agreeing += times * sum(m * (m - 1) // 2 for m in Counter(labels).values())
        pairs += times * (len(labels) * (len(labels) - 1) // 2)
    return agreeing, pairs


def raw_agreement(items: Iterable[Sequence[str]]) -> float | None:
    """The share of pairs that agree; None where no two reviewers labelled the same answer."""
    agreeing, pairs = agreeing_pairs(items)
    return agreeing / pairs if pairs else None


def confusion(pairs: Iterable[tuple[str, str]], labels: Sequence[str]) -> list[list[int]]:
    """How often two reviewers said what: rows the first, columns the second, in order of labels.

    ValueError for any other label.
    """
    place = {label: i for i, label in enumerate(labels)}
    table = [[0] * len(place) for _ in place]
    for (one, other), times in Counter(pairs).items():
        if one not in place or other not in place:
            raise ValueError(f"not a label: {one if one not in place else other}")
        table[place[one]][place[other]] += times
    return table


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's κ with its standard error and 95 % interval, and the raw agreement, of n answers."""

    kappa: float
    se: float
    low: float
    high: float
    agreement: float
    n: int


def cohen(table: Table) -> Kappa | None:
    """κ of two reviewers: (p_o − Σ p_k q_k)/(1 − Σ p_k q_k); None without data or with one label.

    Cohen, A coefficient of agreement for nominal scales, 1960; the standard error is that of
    Fleiss, Cohen and Everitt, 1969. The interval is cut off at −1 and 1.
    """
    n = sum(map(sum, table))
    if not n:
        return None
    p = [[x / n for x in row] for row in table]
    rows, columns = [sum(row) for row in p], [sum(column) for column in zip(*p, strict=True)]
    expected = sum(r * c for r, c in zip(rows, columns, strict=True))
    if expected > 1 - 1e-12:
        return None
    agreed = sum(row[i] for i, row in enumerate(p))
    kappa = (agreed - expected) / (1 - expected)
    variance = -((kappa - expected * (1 - kappa)) ** 2)
    for i, row in enumerate(p):
        for j, share in enumerate(row):
            if i == j:
                variance += share * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2
            else:
                variance += share * ((columns[i] + rows[j]) * (1 - kappa)) ** 2
    se = sqrt(max(variance, 0) / n) / (1 - expected)
    low, high = max(kappa - Z * se, -1.0), min(kappa + Z * se, 1.0)
    return Kappa(kappa, se, low, high, agreed, n)


def scott(table: Table) -> float | None:
    """π of two reviewers: as κ, but chance is that of their pooled labels (Scott, 1955)."""
    n = sum(map(sum, table))
    if not n:
        return None
    agreed = sum(row[i] for i, row in enumerate(table))
    columns = [sum(column) for column in zip(*table, strict=True)]
    pooled = [sum(row) + column for row, column in zip(table, columns, strict=True)]
    return _beyond_chance(agreed / n, sum(x * x for x in pooled), 4 * n * n)


def fleiss(counts: Table) -> float | None:
    """κ of several reviewers who all labelled everything: a row per answer, a column per label.

    Fleiss, Measuring nominal scale agreement among many raters, 1971. None without data, with one
    reviewer or one label; ValueError if some answers have more labels than others.
    """
    sizes = {sum(row) for row in counts}
    if len(sizes) > 1:
        raise ValueError("Fleiss' κ needs as many labels of every answer")
    raters = sizes.pop() if sizes else 0
    if raters < 2:
        return None
    labels = len(counts) * raters
    pairs = sum(x * (x - 1) for row in counts for x in row) / (labels * (raters - 1))
    totals = [sum(column) for column in zip(*counts, strict=True)]
    return _beyond_chance(pairs, sum(x * x for x in totals), labels**2)


def krippendorff_alpha(items: Iterable[Sequence[str]]) -> float | None:
    """α for nominal labels, where reviewers may skip answers; items as in agreeing_pairs.

    Krippendorff, Computing Krippendorff's alpha-reliability, 2011: 1 − (N−1)·D_o/D_e. Answers with
    one label say nothing and drop out; None if none is left, or if all labels are the same.
    """
    totals: Counter[str] = Counter()
    differ = 0.0
    # Few combinations occur, often: each is counted once.
    for labels, times in Counter(map(tuple, items)).items():
        size, counted = len(labels), Counter(labels)
        if size < 2:
            continue
        differ += times * (size**2 - sum(m * m for m in counted.values())) / (size - 1)
        for label, m in counted.items():
            totals[label] += times * m
    n = totals.total()
    expected = n * n - sum(m * m for m in totals.values())
    return 1 - (n - 1) * differ / expected if expected else None


def disputed_swing(certain: int, disputed: int, n: int) -> tuple[float, float] | None:
    """The rates that n answers may have: if no disputed one counts, and if all do; None if n = 0.

    Certain and disputed are counts within n.
    """
    return (certain / n, (certain + disputed) / n) if n else None


def corrected_rate(p_obs: float, sens: float, spec: float) -> float | None:
    """The true rate behind one that an imperfect judge sees: (p + spec − 1)/(sens + spec − 1).

    Rogan and Gladen, Estimating prevalence from the results of a screening test, 1978, cut off at
    0 and 1. None for a judge no better than chance (sens + spec ≤ 1), who tells nothing.
    """
    better = sens + spec - 1
    if better <= 0:
        return None
    return min(max((p_obs + spec - 1) / better, 0.0), 1.0)


def _beyond_chance(agreed: float, expected: int, of: int) -> float | None:
    """(p_o − p_e)/(1 − p_e) with p_e = expected/of; None if chance alone agrees always."""
    if expected == of:
        return None
    return (agreed - expected / of) / (1 - expected / of)
