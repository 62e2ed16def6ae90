"""Conditions compared on the same prompts, against textbook and recomputed values."""

from itertools import product
from math import sqrt
from random import Random
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stats.measures import Counts
from app.stats.paired import (
    MIN_PROMPTS,
    cochran_q,
    detectable,
    detectable_from,
    difference,
    holm,
    mcnemar,
    prompts_needed,
    sign_flip,
    smallest_p,
    stuart_maxwell,
    transitions,
)
from app.stats.rates import Z, clustered_error

MOVES = [[18, 1, 3], [2, 10, 14], [0, 0, 2]]  # rows "not mentioned", columns "allowed": C, H, A
ONE = [Counts(1, 0, 0), Counts(0, 1, 0), Counts(0, 0, 1)]
FOUR = [-2 / 3, -2 / 3, 0, -1 / 3]  # 111 110 000 010 became 100 000 000 000
few = st.integers(0, 4)
counts = st.builds(Counts, few, few, few)
differences = st.lists(
    st.one_of(st.sampled_from([-1, -0.5, -1 / 3, 0, 1 / 3, 0.5, 1]), st.floats(-1, 1)),
    min_size=1,
    max_size=9,
)


def test_transitions_of_one_answer_each_are_counts() -> None:
    pairs = [(ONE[i], ONE[j]) for i in range(3) for j in range(3) for _ in range(MOVES[i][j])]
    found = transitions(pairs)
    assert found == tuple(map(tuple, MOVES))
    hallucinated, avoided = found[1], found[1][2]
    assert (avoided, found[0][2], hallucinated[0], found[0][1]) == (14, 3, 2, 1)


def test_transitions_pair_every_repeat_with_every_other() -> None:
    found = transitions([(Counts(1, 2, 0), Counts(1, 0, 1))])
    assert found == ((1 / 6, 0, 1 / 6), (2 / 6, 0, 2 / 6), (0, 0, 0))


@given(st.lists(st.tuples(counts, counts), max_size=8))
@settings(max_examples=40)
def test_transitions_add_up_to_the_prompts_with_labels_on_both_sides(
    pairs: list[tuple[Counts, Counts]],
) -> None:
    found = transitions(pairs)
    assert sum(map(sum, found)) == pytest.approx(sum(a.n > 0 and b.n > 0 for a, b in pairs))
    turned = transitions((b, a) for a, b in pairs)
    for row, column in zip(found, zip(*turned, strict=True), strict=True):
        assert row == pytest.approx(column)


def test_difference_is_paired_by_prompt() -> None:
    found = difference(FOUR)
    assert found is not None
    assert found.n == 4
    assert found.mean == pytest.approx(-0.416667, abs=5e-7)
    assert found.se == pytest.approx(0.159571, abs=5e-7)
    assert (found.low, found.high) == pytest.approx((-0.9245, 0.0912), abs=5e-5)


def test_unpaired_or_normal_it_would_be_another() -> None:
    before = clustered_error([(3, 3), (2, 3), (0, 3), (1, 3)])
    after = clustered_error([(1, 3), (0, 3), (0, 3), (0, 3)])
    found = difference(FOUR)
    assert before is not None
    assert after is not None
    assert found is not None
    assert found.se is not None
    assert sqrt(before**2 + after**2) == pytest.approx(0.230740, abs=5e-7)
    normal = (found.mean - Z * found.se, found.mean + Z * found.se)
    assert normal == pytest.approx((-0.7294, -0.1039), abs=5e-5)


def test_one_prompt_has_a_difference_without_error() -> None:
    found = difference([0.5])
    assert found is not None
    assert (found.mean, found.se, found.low, found.high, found.n) == (0.5, None, None, None, 1)
    assert difference([]) is None


@given(differences, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_difference_lies_in_its_interval_in_any_order(d: list[float], random: Random) -> None:
    found, mixed = difference(d), difference(random.sample(d, len(d)))
    assert found is not None
    assert mixed is not None
    assert mixed.mean == pytest.approx(found.mean)
    if found.low is not None and found.high is not None:
        assert found.low <= found.mean <= found.high
        assert mixed.low == pytest.approx(found.low, abs=1e-12)


def test_sign_flip_of_four_prompts() -> None:
    assert sign_flip(FOUR) == 0.25


def test_sign_flip_without_a_difference_is_1() -> None:
    assert sign_flip([]) is None
    assert sign_flip([0.0, 0.0]) == 1
    assert sign_flip([0.5, -0.5]) == 1


@pytest.mark.parametrize(("g", "p"), [(4, 0.125), (5, 0.0625), (6, 0.03125)])
def test_smallest_p_is_that_of_all_on_one_side(g: int, p: float) -> None:
    assert smallest_p(g) == p
    assert sign_flip([0.3] * g) == p
    assert sign_flip([-0.1 * i for i in range(1, g + 1)]) == p


def test_fewer_prompts_than_show_a_p_cannot_have_a_small_one() -> None:
    assert smallest_p(MIN_PROMPTS) < 0.05 < smallest_p(MIN_PROMPTS - 1)
    assert smallest_p(0) == 1


@given(differences)
@settings(max_examples=60)
def test_sign_flip_is_what_trying_all_signs_gives(d: list[float]) -> None:
    sums = [
        abs(sum(s * x for s, x in zip(signs, d, strict=True)))
        for signs in product((1, -1), repeat=len(d))
    ]
    found = sign_flip(d)
    assert found is not None
    # What is closer than a billionth counts as equal.
    least, most = (sum(x >= abs(sum(d)) + by for x in sums) / len(sums) for by in (4e-8, -4e-8))
    assert least - 1e-12 <= found <= most + 1e-12
    assert found >= smallest_p(len(d))


def test_many_different_prompts_are_drawn_and_repeat_with_the_seed() -> None:
    random = Random(1)
    d = [random.gauss(0.1, 1) for _ in range(300)]
    found = sign_flip(d, seed=7)
    assert found == sign_flip(d, seed=7)
    assert found != sign_flip(d, seed=8)


def test_draws_are_near_what_is_counted() -> None:
    random = Random(3)
    d = [random.gauss(0.3, 1) for _ in range(17)]  # one more than is counted
    sums = [0.0]
    for x in d:
        sums = [y - x for y in sums] + [y + x for y in sums]
    exact = sum(abs(y) >= sum(d) - 1e-9 for y in sums) / len(sums)
    assert sign_flip(d) == pytest.approx(exact, abs=0.015)  # three standard errors
    assert sign_flip(d) != exact


@pytest.mark.parametrize("repeats", [1, 3, 10, 0])
def test_sign_flip_of_500_prompts_is_quick(repeats: int) -> None:
    random = Random(2)
    d = [
        random.randint(-repeats, repeats) / repeats if repeats else random.gauss(0, 1)
        for _ in range(500)
    ]
    began = process_time()
    sign_flip(d)
    assert process_time() - began < 0.2  # some 25 ms


@pytest.mark.parametrize(
    ("b", "c", "exact"),
    [
        (1, 9, 0.021484),
        (0, 5, 0.0625),
        (0, 6, 0.03125),
        (4, 12, 0.076813),
        (6, 16, 0.052479),
        (16, 1, 0.000275),
        (0, 0, 1),
        (3, 3, 1),
    ],
)
def test_mcnemar_exact(b: int, c: int, exact: float) -> None:
    assert mcnemar(b, c).exact == pytest.approx(exact, abs=5e-7)
    assert mcnemar(c, b) == mcnemar(b, c)


def test_mcnemar_otherwise() -> None:
    found = mcnemar(6, 16)
    assert found.mid_p == pytest.approx(0.034690, abs=5e-7)
    assert found.chi2 == pytest.approx(4.545455, abs=5e-7)
    assert found.chi2_corrected == pytest.approx(3.681818, abs=5e-7)
    assert mcnemar(121, 59).chi2 == pytest.approx(21.355556, abs=5e-7)
    assert mcnemar(150, 86).chi2 == pytest.approx(17.355932, abs=5e-7)


def test_mcnemar_without_discord_says_nothing() -> None:
    found = mcnemar(0, 0)
    assert (found.mid_p, found.chi2, found.chi2_corrected) == (1, None, None)
    assert (mcnemar(3, 3).mid_p, mcnemar(3, 3).chi2_corrected) == (1, 0)


def test_stuart_maxwell_of_all_labels() -> None:
    found = stuart_maxwell(MOVES)
    assert found is not None
    assert found.chi2 == pytest.approx(17.182796, abs=5e-7)
    assert found.df == 2
    assert found.p == pytest.approx(0.000186, abs=5e-7)


def test_stuart_maxwell_of_two_labels_is_mcnemar() -> None:
    found = stuart_maxwell([[5, 6], [16, 9]])
    assert found is not None
    assert found.df == 1
    assert found.chi2 == pytest.approx(mcnemar(6, 16).chi2)


def test_labels_that_do_not_move_are_left_out() -> None:
    plain = stuart_maxwell([[5, 6], [16, 9]])
    for table in ([[5, 6, 0], [16, 9, 0], [0, 0, 0]], [[7, 0, 0], [0, 5, 6], [0, 16, 9]]):
        assert stuart_maxwell(table) == plain
    assert stuart_maxwell([[3, 0, 0], [0, 4, 0], [0, 0, 5]]) is None
    assert stuart_maxwell([]) is None


@given(st.lists(st.integers(0, 20), min_size=9, max_size=9))
def test_labels_may_come_in_any_order(cells: list[int]) -> None:
    table = [cells[:3], cells[3:6], cells[6:]]
    turned = [[table[i][j] for j in (2, 0, 1)] for i in (2, 0, 1)]
    found, other = stuart_maxwell(table), stuart_maxwell(turned)
    if found is None or other is None:
        assert found is other
    else:
        assert found.df == other.df
        assert found.chi2 == pytest.approx(other.chi2, abs=1e-9)


def test_cochran_q_of_three_variants() -> None:
    rows = ["111", "110", "100", "100", "000", "110", "100", "000"]
    found = cochran_q([[*map(int, row)] for row in rows])
    assert found is not None
    assert found.chi2 == pytest.approx(7.6)
    assert found.df == 2
    assert found.p == pytest.approx(0.022371, abs=5e-7)


def test_cochran_q_of_two_variants_is_mcnemar() -> None:
    found = cochran_q([[1, 0]] * 6 + [[0, 1]] * 16 + [[1, 1]] * 5)
    assert found is not None
    assert found.chi2 == pytest.approx(mcnemar(6, 16).chi2)


def test_cochran_q_needs_prompts_that_differ() -> None:
    assert cochran_q([]) is None
    assert cochran_q([[1, 1, 1], [0, 0, 0]]) is None
    with pytest.raises(ValueError, match="zip"):
        cochran_q([[1, 0], [1]])


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1, 1]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_lowers_nothing(ps: list[float]) -> None:
    found = holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, found, strict=True))
    ranked = [q for _, q in sorted(zip(ps, found, strict=True))]
    assert ranked == sorted(ranked)


def test_prompts_needed_is_what_is_published() -> None:
    assert prompts_needed(0.03, 1 / 9) == 969
    assert prompts_needed(-0.03, 1 / 9) == 969
    with pytest.raises(ValueError, match="difference of 0"):
        prompts_needed(0, 1 / 9)


def test_detectable_is_what_is_recomputed() -> None:
    assert detectable(198, 1 / 9, 1 / 6, 1, 1 / 6, 1) == pytest.approx(0.1327, abs=5e-5)
    assert detectable(198, 1 / 9, 1 / 6, 10, 1 / 6, 10) == pytest.approx(0.0757, abs=5e-5)
    assert detectable_from(sqrt(1 / 9 + 1 / 3), 198) == pytest.approx(0.1327, abs=5e-5)
    with pytest.raises(ValueError, match="no prompts"):
        detectable_from(0.5, 0)


@given(st.floats(0.02, 0.5), st.floats(0.01, 0.3), st.floats(0, 0.25), st.integers(1, 10))
def test_as_many_prompts_as_needed_are_enough(
    delta: float, omega2: float, sigma2: float, k: int
) -> None:
    n = prompts_needed(delta, omega2, sigma2, k, sigma2, k)
    assert detectable(n, omega2, sigma2, k, sigma2, k) <= delta * (1 + 1e-9)
    if n > 1:
        assert detectable(n - 1, omega2, sigma2, k, sigma2, k) > delta * (1 - 1e-9)
