"""What the values of labels mean in the file of somebody else. Pure.

A vocabulary is recognised from all values together: C alone may be "correct" (Inspect) or
"abstained" (SimpleQA), so it is nothing until a person says which.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from app.tables import LabelValue

MEANINGS = {
    "correct": "correct",
    "hallucinated": "hallucinated",
    "abstained": "abstained",
    "none": "no label",
    "partial": "no label, tagged partial",
    "no_answer": "no label, tagged no_answer",
    "unverifiable": "no label, tagged unverifiable",
}


@dataclass(frozen=True)
class Vocabulary:
    """``values``: plain value to meaning; an empty one is known and has to be said by a person."""

    title: str
    values: Mapping[str, str]
    needs: frozenset[str] = frozenset()  # it is this one only where one of these occurs
    remark: str = ""


WORDS = Vocabulary(
    "correct, hallucinated (incorrect), abstained (not attempted)",
    {
        "correct": "correct",
        "hallucinated": "hallucinated", "hallucination": "hallucinated",
        "incorrect": "hallucinated", "wrong": "hallucinated",
        "abstained": "abstained", "abstention": "abstained", "not_attempted": "abstained",
        "partial": "partial", "partial_answer": "partial", "partially_correct": "partial",
        "none": "none", "unlabelled": "none", "unlabeled": "none",
        "no_answer": "no_answer", "unverifiable": "unverifiable",
    },
)  # fmt: skip
LETTERS = Vocabulary(
    "A, B, C as SimpleQA grades: correct, incorrect, not attempted",
    {"a": "correct", "b": "hallucinated", "c": "abstained"},
)
INSPECT = Vocabulary(
    "C, I, P, N as Inspect scores: correct, incorrect, partial, no answer",
    {"c": "correct", "i": "hallucinated", "p": "partial", "n": ""},
    remark="N (no answer) may be an abstention or a missing text: say which.",
)
CRAG = Vocabulary(
    "1, 0.5, 0, −1 as CRAG scores: perfect, acceptable, missing, incorrect",
    {"1": "correct", "0.5": "none", "0": "abstained", "-1": "hallucinated"},
    needs=frozenset(("0.5", "-1")),
)
BINARY = Vocabulary(
    "1 and 0, or true and false: right and wrong",
    {
        "1": "correct", "0": "hallucinated", "true": "correct", "false": "hallucinated",
        "yes": "correct", "no": "hallucinated",
    },
    remark="Where 0 also stands for “I don’t know”, these answers count as hallucinated: label them"
    " anew, or leave 0 without a label.",
)  # fmt: skip
ALL = (WORDS, LETTERS, INSPECT, CRAG, BINARY)


@dataclass(frozen=True)
class Recognised:
    """Each value with what it means; empty: nobody knows yet."""

    title: str = ""
    meanings: dict[str, str] = field(default_factory=dict)
    remark: str = ""


def recognise(values: Collection[str], among: Collection[Vocabulary] = ALL) -> Recognised:
    """What the values mean by the vocabularies that have most of them, and at least half; where
    these agree."""
    plain = {value: plain_value(value) for value in values}
    said = set(plain.values())
    fitting = [v for v in among if not v.needs or v.needs & said]
    most = max((len(said & v.values.keys()) for v in fitting), default=0)
    if 2 * most < max(len(said), 1):  # 0 and 1 among a hundred numbers are no labels
        return Recognised(meanings=dict.fromkeys(values, ""))
    best = [v for v in fitting if len(said & v.values.keys()) == most]
    meanings = {}
    for value, word in plain.items():
        found = {v.values.get(word, "") for v in best}
        meanings[value] = found.pop() if len(found) == 1 else ""
    if len(best) > 1:
        either = " or ".join(v.title for v in best)
        return Recognised("", meanings, f"They may be {either}.")
    return Recognised(best[0].title, meanings, best[0].remark)


def plain_value(value: str) -> str:
    """Values that differ in case, spaces or decimals only are one: 1.0 is 1."""
    word = "_".join(value.replace("−", "-").casefold().replace("-", " - ").split()).strip("_")
    word = word.replace("_-_", "_")
    number = value.replace("−", "-").strip()
    try:
        return f"{float(number):g}"
    except ValueError:
        return word


def label_of(meaning: str) -> tuple[LabelValue | None, list[str]]:
    """The label and the tags that a meaning stands for."""
    if meaning in list(LabelValue):
        return LabelValue(meaning), []
    return None, [] if meaning == "none" else [meaning]
