"""One grid as it is shown: columns in levels, rows of cells, a chip for each repeat. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, Protocol

from app.chips import SHORT, Chip
from app.money import Spending
from app.providers import Evidence, Outcome, ThinkingKind, Thought
from app.tables import (
    Answer,
    AnswerState,
    Attempt,
    Grid,
    HeldBack,
    HeldState,
    LabelValue,
    Prompt,
    Variant,
    Wording,
)

Show = Literal[
    "all",
    "unlabelled",
    "correct",
    "hallucinated",
    "abstained",
    "disputed",
    "differ",
    "failed",
    "mismatch",
]
Density = Literal["chips", "lines", "full"]
FILTERS: dict[Show, str] = {
    "all": "All",
    "unlabelled": "Unlabelled",
    "correct": "Correct",
    "hallucinated": "Hallucinated",
    "abstained": "Abstained",
    "disputed": "Reviewers disagree",
    "differ": "Repeats differ",
    "failed": "No answer",
    "mismatch": "Thinking mismatch",
}
DENSITIES: dict[Density, str] = {"chips": "Chips", "lines": "First lines", "full": "Full text"}
CHARACTERS: dict[Density, int] = {"chips": SHORT, "lines": 400, "full": 20_000}


@dataclass(slots=True)
class Column:
    """One model × variant, with the counts of its chips."""

    key: str
    model: str
    variant: Variant
    wording: Wording
    answer: int = 0  # the number of one of its answers, by which the column can be named
    total: int = 0
    settled: int = 0
    correct: int = 0
    hallucinated: int = 0
    abstained: int = 0
    unlabelled: int = 0
    disputed: int = 0
    failed: int = 0
    mismatch: int = 0
    thought: int = 0  # answers that show signs of thinking
    judged: int = 0  # answers of which it can be told whether the model thought
    forced: bool = False  # the model is known not to take this thinking setting
    held: HeldBack | None = None  # in a large grid: its test call
    # Over all its calls, also those that no longer count.
    spending: Spending = field(default_factory=Spending)

    @property
    def n(self) -> int:
        """Labelled answers: the denominator of every rate."""
        return self.correct + self.hallucinated + self.abstained

    def why_not_called(self, answer: Answer) -> str:
        """What its test call said, of an answer that failed without a call of its own."""
        stopped = answer.state is AnswerState.failed and answer.attempt_id is None
        held = self.held if self.held and self.held.state is not HeldState.passed else None
        return held.message if held and stopped else ""

    @property
    def seen(self) -> str:
        """In how many answers thinking was seen, such as "3/9"; empty before any can tell."""
        return f"{self.thought}/{self.judged}" if self.judged else ""

    @property
    def hallucination_rate(self) -> float | None:
        """H/n, None without labels."""
        return self.hallucinated / self.n if self.n else None

    def add(self, chip: Chip, n: int, thought: Thought | None = None) -> None:
        """Count ``n`` chips of this kind, and whether their answers show thinking."""
        if chip.can_label and thought in (Thought.yes, Thought.no):
            self.judged += n
            self.thought += n if thought is Thought.yes else 0
        self.total += n
        if not chip.waiting:
            self.settled += n
        for kind in chip.kinds:
            setattr(self, kind, getattr(self, kind) + n)


@dataclass(frozen=True, slots=True)
class Cell:
    column: Column
    chips: list[Chip]

    @property
    def differ(self) -> bool:
        """Whether the labels of the repeats are not all the same."""
        return len({c.label for c in self.chips if c.label is not None}) > 1

    @property
    def kinds(self) -> set[str]:
        """The filters that some chip of this cell belongs to."""
        found = {"all"} | {kind for chip in self.chips for kind in chip.kinds}
        return found | {"differ"} if self.differ else found


@dataclass(frozen=True, slots=True)
class GridRow:
    number: int  # from 1, also where others are not shown
    prompt: Prompt
    cells: list[Cell]
    shown: bool = True

    @property
    def answer(self) -> int:
        """The number of one of its answers, by which the row can be named; 0: it has none."""
        return next((chip.id for cell in self.cells for chip in cell.chips), 0)


@dataclass(frozen=True, slots=True)
class Level:
    """A head over neighbouring columns: a model, or one thinking setting of it."""

    title: str
    columns: list[Column]
    children: list["Level"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GridView:
    grid: Grid
    columns: list[Column]
    levels: list[Level]
    rows: list[GridRow]
    counts: dict[str, int]  # per filter


class Counts(Protocol):
    """What a C/H/A bar is drawn from: a column, or the progress of a whole grid."""

    @property
    def correct(self) -> int: ...
    @property
    def hallucinated(self) -> int: ...
    @property
    def abstained(self) -> int: ...


def view_query(show: Show, density: Density) -> str:
    """How a grid is shown, as the end of an address; empty: as usual."""
    shown = [("show", show, "all"), ("density", density, "chips")]
    return "&".join(f"{name}={value}" for name, value, usual in shown if value != usual)


def bar_parts(counts: Counts) -> list[tuple[str, float, float]]:
    """(label, start, width) of each part of a C/H/A bar, in percent; no labels, no width."""
    parts, start = [], 0.0
    labelled = counts.correct + counts.hallucinated + counts.abstained
    for value in LabelValue:
        width = 100 * getattr(counts, value) / labelled if labelled else 0.0
        parts.append((value.value, round(start, 3), round(width, 3)))
        start += width
    return parts


def observed(attempt: Attempt | None) -> str:
    """What was seen of thinking and what says so, in a few words; empty without an answer."""
    if attempt is None or attempt.evidence is None:
        return ""
    tokens = f"{attempt.reasoning_tokens:,} tokens" if attempt.reasoning_tokens else ""
    match attempt.evidence:
        case Evidence.text:
            text = "full text" if attempt.thinking_kind is ThinkingKind.full else "a summary"
        case Evidence.withheld:
            text = "yes, text withheld"
        case Evidence.tokens:
            text = "yes, text withheld" if tokens else "none (no thinking tokens counted)"
        case Evidence.billed:
            yes = "yes (more output was billed than the text holds)"
            text = yes if attempt.thought is Thought.yes else "none (the text explains the bill)"
        case Evidence.time:
            after = f"judging by the time to the first token: {attempt.first_token_ms:,} ms"
            text = f"{'none' if attempt.thought is Thought.no else 'perhaps'} ({after})"
        case Evidence.nothing:
            text = "unclear: nothing reported"
    return ", ".join(filter(None, [text, tokens]))


def make_chip(
    column: Column,
    state: AnswerState,
    label: LabelValue | None,
    disputed: bool,
    outcome: Outcome | None,
    mismatch: str | None,
    **own: Any,
) -> Chip:
    return Chip(
        variant_id=column.variant.id,
        state=state,
        outcome=outcome,
        label=label,
        disputed=disputed,
        mismatch=mismatch or "",
        **{"model": column.model, **own},
    )


def levels(columns: Sequence[Column]) -> list[Level]:
    return [
        Level(
            model,
            list(of_model),
            [
                Level(str(thinking), list(of_thinking))
                for thinking, of_thinking in groupby(of_model, lambda c: c.variant.thinking)
            ],
        )
        for model, of_model in (
            (model, list(group)) for model, group in groupby(columns, lambda c: c.model)
        )
    ]
