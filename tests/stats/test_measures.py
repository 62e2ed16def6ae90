"""Measures of labelled answers, against published and recomputed values."""

from fractions import Fraction
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stats.measures import (
    MEASURES,
    Abstention,
    Counts,
    Unit,
    penalty,
    score_measure,
    swaps,
    target_of,
)

GPT5_MINI = Counts(22, 26, 52)  # on SimpleQA, as OpenAI published them
O4_MINI = Counts(24, 75, 1)
some = st.integers(0, 60)
counts = st.builds(Counts, some, some, some)
targets = st.one_of(
    st.floats(0, 1, exclude_max=True),
    st.fractions(0, Fraction(99, 100), max_denominator=120).map(float),
)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("accuracy", (0.6, 0.22, 0.24)),
        ("hallucination_rate", (0.3, 0.26, 0.75)),
        ("abstention_rate", (0.1, 0.52, 0.01)),
        ("attempted_accuracy", (0.666667, 0.458333, 0.242424)),
        ("f_score", (0.631579, 0.297297, 0.241206)),
        ("given_not_correct", (0.75, 0.333333, 0.986842)),
        ("omniscience_index", (30, -4, -51)),
        ("score_50", (0.3, -0.04, -0.51)),
        ("score_75", (-0.3, -0.56, -2.01)),
        ("score_90", (-2.1, -2.12, -6.51)),
        ("old_sat", (0.525, 0.155, 0.0525)),
    ],
)
def test_measures_are_what_is_published(key: str, values: tuple[float, ...]) -> None:
    of = MEASURES[key].of
    found = [of(Counts(6, 3, 1)), of(GPT5_MINI), of(O4_MINI)]
    assert found == pytest.approx(values, abs=5e-7)


def test_hallucinations_can_be_shared_out_by_three_denominators() -> None:
    one = Counts(6, 3, 1)
    attempted = one.attempted_accuracy
    assert attempted is not None
    assert one.hallucination_rate == pytest.approx(0.3)
    assert 1 - attempted == pytest.approx(0.3333, abs=5e-5)
    assert one.given_not_correct == pytest.approx(0.75)


def test_no_data_is_no_number() -> None:
    assert [measure.of(Counts()) for measure in MEASURES.values()] == [None] * len(MEASURES)


def test_always_abstaining_leaves_no_attempt() -> None:
    found = {key: measure.of(Counts(0, 0, 5)) for key, measure in MEASURES.items()}
    assert found.pop("attempted_accuracy") is None
    assert found.pop("abstention_rate") == 1
    assert set(found.values()) == {0}


def test_always_right_leaves_nothing_to_hallucinate() -> None:
    assert Counts(5, 0, 0).given_not_correct is None
    assert Counts(5, 0, 0).omniscience_index == 100


@pytest.mark.parametrize(
    ("t", "points"),
    [(0, 0), (0.25, 1 / 3), (0.5, 1), (2 / 3, 2), (0.75, 3), (0.8, 4), (0.9, 9)],
)
def test_penalty_of_a_target_and_back(t: float, points: float) -> None:
    assert penalty(t) == points
    assert target_of(points) == pytest.approx(t, abs=1e-15)


def test_penalty_of_the_old_sat_is_a_target_of_one_fifth() -> None:
    assert target_of(0.25) == 0.2
    assert Counts(6, 3, 1).score_at(0.2) == Counts(6, 3, 1).old_sat


@pytest.mark.parametrize("t", [-0.1, 1, 1.5, inf, nan])
def test_impossible_targets_are_refused(t: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        penalty(t)
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        Counts(1, 1, 1).score_at(t)


@pytest.mark.parametrize("points", [-0.1, inf, nan])
def test_impossible_penalties_are_refused(points: float) -> None:
    with pytest.raises(ValueError, match="from 0 on"):
        target_of(points)


@pytest.mark.parametrize(
    ("t", "found", "attempted", "score"),
    [
        (0, Counts(10, 10, 0), 0.5, 0.5),
        (0.5, Counts(9, 5, 6), 0.642857, 0.2),
        (0.75, Counts(8, 2, 10), 0.8, 0.1),
        (0.9, Counts(8, 2, 10), 0.8, -0.5),  # did not move, so it misses the target
    ],
)
def test_behavioural_calibration(t: float, found: Counts, attempted: float, score: float) -> None:
    assert found.attempted_accuracy == pytest.approx(attempted, abs=5e-7)
    assert found.score_at(t) == pytest.approx(score)


@given(counts, targets)
def test_score_is_not_below_0_exactly_where_the_target_is_reached(one: Counts, t: float) -> None:
    attempted, score = one.attempted_accuracy, one.score_at(t)
    if attempted is not None and score is not None:
        assert (score >= 0) == (attempted >= t)


@given(some.filter(bool), some.filter(bool), some)
def test_score_at_the_accuracy_that_was_reached_is_0(c: int, h: int, a: int) -> None:
    attempted = Counts(c, h, a).attempted_accuracy
    assert attempted is not None
    assert Counts(c, h, a).score_at(attempted) == 0


@given(counts)
def test_rates_share_out_all_labelled_answers(one: Counts) -> None:
    rates = [one.accuracy, one.hallucination_rate, one.abstention_rate]
    if one.n:
        assert sum(x for x in rates if x is not None) == pytest.approx(1)
    else:
        assert rates == [None] * 3


@given(counts)
def test_percentages_are_fractions_of_1(one: Counts) -> None:
    for measure in MEASURES.values():
        if measure.unit is Unit.percent and (value := measure.of(one)) is not None:
            assert 0 <= value <= 1


@given(counts)
def test_f_score_is_the_harmonic_mean(one: Counts) -> None:
    if one.accuracy and one.attempted_accuracy:
        mean = 2 / (1 / one.accuracy + 1 / one.attempted_accuracy)
        assert one.f_score == pytest.approx(mean)


def test_f_score_fits_the_table_of_simpleqa_verified() -> None:
    # Accuracy and attempted share in percent: Claude Opus 4, then Gemini 2.5 Pro; rounded there.
    opus, gemini = Counts(192, 355 - 192, 645), Counts(553, 989 - 553, 11)
    assert (opus.attempted_accuracy, opus.f_score) == pytest.approx((0.541, 0.283), abs=5e-4)
    assert (gemini.attempted_accuracy, gemini.f_score) == pytest.approx((0.559, 0.556), abs=5e-4)


def test_guesses_that_are_right_more_often_than_half_of_f_raise_it() -> None:
    many = Counts(6000, 3000, 1000)
    f = many.f_score
    assert f is not None
    assert f / 2 == pytest.approx(0.315789, abs=5e-7)
    better, worse = Counts(6032, 3068, 900).f_score, Counts(6031, 3069, 900).f_score
    assert better is not None
    assert worse is not None
    assert worse < f < better


@given(counts, counts)
def test_n_adds_up(a: Counts, b: Counts) -> None:
    assert (a + b).n == a.n + b.n
    assert a + b == b + a
    assert sum([a, b], Counts()) == a + b


def test_abstention_on_unanswerable_prompts() -> None:
    found = Abstention(Counts(0, 4, 8), Counts(20, 6, 2))
    assert found.recall == pytest.approx(0.666667, abs=5e-7)
    assert found.precision == pytest.approx(0.8)
    assert found.f1 == pytest.approx(0.727273, abs=5e-7)
    assert found.over_abstention == pytest.approx(0.071429, abs=5e-7)


def test_abstention_needs_prompts_of_its_kind() -> None:
    none = Abstention(Counts(), Counts(1, 0, 1))
    assert (none.recall, none.precision, none.f1) == (None, 0, None)
    assert none.over_abstention == 0.5
    never = Abstention(Counts(0, 3, 0), Counts(2, 0, 0))
    assert (never.recall, never.precision, never.f1) == (0, None, 0)


def test_accuracy_and_every_penalised_score_rank_two_models_differently() -> None:
    t = swaps(GPT5_MINI, O4_MINI)
    assert t == pytest.approx(2 / 51)
    assert t == swaps(O4_MINI, GPT5_MINI)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Counts(6, 3, 1), Counts(6, 3, 1)),  # level
        (Counts(6, 3, 1), Counts(5, 4, 1)),  # ahead throughout
        (Counts(6, 3, 1), Counts(6, 4, 0)),  # level only where wrong answers cost nothing
        (Counts(6, 3, 1), Counts(7, 3, 0)),
        (Counts(50, 1, 49), Counts(1, 0, 99)),  # at 0.98, beyond what anyone asks
        (Counts(6, 3, 1), Counts()),
    ],
)
def test_no_swap_without_a_crossing(a: Counts, b: Counts) -> None:
    assert swaps(a, b) is None


@given(counts, counts)
def test_models_are_level_where_they_swap(a: Counts, b: Counts) -> None:
    t = swaps(a, b)
    if t is not None:
        assert 0 < t <= 0.95
        assert a.score_at(t) == pytest.approx(b.score_at(t))


def test_every_measure_says_what_it_is() -> None:
    for key, measure in MEASURES.items():
        assert key.isidentifier()
        assert measure.name
        assert measure.meaning.endswith(".")
    assert len({measure.name for measure in MEASURES.values()}) == len(MEASURES)
    assert MEASURES["hallucination_rate"].formula == "H ÷ n"
    assert score_measure(0.75).formula == "(C − 3·H) ÷ n"
    assert score_measure(0.75).name == "Score at 0.75"
