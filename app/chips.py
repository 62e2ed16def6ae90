"""One repeat as a grid shows it: what fits on its chip, its status, its marks."""

import re
from dataclasses import dataclass

from app.providers import Outcome
from app.tables import AnswerState, LabelValue

SHORT = 90  # characters of an answer that a chip shows
_ABSTAINS = re.compile(
    r"(?:i (?:do not|don['’]t) know|idk|unknown|not sure|n/a|i['’]?m not sure)\W*", re.IGNORECASE
)


@dataclass(slots=True)
class Chip:
    """One repeat as shown in a cell."""

    model: str
    variant_id: int
    state: AnswerState
    outcome: Outcome | None
    label: LabelValue | None
    disputed: bool
    mismatch: str  # a sentence when thinking asked and thinking seen do not fit
    id: int = 0
    prompt_id: int = 0
    repeat: int = 0
    text: str = ""  # the beginning of the answer
    error: str = ""
    seq: int = 0  # of its last change
    eq: int = 0  # the same for equal answers of a row; 0: no other is equal
    off: bool = False  # it does not match the filters

    @property
    def short(self) -> str:
        """What fits on a chip: the answer's first line, "IDK", or the state."""
        if self.state is AnswerState.done and self.outcome is Outcome.answered:
            line = next((part for part in self.text.splitlines() if part.strip()), "")
            return "IDK" if _ABSTAINS.fullmatch(line.strip()) else line.strip()
        if self.state is AnswerState.done:
            return str(self.outcome)
        return {
            AnswerState.pending: "waiting",
            AnswerState.running: "running",
            AnswerState.failed: "error",
            AnswerState.cancelled: "cancelled",
        }.get(self.state, "")

    @property
    def waiting(self) -> bool:
        return self.state in (AnswerState.pending, AnswerState.running)

    @property
    def again(self) -> bool:
        """It is being run again, and what came earlier counts until something newer comes."""
        return self.waiting and self.outcome not in (None, Outcome.error)

    @property
    def can_label(self) -> bool:
        return self.state is AnswerState.done and self.outcome is Outcome.answered

    @property
    def status(self) -> str:
        """One word for the style: that it is waited for, the label, or why there is none."""
        if self.waiting:
            return self.state.value
        if self.disputed and self.label is None:
            return "disputed"
        if self.label is not None:
            return self.label.value
        if self.can_label:
            return "unlabelled"
        return str(self.outcome) if self.state is AnswerState.done else self.state.value

    @property
    def said(self) -> str:
        """What its colours, shapes and marks say, in words."""
        parts = [] if self.status == self.short else [self.status]
        if self.again:
            parts.append(f"an earlier answer counts{f' as {self.label}' if self.label else ''}")
        if self.mismatch and not self.waiting:
            parts.append("thinking mismatch")
        return ", ".join(parts)

    @property
    def note(self) -> str:
        """What there is to say of it that it does not show."""
        if self.waiting:
            return "Run again: the earlier answer counts until a newer one comes" * self.again
        return self.error or self.mismatch

    @property
    def flags(self) -> str:
        """The marks at its end."""
        if self.again:
            return "↻"
        return "≠" if self.mismatch and not self.waiting else ""

    @property
    def key(self) -> str:
        """What equal answers of a row have in common; empty where there is no answer."""
        return answer_key(self.short) if self.can_label else ""


def answer_key(short: str) -> str:
    return " ".join(short.casefold().split())
