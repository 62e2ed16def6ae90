"""Repeats of one prompt: do they agree, and what k of them show."""

from itertools import combinations
from math import log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stats.repeats import Pattern, all_k, at_least_one, consistency, entropy, pattern

C, H, A = "correct", "hallucinated", "abstained"
values = st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=9)


def test_three_birthdays_agree_on_the_label_only() -> None:
    dates = ["03-07", "15-06", "01-01"]
    assert consistency([H, H, H]) == 1
    assert consistency(dates) == 0
    assert entropy(dates) == pytest.approx(1.098612, abs=5e-7)
    assert entropy([H, H, H]) == 0
    assert pattern([H, H, H], dates) is Pattern.scatter


def test_consistency_is_the_share_of_agreeing_pairs() -> None:
    assert consistency(list("aaaab")) == pytest.approx(0.6)
    assert consistency(list("aabbc")) == pytest.approx(0.2)


def test_one_answer_agrees_with_nobody() -> None:
    assert consistency([]) is None
    assert consistency(["a"]) is None
    assert entropy([]) is None
    assert entropy(["a"]) == 0


def test_unknown_keys_are_equal_to_nothing() -> None:
    assert consistency(["", "", ""]) == 0
    assert entropy(["", "", ""]) == pytest.approx(log(3))
    assert pattern([H, H], ["", ""]) is Pattern.scatter


@given(values)
@settings(max_examples=40)
def test_consistency_counts_pairs(keys: list[str]) -> None:
    pairs = list(combinations(keys, 2))
    agree = sum(a == b != "" for a, b in pairs)
    assert consistency(keys) == (pytest.approx(agree / len(pairs)) if pairs else None)


@given(values, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_order_of_repeats_does_not_matter(keys: list[str], random: Random) -> None:
    mixed = random.sample(keys, len(keys))
    assert consistency(mixed) == consistency(keys)
    assert entropy(mixed) == pytest.approx(entropy(keys))


@pytest.mark.parametrize(
    ("labels", "keys", "found"),
    [
        ([C, C], ["1", "1"], Pattern.stable_right),
        ([C, C], ["1", "one"], Pattern.stable_right),
        ([H, H, H], ["2", "2", "2"], Pattern.stable_wrong),
        ([H, H, H], ["2", "2", "3"], Pattern.scatter),
        ([H, H, H], ["2", "2", ""], Pattern.scatter),
        ([A, A], ["", ""], Pattern.honest),
        ([H, A], ["2", ""], Pattern.wavering),
        ([C, A], ["1", ""], Pattern.wavering),
        ([C, H, A], ["1", "2", ""], Pattern.wavering),
        ([C, H], ["1", "2"], Pattern.mixed),
        ([H], ["2"], None),
        ([], [], None),
    ],
)
def test_pattern(labels: list[str], keys: list[str], found: Pattern | None) -> None:
    assert pattern(labels, keys) is found


def test_pattern_needs_a_key_for_each_label() -> None:
    with pytest.raises(ValueError, match="needs its key"):
        pattern([H, H], ["2"])


def test_pattern_knows_three_labels() -> None:
    with pytest.raises(ValueError, match="not a label: maybe"):
        pattern([H, "maybe"], ["2", "3"])


@pytest.mark.parametrize(
    ("n", "c", "k", "found"),
    [(10, 3, 1, 0.3), (10, 3, 5, 0.916667), (10, 2, 3, 0.533333), (3, 3, 2, 1), (3, 0, 2, 0)],
)
def test_at_least_one(n: int, c: int, k: int, found: float) -> None:
    assert at_least_one(n, c, k) == pytest.approx(found, abs=5e-7)


@pytest.mark.parametrize(
    ("n", "c", "k", "found"), [(10, 3, 2, 0.066667), (10, 8, 3, 0.466667), (10, 3, 4, 0)]
)
def test_all_k(n: int, c: int, k: int, found: float) -> None:
    assert all_k(n, c, k) == pytest.approx(found, abs=5e-7)


def test_more_than_there_are_cannot_be_drawn() -> None:
    assert at_least_one(3, 1, 4) is None
    assert all_k(3, 1, 4) is None
    assert all_k(0, 0, 1) is None


@pytest.mark.parametrize(("n", "c", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, -1)])
def test_impossible_draws_are_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="are wanted"):
        at_least_one(n, c, k)
    with pytest.raises(ValueError, match="are wanted"):
        all_k(n, c, k)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_draws_are_what_trying_all_gives(wanted: list[bool], data: st.DataObject) -> None:
    n, k = len(wanted), data.draw(st.integers(1, len(wanted)))
    draws = list(combinations(wanted, k))
    assert at_least_one(n, sum(wanted), k) == pytest.approx(sum(map(any, draws)) / len(draws))
    assert all_k(n, sum(wanted), k) == pytest.approx(sum(map(all, draws)) / len(draws))
