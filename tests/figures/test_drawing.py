"""Widths, cuts, places of labels, and numbers in words."""

from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.figures.drawing import Scale, number, spread, stack
from app.figures.lettering import clean, cut, text_width, wrap
from app.figures.values import (
    Estimate,
    counts_words,
    percent,
    points_words,
    share_words,
    signed,
    span,
)
from app.stats.measures import Counts


@given(st.tuples(*[st.integers(0, 10**6)] * 3))
def test_the_parts_of_a_bar_add_up_to_its_room(counts: tuple[int, int, int]) -> None:
    parts = stack(counts, 10, 0, 200, 16)

    assert sum(part.width for part in parts) == pytest.approx(200)
    assert all(
        before.x + before.width == pytest.approx(after.x) for before, after in pairwise(parts)
    )
    assert [part.look for part in parts] == (
        [label for label, count in zip("cha", counts, strict=True) if count] or ["track"]
    )


@given(st.text(max_size=80), st.floats(20, 400))
def test_what_is_cut_fits(text: str, room: float) -> None:
    text = clean(text)

    assert text_width(cut(text, room, 12), 12) <= room
    lines = wrap(text, room, 12, 3)
    assert len(lines) <= 3
    assert all(text_width(line, 12) <= room for line in lines)


def test_text_that_fits_stays_whole() -> None:
    assert cut("gpt-5", 100, 12) == "gpt-5"
    assert cut("claude-sonnet-4-5", 80, 12) == "claude-son…"
    assert wrap("claude-sonnet-4-5", 80, 12, 2) == ["claude-", "sonnet-4-5"]
    assert wrap("may not abstain", 60, 12, 3) == ["may not", "abstain"]


def test_text_is_one_line_that_turns_nothing_around() -> None:
    assert clean(" a\n\tb\u202e\0c\ud800 ") == "a bc"


@given(st.lists(st.floats(-50, 250), max_size=20))
def test_labels_keep_their_order_and_their_distance(wanted: list[float]) -> None:
    placed = spread(wanted, 14, 0, 200)

    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    least = min(14, 200 / max(len(wanted) - 1, 1))
    assert all(placed[b] - placed[a] >= least - 1e-6 for a, b in pairwise(order))
    assert all(-1e-6 <= place <= 200 + 1e-6 for place in placed)


def test_labels_with_room_stand_where_they_want() -> None:
    assert spread([100, 20], 14, 0, 200) == [100, 20]
    assert spread([50, 50], 14, 0, 200) == [43, 57]


def test_a_scale_ends_where_the_picture_does() -> None:
    scale = Scale(0, 1, 100, 200)
    assert [scale(value) for value in (-1, 0, 0.25, 1, 7)] == [100, 100, 125, 200, 200]


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        number(value)
    with pytest.raises(ValueError, match="Not a number"):
        Estimate(0.5, value, 1)


def test_numbers_are_short() -> None:
    assert [number(value) for value in (1, 1.5, 1.255, -0.001)] == ["1", "1.5", "1.25", "0"]


def test_numbers_in_words() -> None:
    assert share_words(Estimate(0.3, 0.1078, 0.6032)) == "30% (11–60%)"
    assert share_words(Estimate(0.3)) == "30%"
    assert [span(0.00007, 0.0023), span(0.9977, 1), span(0.3, 0.3)] == [
        "0–0.2%",
        "99.8–100%",
        "30–30%",
    ]
    rounded = [percent(n / 2500) for n in (0, 1, 12, 13, 2487, 2488, 2499, 2500)]
    assert rounded == ["0%", "<1%", "<1%", "1%", "99%", ">99%", ">99%", "100%"]
    assert share_words(None) == "–"
    assert points_words(Estimate(-0.29, -0.41, 0.17)) == "−29 points (−41 to +17)"
    assert points_words(Estimate(0.01)) == "+1 point"
    assert [signed(value, 1) for value in (-0.04, 0.04, -3)] == ["0.0", "0.0", "−3.0"]
    assert counts_words(Counts(6, 3, 1)) == "6 correct, 3 hallucinated, 1 abstained of 10"
    assert counts_words(Counts(0, 0, 0)) == "no labelled answers"
