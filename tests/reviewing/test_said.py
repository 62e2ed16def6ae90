"""What labels say, and which of several counts."""

from itertools import permutations

import pytest

from app.reviewing.said import NO_LABEL, TAGS, final_label
from app.tables import LabelValue

C, H, A = LabelValue.correct, LabelValue.hallucinated, LabelValue.abstained


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (None, False)),
        ([H], (H, False)),
        ([H, H], (H, False)),
        ([H, C], (None, True)),
        ([H, C, H], (H, True)),
        ([C, H, A], (None, True)),
        ([C, C, H, H, A], (None, True)),
        ([None, None], (None, False)),
        ([None, H, None], (H, False)),
    ],
)
def test_final_label_is_the_majority_and_a_tie_is_none(
    values: list[LabelValue | None], expected: tuple[LabelValue | None, bool]
) -> None:
    assert final_label(values) == expected


@pytest.mark.parametrize("values", [[], [H, H], [H, C], [None, A]])
def test_decision_counts_whatever_others_say(values: list[LabelValue | None]) -> None:
    assert final_label(values, C) == (C, False)


def test_no_tag_is_a_part_of_another() -> None:
    assert all(one not in other for one, other in permutations(TAGS, 2))
    assert set(NO_LABEL) < set(TAGS)
