"""What the JSON API takes and gives, where it is not a plain row."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session

from app.control import WHOLE, Extent, Scope, scope_around
from app.prompts import Line, Text
from app.reviewing.said import TAGS
from app.tables import MAX_INTEGER, Grid, Label, LabelValue, Reviewer


class ModelItem(BaseModel):
    id: str = Field(description="provider/model-id, as used everywhere")
    provider: str
    title: str
    practice: bool = Field(description="A simulated model: nothing is called")
    ready: bool
    reason: str = Field(description="What to do when it is not ready")
    thinking: str = Field(
        description="off by default, on by default (both can be switched), always, never, unknown"
    )
    levels: list[str] = Field(description="The efforts it takes")
    cannot: dict[str, str] = Field(description="Thinking settings it does not take, and why")


class ModelList(BaseModel):
    items: list[ModelItem]


class CheckInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: Line = Field(description="provider/model-id")


class CheckItem(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    thinking: str
    state: str = Field(description="works, ignored, undecided or fails")
    message: str
    checked_at: datetime
    served_model: str
    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    total_ms: int | None


class CheckList(BaseModel):
    items: list[CheckItem]


class GridCreated(BaseModel):
    id: str
    url: str
    answers: int = Field(description="How many answers were queued")
    left_out: list[str] = Field(description="Combinations that a model cannot be asked, and why")


class ProgressItem(BaseModel):
    total: int
    pending: int
    running: int
    done: int
    failed: int
    cancelled: int
    answered: int = Field(description="Done with an answer text; only these can be labelled")
    labelled: int
    correct: int
    hallucinated: int
    abstained: int
    disputed: int


class SpendingItem(BaseModel):
    usd: float | None = Field(
        description="US dollars of all calls whose cost is known, also failed ones; null if none is"
    )
    known: int = Field(description="How many calls are in that sum")
    unknown: int = Field(description="How many calls were or may have been billed, and are not")


class GridItem(BaseModel):
    id: str
    url: str
    title: str
    status: str = Field(description="running, paused, done, cancelled or stopped (at a ceiling)")
    created_at: datetime
    imported: bool = Field(description="It came out of a file: nothing of it is ever called")
    repeats: int
    progress: ProgressItem
    spending: SpendingItem
    calls: int = Field(description="Calls begun so far, also for answers that were run again")
    max_calls: int | None = Field(description="The ceilings it stops at; null: none")
    max_cost_usd: float | None
    waiting: dict[str, float] = Field(
        description="Accounts whose calls wait for their turn, and seconds until the next"
    )
    prompts: list[dict[str, Any]]
    models: list[str]
    forced: dict[str, list[str]] = Field(
        description="Thinking settings asked of a model although it is known not to take them"
    )
    variants: list[dict[str, Any]] = Field(
        description="Each with its `id`, as answers and what is pasted name it"
    )


class GridSummary(BaseModel):
    id: str
    url: str
    title: str
    status: str
    created_at: datetime
    imported: bool = Field(description="It came out of a file: nothing of it is ever called")
    progress: ProgressItem
    spending: SpendingItem


class Page(BaseModel):
    next: str | None = Field(
        description="Give it as `cursor` to get the next page; null at the end"
    )


class GridList(Page):
    """There may be fewer than asked for before the end: some grids are not to be seen yet."""

    items: list[GridSummary]


class AnswerPage(Page):
    items: list[dict[str, Any]]


class LabelInput(BaseModel):
    """What is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    label: LabelValue | None = Field(
        None, description="null: looked at and left without one; tags or note say why"
    )
    note: Text | None = Field(None, description="Left as it is when not given")
    tags: list[Line] | None = Field(
        None, max_length=20, description=f"All that it is to have, out of {', '.join(TAGS)}"
    )
    decides: bool | None = Field(
        None, description="Whether it settles the answer, whatever other reviewers say"
    )
    reviewer: Line | None = Field(
        None, description="Whose label it is; default: the browser's reviewer, else “api”"
    )
    attempt: int | None = Field(
        None,
        ge=0,
        description="The answer's `attempt` that was looked at: refused where another counts now",
    )

    @model_validator(mode="after")
    def _says_something(self) -> "LabelInput":
        if not self.model_fields_set - {"reviewer", "attempt"}:
            raise ValueError("give a label, tags, a note, or whether it decides")
        return self


class LabelSaid(BaseModel):
    """What one reviewer says of an answer."""

    label: LabelValue | None
    tags: list[str]
    note: str
    decides: bool
    reviewer: str
    labelled_at: datetime | None = Field(description="null: nothing is said any more")

    @classmethod
    def of(cls, label: Label | None, reviewer: Reviewer) -> "LabelSaid":
        return cls(
            label=label.value if label else None,
            tags=label.tags if label else [],
            note=label.note if label else "",
            decides=label.decides if label else False,
            reviewer=reviewer.name,
            labelled_at=label.labelled_at if label else None,
        )


class LabelItem(LabelSaid):
    answer: int
    final: LabelValue | None = Field(description="Over all reviewers; null while they are tied")
    disputed: bool = Field(description="Whether reviewers differ and nobody has decided")


class LabelChangeItem(BaseModel):
    """What one reviewer's label became; without anything: it was taken away."""

    label: LabelValue | None
    tags: list[str]
    note: str
    decides: bool
    reviewer: str
    changed_at: datetime


class LabelHistory(BaseModel):
    items: list[LabelChangeItem]


class ConflictItem(BaseModel):
    answer: int
    prompt: str
    model: str
    wording: str
    thinking_requested: str
    repeat: int
    text: str = Field(description="The beginning of the answer")
    final: LabelValue | None = Field(description="By majority; null while they are tied")
    agreement: str = Field(description="Such as “2 of 3 say hallucinated”")
    labels: list[LabelSaid]


class ConflictPage(BaseModel):
    total: int
    items: list[ConflictItem]
    next: int | None = Field(description="Give it as `page`; null at the end")


class CeilingInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max_calls: int | None = Field(
        None, ge=1, le=MAX_INTEGER, description="How many calls it may make in all; null: as before"
    )
    max_cost_usd: float | None = Field(
        None,
        ge=0,
        le=1e9,
        allow_inf_nan=False,
        description="What the grid may cost in all, US dollars; null: as before",
    )

    @model_validator(mode="after")
    def _one_at_least(self) -> "CeilingInput":
        if self.max_calls is None and self.max_cost_usd is None:
            raise ValueError("give the calls it may make, or what it may cost")
        return self


class CeilingSet(BaseModel):
    id: str
    max_calls: int | None
    max_cost_usd: float | None
    answers: int = Field(description="Answers that are called after all")


class Wanted(BaseModel):
    """Which answers are to be cancelled or run again; without an answer, those of the grid."""

    model_config = ConfigDict(extra="forbid")

    answer: int | None = Field(None, ge=1, le=MAX_INTEGER, description="Number of an answer")
    extent: Extent = Field("answer", description="Only it, or its whole cell, row or column")
    failed: bool = Field(
        True, description="Run again only what failed or was cancelled; false: all of them"
    )
    labelled: bool = Field(
        False, description="Also those with labels, which go when a new answer comes"
    )

    def scope(self, session: Session, grid: Grid) -> Scope:
        """Raises NotFound."""
        if self.answer is None:
            return WHOLE
        return scope_around(session, grid, self.answer, self.extent)


class EstimateItem(BaseModel):
    model: str
    calls: int
    input_tokens: int = Field(description="Characters divided by 4, rounded up per message")
    output_tokens: int = Field(description="Of all calls, thinking included")
    basis: str = Field(description="Where the output tokens are from")
    expected_usd: float | None = Field(description="null: no price is known")
    at_most_usd: float | None = Field(description="If every answer used its whole output cap")


class EstimateResult(BaseModel):
    calls: int
    expected_usd: float = Field(description="Of the models whose price is known")
    at_most_usd: float
    unknown: list[str] = Field(
        description="Models without a known price; the ceiling on cost cannot count them"
    )
    max_calls: int | None
    max_cost_usd: float | None
    problem: str = Field(description="Why this grid may not start; empty if it may")
    models: list[EstimateItem]


class Cancelled(BaseModel):
    id: str
    status: str = Field(description="Of the grid, as it is now")
    cancelled: int = Field(description="Answers, among them those whose calls in flight are ended")
