"""What a reviewer says of an answer: a value, tags, a note, and whether that decides it.

Without a value it does not vote: its tags or its note say why there is none. Of several reviewers
the majority counts, unless somebody decided.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from app.errors import InvalidInput
from app.providers import Outcome
from app.tables import AnswerState, Label, LabelValue

# No name is a part of another, so that the text of all tags can be searched for one.
TAGS: Final = {
    "hedged": "unsure of itself, or offers several candidates",
    "refusal": "declines out of policy or privacy",
    "partial": "too vague, or incomplete",
    "extra_error": "a side remark is wrong",
    "premise": "corrects what the question takes for granted",
    "reasoning": "a slip in reasoning or counting",
    "outdated": "was true once",
    "format": "not in the form that was asked for",
    "bad_reference": "the reference is wrong, and should be mended",
    "no_answer": "there is no answer text that could be judged",
    "unverifiable": "nothing at hand tells whether it is right",
}
NO_LABEL: Final = ("unverifiable", "no_answer")  # why there is none: these go with no value


class Keep(Enum):
    KEEP = "as it is"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Said:
    """All that a reviewer says of one answer."""

    value: LabelValue | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    decides: bool = False


NOTHING: Final = Said()


def final_label(
    values: Iterable[LabelValue | None], decision: LabelValue | None = None
) -> tuple[LabelValue | None, bool]:
    """The label that counts and whether reviewers differ: unanimous or majority, a tie is none.

    A decision ends that.
    """
    counts = Counter(value for value in values if value is not None).most_common(2)
    if decision is not None or not counts:
        return decision, False
    if len(counts) == 2 and counts[0][1] == counts[1][1]:
        return None, True
    return counts[0][0], len(counts) > 1


def said_by(label: Label | None) -> Said:
    return Said(label.value, tuple(label.tags), label.note, label.decides) if label else NOTHING


def amended(
    before: Said,
    value: LabelValue | Keep | None = KEEP,
    note: str | None = None,
    tags: Iterable[str] | None = None,
    decides: bool | None = None,
) -> Said:
    """What a reviewer says who said ``before`` and now says this. Raises InvalidInput."""
    after = replace(before, note=before.note if note is None else note)
    if value is not KEEP:
        after = replace(after, value=value)
    if tags is not None:
        after = replace(after, tags=known_tags(tags))
        if why := set(NO_LABEL) & set(after.tags):
            if after.value is not None and value is not KEEP:
                raise InvalidInput(f"“{min(why)}” tells why there is no label: give one of both.")
            after = replace(after, value=None)
    if after.value is not None:
        after = replace(after, tags=tuple(tag for tag in after.tags if tag not in NO_LABEL))
    elif decides:
        raise InvalidInput("A decision is one of correct, hallucinated and abstained.")
    decided = before.decides if decides is None else decides
    return replace(after, decides=decided and after.value is not None)


def known_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """These tags, each once, in the order of TAGS. Raises InvalidInput for one that is none."""
    given = set(tags)
    if unknown := given - TAGS.keys():
        raise InvalidInput(f"There is no tag “{min(unknown)}”. Known are: {', '.join(TAGS)}.")
    return tuple(tag for tag in TAGS if tag in given)


def refusal(
    state: AnswerState, called: bool, outcome: Outcome | None, value: LabelValue | None
) -> str:
    """Why an answer takes no such label, as a sentence; empty: it does. ``called``: whether it has
    an attempt that counts, of which this is the outcome."""
    if value is not None and outcome is not Outcome.answered:
        return (
            f"This answer is {outcome or state}: there is no answer text to judge, so it takes no"
            " label. It is counted apart."
        )
    if not called and state in (AnswerState.pending, AnswerState.running):
        return f"This answer is {state}: there is nothing to look at yet."
    return ""


def rewrite(label: Label, said: Said, at: datetime) -> None:
    """Have a label say this. Other tags or another note leave its time as it is."""
    if (said.value, said.decides) != (label.value, label.decides):
        label.labelled_at = at
    label.value, label.tags = said.value, list(said.tags)
    label.note, label.decides = said.note, said.decides


def derived(labels: Sequence[Any]) -> dict[str, Any]:
    """What is stored with an answer that has these labels, in the order they were given."""
    decisions = [label.value for label in labels if label.decides]
    label, disputed = final_label(
        (label.value for label in labels), decisions[-1] if decisions else None
    )
    return {
        "label": label,
        "disputed": disputed,
        "decided": bool(decisions),
        "tags": " ".join(known_tags(tag for one in labels for tag in one.tags)),
    }
