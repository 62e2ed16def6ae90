"""What changed between two conditions of a grid, and what is said of it."""

import pytest

from app.results.choice import Choice
from app.results.effects import adjusted, compare, interaction
from app.results.words import decimals, sentence
from app.stats.measures import Counts
from app.tables import LabelValue

H = LabelValue.hallucinated


def cells(*labels: str) -> dict[int, Counts]:
    """Of prompts 1, 2, …; an empty one has no label."""
    return {
        n: Counts(one.count("C"), one.count("H"), one.count("A"))
        for n, one in enumerate(labels, start=1)
        if one
    }


def test_prompts_are_paired_and_their_differences_averaged() -> None:
    old, new = cells("HHH", "HHA", "CCC", "CHC"), cells("HAA", "AAA", "CCC", "CCC")
    effect = compare("permission", "m", "not", "allowed", [(old, new)], H)

    assert effect.prompts == 4
    assert effect.counts == (Counts(5, 6, 1), Counts(6, 1, 5))
    assert effect.change is not None
    assert effect.change.mean == pytest.approx(-5 / 12)
    assert effect.change.se == pytest.approx(0.159571, abs=1e-6)
    assert effect.change.low == pytest.approx(-0.9245, abs=1e-4)
    assert effect.change.high == pytest.approx(0.0912, abs=1e-4)


def test_under_six_prompts_there_is_no_p_and_the_sentence_says_how_many_are_missing() -> None:
    old, new = cells("H", "H", "H", "H"), cells("A", "A", "A", "A")
    effect = compare("permission", "bluffer", "not mentioned", "allowed", [(old, new)], H)

    assert (effect.p, effect.test, effect.more_prompts) == (None, "", 2)
    assert sentence(effect) == (
        "bluffer: not enough to tell what permission (not mentioned → allowed) does. The "
        "hallucination rate went from 100% to 0%, −100 points (95% interval −100 to −100; "
        "4 prompts); 2 more prompts would be the first that could."
    )


def test_sentence_says_where_shares_of_answers_differ_by_something_else() -> None:
    """Three labels of one prompt, one of the other, as while a grid is being labelled."""
    old = {1: Counts(hallucinated=3), 2: Counts(correct=1)}
    new = {1: Counts(hallucinated=3), 2: Counts(hallucinated=1)}
    effect = compare("", "", "a", "b", [(old, new)], H)
    said = "went from 75% to 100% of the answers, +50 points averaged over prompts"
    assert said in sentence(effect)


def test_no_interval_and_no_change_is_larger_than_can_be() -> None:
    effect = compare("", "", "a", "b", [(cells("H", "H", "C"), cells("A", "A", "C"))], H)
    assert effect.change is not None
    assert effect.change.low == -1
    assert effect.change.high == pytest.approx(0.7676, abs=1e-4)
    assert "−67 points (95% interval −100 to +77; 3 prompts)" in sentence(effect)
    old, new = cells(*"HHHCCC"), cells(*"CCCHHH")
    effect = compare("", "", "a", "b", [(old, new)], H)
    assert effect.detectable == pytest.approx(1.253, abs=1e-3)
    assert "; no change can be so large that it would show in 4 of 5 such" in sentence(effect)
    change = interaction(
        [[cells("H", "C"), cells("C", "H")], [cells("C", "C"), cells("H", "C")]], H
    )
    assert change.change is not None
    assert (change.change.low, change.change.high) == (-2, 2)


def test_zero_has_no_sign() -> None:
    assert [decimals(x) for x in (-0.004, 0.004, -0.006)] == ["0.00", "0.00", "−0.01"]
    assert decimals(-0.0004, 3) == "0.000"


def test_prompts_without_labels_on_one_side_are_left_out() -> None:
    effect = compare("", "", "a", "b", [(cells("H", "", "C"), cells("H", "A", ""))], H)
    assert (effect.prompts, effect.counts) == (1, (Counts(0, 1, 0), Counts(0, 1, 0)))


def test_without_a_common_prompt_nothing_is_said() -> None:
    effect = compare("", "m", "a", "b", [(cells("H", ""), cells("", "H"))], H)
    assert effect.change is None
    assert effect.shares == (None, None)
    assert sentence(effect) == "m: no prompt has labels on both sides of a → b."


def test_single_answers_are_tested_exactly_by_mcnemar() -> None:
    old, new = cells(*"HHHHHHHHHC"), cells(*"AAAAAAAAAH")
    effect = compare("", "", "a", "b", [(old, new)], H)
    assert effect.test == "exact McNemar"
    assert effect.p == pytest.approx(0.021484, abs=1e-6)  # 9 and 1
    assert effect.overall is not None


def test_repeats_are_tested_by_flipping_signs() -> None:
    old, new = cells(*["HH"] * 6), cells(*["AA"] * 6)
    effect = compare("", "", "a", "b", [(old, new)], H)
    assert (effect.test, effect.p, effect.overall) == ("sign-flip permutation", 0.03125, None)
    assert effect.found


def test_holm_makes_what_is_shown_together_harder_to_find() -> None:
    old, new = cells(*["HH"] * 6), cells(*["AA"] * 6)
    one = compare("", "", "a", "b", [(old, new)], H)
    none = compare("", "", "a", "b", [(cells("H"), cells("A"))], H)
    both = adjusted([one, none, one])
    assert [effect.adjusted for effect in both] == [0.0625, None, 0.0625]
    assert [effect.found for effect in both] == [False, False, False]
    assert both[0].p == 0.03125


def test_pairs_of_columns_are_averaged_within_a_prompt() -> None:
    pairs = [(cells("H", "H"), cells("A", "H")), (cells("H", ""), cells("H", "A"))]
    effect = compare("", "", "a", "b", pairs, H)
    assert effect.prompts == 2
    assert effect.change is not None
    assert effect.change.mean == pytest.approx((-0.5 + 0) / 2)
    assert effect.table[1] == pytest.approx((0, 2, 1))


def test_a_choice_is_as_short_as_can_be_in_addresses() -> None:
    assert Choice().query() == ""
    assert Choice(t=0.75, ignored=True, before="column:0-1").query() == (
        "t=0.75&ignored=1&before=column:0-1"
    )
