"""Agreement between reviewers, against textbook and recomputed values."""

from random import Random
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stats.agreement import (
    agreeing_pairs,
    cohen,
    confusion,
    corrected_rate,
    disputed_swing,
    fleiss,
    krippendorff_alpha,
    raw_agreement,
    scott,
)
from app.stats.rates import wilson

CHA = [[20, 1, 0], [2, 12, 1], [0, 3, 11]]
# Fleiss, 1971, as printed on Wikipedia: 14 raters, 10 items, 5 categories.
FOURTEEN = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
items = st.lists(st.lists(st.sampled_from("CHA"), max_size=4), max_size=12)
squares = st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=3, max_size=3)


def observers(*lines: str) -> list[str]:
    """The labels of each unit from one line per observer, where a dot is missing."""
    return ["".join(column).replace("·", "") for column in zip(*lines, strict=True)]


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ([[20, 5], [10, 15]], 0.4),
        ([[45, 15], [25, 15]], 0.130435),
        ([[25, 35], [5, 35]], 0.259259),
        (CHA, 0.785276),
        ([[118, 5], [2, 0]], -0.023392),
    ],
)
def test_kappa_is_what_is_published(table: list[list[int]], kappa: float) -> None:
    found = cohen(table)
    assert found is not None
    assert found.kappa == pytest.approx(kappa, abs=5e-7)


def test_kappa_says_how_sure_it_is() -> None:
    found = cohen(CHA)
    assert found is not None
    assert found.agreement == pytest.approx(0.86)
    assert found.n == 50
    assert found.se == pytest.approx(0.074397, abs=5e-7)
    assert (found.low, found.high) == pytest.approx((0.6395, 0.9311), abs=5e-5)
    assert scott(CHA) == pytest.approx(0.785078, abs=5e-7)


def test_one_rare_label_makes_kappa_say_little() -> None:
    found = cohen([[118, 5], [2, 0]])
    assert found is not None
    assert found.agreement == pytest.approx(0.944)


@pytest.mark.parametrize("table", [[], [[0, 0], [0, 0]], [[7, 0], [0, 0]]])
def test_one_label_or_none_has_no_kappa(table: list[list[int]]) -> None:
    assert cohen(table) is None
    assert scott(table) is None


@given(squares)
def test_kappa_lies_in_its_interval_whoever_comes_first(table: list[list[int]]) -> None:
    found, turned = cohen(table), cohen([list(column) for column in zip(*table, strict=True)])
    if found is None or turned is None:
        assert found is turned
    else:
        assert -1 <= found.low <= found.kappa <= found.high <= 1
        assert turned.kappa == pytest.approx(found.kappa)
        assert turned.se == pytest.approx(found.se, abs=1e-9)


def test_confusion_is_in_the_order_of_labels() -> None:
    pairs = [("C", "C"), ("C", "H"), ("C", "H"), ("A", "H")]
    assert confusion(pairs, "CHA") == [[1, 2, 0], [0, 0, 0], [0, 1, 0]]
    assert confusion([], "CHA") == [[0] * 3] * 3
    with pytest.raises(ValueError, match="not a label: X"):
        confusion([("C", "X")], "CHA")


def test_fleiss_is_what_is_published() -> None:
    assert fleiss(FOURTEEN) == pytest.approx(0.209931, abs=5e-7)
    answers = ["CCC", "HHH", "AAA", "CCH", "HHA", "CCC"]
    three = [[answer.count(label) for label in "CHA"] for answer in answers]
    assert fleiss(three) == pytest.approx(17 / 26)


def test_fleiss_needs_everyone_to_label_everything() -> None:
    with pytest.raises(ValueError, match="as many labels"):
        fleiss([[2, 1], [1, 1]])
    assert fleiss([]) is None
    assert fleiss([[1, 0], [0, 1]]) is None
    assert fleiss([[3, 0], [3, 0]]) is None


@pytest.mark.parametrize(
    ("labels", "alpha"),
    [
        (observers("aabbdcccedda", "babbbccceddd"), 0.692),
        (observers("0100000010", "1110010000"), 0.095),
    ],
)
def test_alpha_is_what_is_published(labels: list[str], alpha: float) -> None:
    assert krippendorff_alpha(labels) == pytest.approx(alpha, abs=5e-4)


def test_alpha_of_four_observers_who_skip() -> None:
    units = observers("123321412···", "1233224125·3", "·3332342251·", "12332441251·")
    assert krippendorff_alpha(units) == pytest.approx(0.743421, abs=5e-7)


def test_alpha_leaves_out_what_only_one_labelled() -> None:
    skipped = ["CCC", "HHH", "AAA", "CCH", "HHA", "CC"]
    assert krippendorff_alpha([*skipped[:-1], "CCC"]) == pytest.approx(35 / 52)
    assert krippendorff_alpha(skipped) == pytest.approx(31 / 47)
    assert krippendorff_alpha([*skipped, "H", ""]) == pytest.approx(31 / 47)


@pytest.mark.parametrize("labels", [[], ["C", "H", ""], ["CCC", "CC"]])
def test_nothing_to_compare_has_no_alpha(labels: list[str]) -> None:
    assert krippendorff_alpha(labels) is None


@given(items, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_order_of_answers_and_reviewers_does_not_matter(
    labels: list[list[str]], random: Random
) -> None:
    mixed = [random.sample(each, len(each)) for each in random.sample(labels, len(labels))]
    assert krippendorff_alpha(mixed) == pytest.approx(krippendorff_alpha(labels))
    assert agreeing_pairs(mixed) == agreeing_pairs(labels)


@given(items)
@settings(max_examples=40)
def test_alpha_is_1_exactly_where_all_agree(labels: list[list[str]]) -> None:
    alpha, raw = krippendorff_alpha(labels), raw_agreement(labels)
    if alpha is not None:
        assert alpha <= 1
        assert (alpha == 1) == (raw == 1)


def test_alpha_of_5000_answers_is_quick() -> None:
    random = Random(1)
    labels = [random.choices("CHA", k=3) for _ in range(5000)]
    began = process_time()
    krippendorff_alpha(labels)
    assert process_time() - began < 0.05  # some 1 ms


def test_raw_agreement_counts_pairs_of_reviewers() -> None:
    labels = ["CC", "CH", "HHA", "C", ""]
    assert agreeing_pairs(labels) == (2, 5)
    assert raw_agreement(labels) == pytest.approx(0.4)
    assert raw_agreement(["C", ""]) is None
    assert wilson(*agreeing_pairs(["C"])) is None


def test_disputed_answers_may_count_or_not() -> None:
    assert disputed_swing(3, 2, 10) == (0.3, 0.5)
    assert disputed_swing(3, 0, 10) == (0.3, 0.3)
    assert disputed_swing(0, 0, 0) is None


def test_rate_is_corrected_for_its_judge() -> None:
    assert corrected_rate(0.30, 0.90, 0.95) == pytest.approx(0.294118, abs=5e-7)
    assert corrected_rate(0.3, 1, 1) == pytest.approx(0.3)
    assert corrected_rate(0.02, 0.9, 0.95) == 0
    assert corrected_rate(0.97, 0.9, 0.95) == 1
    assert corrected_rate(0.3, 0.5, 0.5) is None


@given(st.floats(0, 1), st.floats(0.6, 1), st.floats(0.6, 1))
def test_correction_undoes_the_judge(p: float, sens: float, spec: float) -> None:
    seen = p * sens + (1 - p) * (1 - spec)
    assert corrected_rate(seen, sens, spec) == pytest.approx(p, abs=1e-9)
