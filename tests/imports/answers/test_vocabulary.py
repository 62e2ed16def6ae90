"""Which labels values mean, and when nobody can tell."""

import pytest

from app.imports.answers.vocabulary import INSPECT, label_of, plain_value, recognise
from app.tables import LabelValue

C, H, A = "correct", "hallucinated", "abstained"


@pytest.mark.parametrize(
    ("values", "meanings"),
    [
        (["A", "B", "C"], [C, H, A]),
        (["b", "C"], [H, A]),
        (["C", "I", "P", "N"], [C, H, "partial", ""]),
        (["C", "I"], [C, H]),
        (["C"], [""]),  # correct to Inspect, not attempted to SimpleQA
        (["CORRECT", "Incorrect", "NOT_ATTEMPTED"], [C, H, A]),
        (["correct", "hallucinated", "abstained", "not attempted"], [C, H, A, A]),
        (["correct", "PARTIAL_ANSWER"], [C, "partial"]),
        (["1", "0"], [C, H]),
        (["1.0", "0.0"], [C, H]),
        (["1", "0.5", "0", "-1"], [C, "none", A, H]),
        (["1", "−1"], [C, H]),
        (["True", "false"], [C, H]),
        (["correct", "maybe"], [C, ""]),
        (["A", "correct"], ["", ""]),  # of two vocabularies
        (["pass", "fail"], ["", ""]),
        (["3", "5"], ["", ""]),
        (["0", "1", "2", "3", "4"], ["", "", "", "", ""]),
    ],
)
def test_values_are_recognised_together_and_never_guessed(
    values: list[str], meanings: list[str]
) -> None:
    assert list(recognise(values).meanings.values()) == meanings


def test_what_a_file_is_narrows_what_its_values_mean() -> None:
    assert recognise(["C"], [INSPECT]).meanings == {"C": C}
    assert recognise(["pass"], []).meanings == {"pass": ""}
    assert "may be" in recognise(["C"]).remark


def test_meanings_are_labels_or_tags() -> None:
    assert label_of("abstained") == (LabelValue.abstained, [])
    assert label_of("none") == (None, [])
    assert label_of("partial") == (None, ["partial"])
    assert (plain_value(" Not  Attempted "), plain_value("1.0")) == ("not_attempted", "1")
