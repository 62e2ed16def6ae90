"""Intervals of one rate, against published values."""

import pytest

from app.stats.rates import clustered, wilson


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


def test_no_data_has_no_interval() -> None:
    assert wilson(0, 0) is None
    assert clustered([]) is None
    assert clustered([(0, 0)]) is None


def test_repeats_are_no_new_prompts() -> None:
    found = clustered([(3, 3), (2, 2 + 1), (0, 3), (1, 3)])
    assert found == pytest.approx((0.1776, 0.8224), abs=5e-5)
    pooled = wilson(6, 12)
    assert pooled == pytest.approx((0.2538, 0.7462), abs=5e-5)


def test_one_answer_per_prompt_is_plain() -> None:
    assert clustered([(1, 1), (0, 1), (0, 1), (0, 0)]) == wilson(1, 3)


def test_prompts_that_all_agree_count_once_each() -> None:
    assert clustered([(3, 3)] * 4) == wilson(4, 4)
    assert clustered([(1, 2)] * 4) == wilson(2, 4)
