"""What the JSON API takes and gives, where it is not a plain row."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.prompts import Line, Text
from app.tables import LabelValue


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
    status: str = Field(description="running, done, cancelled or stopped (at its ceiling of cost)")
    created_at: datetime
    repeats: int
    progress: ProgressItem
    spending: SpendingItem
    max_calls: int | None = Field(description="The ceilings it was started with; null: none")
    max_cost_usd: float | None
    prompts: list[dict[str, Any]]
    models: list[str]
    forced: dict[str, list[str]] = Field(
        description="Thinking settings asked of a model although it is known not to take them"
    )
    variants: list[dict[str, Any]]


class GridSummary(BaseModel):
    id: str
    url: str
    title: str
    status: str
    created_at: datetime
    progress: ProgressItem
    spending: SpendingItem


class GridList(BaseModel):
    items: list[GridSummary]


class AnswerPage(BaseModel):
    items: list[dict[str, Any]]
    next: str | None = Field(
        description="Give it as `cursor` to get the next page; null at the end"
    )


class LabelInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    label: LabelValue
    note: Text | None = Field(None, description="Left as it is when not given")
    reviewer: Line | None = Field(
        None, description="Whose label it is; default: the browser's reviewer, else “api”"
    )


class LabelItem(BaseModel):
    answer: int
    label: LabelValue
    note: str
    reviewer: str
    labelled_at: datetime
    final: LabelValue | None = Field(description="Over all reviewers; null while they are tied")


class CeilingInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max_cost_usd: float = Field(
        ge=0, le=1e9, allow_inf_nan=False, description="What the grid may cost in all, US dollars"
    )


class CeilingSet(BaseModel):
    id: str
    max_cost_usd: float
    answers: int = Field(description="Answers that are called after all")


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
    status: str
    cancelled: int = Field(description="Answers that will not be called; calls in flight are ended")
