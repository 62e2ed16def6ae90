"""Intervals of one rate, against published values."""

from math import sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stats.rates import (
    clopper_pearson,
    clustered,
    clustered_error,
    effective_n,
    jeffreys,
    wilson,
)

FOUR = [(3, 3), (2, 3), (0, 3), (1, 3)]  # 4 prompts × 3 repeats: 111 110 000 010
prompts = st.lists(
    st.integers(0, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=12
)


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        (3, 3, 0.4385, 1),
        (0, 3, 0, 0.5615),
        (0, 10, 0, 0.2775),
        (3, 10, 0.1078, 0.6032),
        # Newcombe, 1998.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_what_is_published(x: int, n: int, low: float, high: float) -> None:
    assert wilson(x, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        (3, 3, 0.2924, 1),
        (0, 3, 0, 0.7076),
        (0, 10, 0, 0.3085),
        (3, 10, 0.0667, 0.6525),
        (81, 263, 0.2527, 0.3676),
    ],
)
def test_clopper_pearson_is_what_is_published(x: int, n: int, low: float, high: float) -> None:
    assert clopper_pearson(x, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        (3, 3, 0.4644, 0.9998),
        (0, 3, 0.0002, 0.5356),
        (0, 10, 0, 0.2172),
        (3, 10, 0.0927, 0.6058),
        (81, 263, 0.2545, 0.3656),
    ],
)
def test_jeffreys_is_what_is_published(x: int, n: int, low: float, high: float) -> None:
    assert jeffreys(x, n) == pytest.approx((low, high), abs=5e-5)


def test_no_data_has_no_interval() -> None:
    assert wilson(0, 0) is None
    assert clopper_pearson(0, 0) is None
    assert jeffreys(0, 0) is None
    assert clustered([]) is None
    assert clustered([(0, 0)]) is None
    assert effective_n([(0, 0)]) is None


def test_one_prompt_has_no_clustered_error() -> None:
    assert clustered_error([(2, 3), (0, 0)]) is None
    assert effective_n([(2, 3), (0, 0)]) == 3


def test_repeats_are_no_new_prompts() -> None:
    found = clustered(FOUR)
    assert found == pytest.approx((0.1776, 0.8224), abs=5e-5)
    pooled = wilson(6, 12)
    assert pooled == pytest.approx((0.2538, 0.7462), abs=5e-5)


def test_clustered_error_is_larger_than_the_pooled_one() -> None:
    naive = sqrt(0.5 * 0.5 / 12)
    found = clustered_error(FOUR)
    assert found is not None
    assert naive == pytest.approx(0.144338, abs=5e-7)
    assert found == pytest.approx(0.215166, abs=5e-7)
    assert found * sqrt(3 / 4) == pytest.approx(0.186339, abs=5e-7)
    assert effective_n(FOUR) == pytest.approx(5.4)


def test_one_answer_per_prompt_is_plain() -> None:
    assert clustered([(1, 1), (0, 1), (0, 1), (0, 0)]) == wilson(1, 3)


def test_prompts_that_all_agree_count_once_each() -> None:
    assert clustered([(3, 3)] * 4) == wilson(4, 4)
    assert clustered([(1, 2)] * 4) == wilson(2, 4)
    assert clustered([(15, 22)] * 4) == pytest.approx(wilson(4 * 15 / 22, 4))  # no float is 15/22
    assert effective_n([(15, 22), (30, 44)]) == 2


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=40)
def test_intervals_hold_the_rate_and_mirror_that_of_the_rest(case: tuple[int, int]) -> None:
    x, n = case
    for interval in (wilson, clopper_pearson):
        found, rest = interval(x, n), interval(n - x, n)
        assert found is not None
        assert rest is not None
        assert 0 <= found[0] <= x / n <= found[1] <= 1
        assert found == pytest.approx((1 - rest[1], 1 - rest[0]), abs=1e-9)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=40)
def test_the_guaranteed_interval_is_the_widest(case: tuple[int, int]) -> None:
    sure, likely = clopper_pearson(*case), jeffreys(*case)
    assert sure is not None
    assert likely is not None
    assert sure[0] <= likely[0] < likely[1] <= sure[1]


@given(prompts)
@settings(max_examples=40)
def test_clustering_tells_no_more_than_there_are_answers(groups: list[tuple[int, int]]) -> None:
    effective, total = effective_n(groups), sum(n for _, n in groups)
    found = clustered(groups)
    if effective is None or found is None:
        assert total == 0
    else:
        assert 0 < effective <= total
        assert 0 <= found[0] <= sum(x for x, _ in groups) / total <= found[1] <= 1


@given(prompts, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_order_of_prompts_does_not_matter(groups: list[tuple[int, int]], random: Random) -> None:
    mixed = random.sample(groups, len(groups))
    assert clustered(mixed) == pytest.approx(clustered(groups))
