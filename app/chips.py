"""One repeat as a grid shows it: what fits on its chip, its status, the filters it belongs to."""

import re
from dataclasses import dataclass

from app.providers import Outcome
from app.tables import AnswerState, LabelValue

SHORT = 90  # characters of an answer that a chip shows
_ABSTAINS = re.compile(
    r"(?:i (?:do not|don['’]t) know|idk|unknown|not sure|n/a|i['’]?m not sure)\W*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Chip:
    """One repeat as shown in a cell."""

    model: str
    variant_id: int
    state: AnswerState
    outcome: Outcome | None
    label: LabelValue | None
    disputed: bool
    mismatch: str  # a sentence when thinking asked and thinking seen do not fit
    id: int = 0  # 0 and empty where a chip stands for all of its kind, when counting
    prompt_id: int = 0
    repeat: int = 0
    text: str = ""  # the beginning of the answer
    length: int = 0  # of the whole answer, in characters
    error: str = ""

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
    def kinds(self) -> list[str]:
        """The filters this chip belongs to."""
        found = []
        if self.can_label and self.label is None and not self.disputed:
            found.append("unlabelled")
        if self.label is not None:
            found.append(self.label.value)
        if self.disputed:
            found.append("disputed")
        if self.state is AnswerState.failed or (
            self.state is AnswerState.done and not self.can_label
        ):
            found.append("failed")
        if self.mismatch and not self.waiting:
            found.append("mismatch")
        return found
