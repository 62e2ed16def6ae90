"""One repeat as a grid shows it: what fits on its chip, its status, its marks."""

from dataclasses import dataclass

from app.providers import Outcome
from app.tables import AnswerState, LabelValue

SHORT = 90  # characters of an answer that a chip shows
BRIEF = 6  # characters that fit on any chip, however wide


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
    attempt: int = 0  # the number of the one that counts; 0: none
    text: str = ""  # the beginning of the answer
    error: str = ""
    said: str = ""  # its short answer, as rules found it; empty before they have read it
    answer_key: str = ""  # the same for equal short answers; empty: it cannot be compared
    suggested: LabelValue | None = None
    suggestion_strength: str = ""  # strong or weak
    hedged: bool = False  # a rule or a reviewer says so
    decided: bool = False  # somebody settled it
    seq: int = 0  # of its last change
    eq: int = 0  # the same for equal answers of a row; 0: no other is equal
    off: bool = False  # it does not match the filters

    @property
    def short(self) -> str:
        """What fits on a chip: the short answer, such as "03-07" or "IDK", or the state."""
        if self.can_label:
            lines = (line.strip() for line in self.text.splitlines())
            return self.said or next(filter(None, lines), "")
        if self.state is AnswerState.done:
            return str(self.outcome)
        return {
            AnswerState.pending: "waiting",
            AnswerState.running: "running",
            AnswerState.failed: "error",
            AnswerState.cancelled: "cancelled",
        }.get(self.state, "")

    @property
    def long(self) -> bool:
        """Whether what it shows, or will show while the answer comes, may not fit."""
        return self.waiting or bool(self.flags) or (self.can_label and len(self.short) > BRIEF)

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
    def suggestion(self) -> LabelValue | None:
        """The label that rules suggest, as long as there is no other."""
        return self.suggested if self.status == "unlabelled" else None

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
    def by_majority(self) -> bool:
        """Reviewers differ, and most say the label that counts."""
        return self.disputed and self.label is not None

    @property
    def words(self) -> str:
        """What its colours, shapes and marks say, in words."""
        status, suggestion = self.status, self.suggestion
        parts = [] if suggestion or status == self.short else [status]
        if self.again:
            parts.append(f"an earlier answer counts{f' as {self.label}' if self.label else ''}")
        if self.mismatch and not self.waiting:
            parts.append("thinking mismatch")
        if suggestion:
            parts.append(f"suggestion {suggestion}")
        if self.hedged and not self.waiting:
            parts.append("hedged")
        if self.by_majority:
            parts.append("by majority: reviewers differ")
        if self.decided:
            parts.append("decided")
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
        if self.waiting:
            return "↻" * self.again
        differ = "?" * self.by_majority
        return "~" * self.hedged + "≠" * bool(self.mismatch) + differ + "§" * self.decided

    @property
    def key(self) -> str:
        """What equal answers of a row have in common; empty where there is none to compare."""
        return self.answer_key if self.can_label else ""
