"""Repeats of one prompt in one column: do they agree, and what would k of them show?

A key is an answer made comparable. An empty one is unknown and equal to nothing, not even another.
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from math import comb, log


class Pattern(StrEnum):
    stable_right = "stable_right"  # all correct
    stable_wrong = "stable_wrong"  # all hallucinated, and always the same
    scatter = "scatter"  # all hallucinated, and not always the same: the signature of bluffing
    honest = "honest"  # all abstained
    wavering = "wavering"  # some abstained, some committed to an answer
    mixed = "mixed"  # all committed, some correct and some hallucinated


def pattern(labels: Sequence[str], keys: Sequence[str]) -> Pattern | None:
    """What the labelled repeats of a prompt look like together; None with fewer than two.

    Labels are "correct", "hallucinated" and "abstained", and each has its key. ValueError with
    another label, or where there are not as many keys.
    """
    if len(keys) != len(labels):
        raise ValueError("each label needs its key, which may be empty")
    kinds = set(labels)
    if unknown := kinds - {"correct", "hallucinated", "abstained"}:
        raise ValueError(f"not a label: {min(unknown)}")
    if len(labels) < 2:
        return None
    if kinds == {"correct"}:
        return Pattern.stable_right
    if kinds == {"abstained"}:
        return Pattern.honest
    if kinds == {"hallucinated"}:
        return Pattern.stable_wrong if consistency(keys) == 1 else Pattern.scatter
    return Pattern.wavering if "abstained" in kinds else Pattern.mixed


def consistency(values: Sequence[str]) -> float | None:
    """The share of pairs that agree, of labels or of keys: Σ m(m−1)/(k(k−1)); None without pair."""
    k = len(values)
    if k < 2:
        return None
    return sum(m * (m - 1) for m in _sizes(values) if m > 1) / (k * (k - 1))


def entropy(values: Sequence[str]) -> float | None:
    """Shannon's entropy of labels or keys in nats, from 0 to ln k; None without any."""
    k = len(values)
    if not k:
        return None
    return sum(m / k * log(k / m) for m in _sizes(values))


def at_least_one(n: int, c: int, k: int) -> float | None:
    """The chance that k of n answers, drawn without putting back, hold one of the c wanted.

    1 − C(n−c,k)/C(n,k): pass@k of Chen et al., 2021, if c counts correct answers; worst of k if
    it counts hallucinated ones. None if k > n; ValueError unless 0 ≤ c ≤ n and 0 ≤ k.
    """
    missing = all_k(n, n - c, k)
    return None if missing is None else 1 - missing


def all_k(n: int, c: int, k: int) -> float | None:
    """The chance that k of n answers, drawn without putting back, are all of the c wanted.

    C(c,k)/C(n,k): pass^k of τ-bench, 2024. None if k > n; ValueError unless 0 ≤ c ≤ n and 0 ≤ k.
    """
    if not 0 <= c <= n or k < 0:
        raise ValueError("of n answers 0 to n are wanted, and none or more are drawn")
    return comb(c, k) / comb(n, k) if k <= n else None


def _sizes(values: Sequence[str]) -> list[int]:
    """How many there are of each value: each unknown one is alone."""
    sizes = Counter(values)
    return [1] * sizes.pop("", 0) + list(sizes.values())
