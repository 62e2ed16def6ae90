"""The tables. "Model" means an AI model in this program, so they are not called models.

Rows of ``prompt`` and ``wording`` are never changed: an edit adds a row with the next version, so
a grid that points at a row keeps the exact text it used. What one call sent and brought back is
an ``attempt``; an ``answer`` points at the attempt that counts.
"""

import math
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Dialect, Enum, Index, Text, UniqueConstraint, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel

from app.providers.base import Outcome, Thinking, ThinkingKind
from app.providers.observing import Evidence, Thought

PASTED = "pasted"  # instead of a provider: what a person copied out of a chat window
MAX_INTEGER = 2**31 - 1  # what an integer column of Postgres holds

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Json(TypeDecorator[Any]):
    """JSON on SQLite, JSONB on Postgres. Assign a new value to change it: no tracking inside."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())


def storable(value: Any) -> Any:
    """Model output made safe for any database: NUL shown as ␀, half surrogates as �.

    Infinite numbers, which JSON does not have, become text.
    """
    if isinstance(value, str):
        if value.isascii():
            return value.replace("\0", "␀")
        joined = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return joined.replace("\0", "␀")
    if isinstance(value, dict):
        return {storable(k): storable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [storable(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def now() -> datetime:
    return datetime.now(UTC)


def enum_column(kind: type[StrEnum], **options: Any) -> Column[Any]:
    """An enum stored as its plain text, so that adding a value needs no migration."""
    return Column(Enum(kind, native_enum=False, length=20, create_constraint=False), **options)


class Answerable(StrEnum):
    yes = "yes"
    no = "no"
    unknown = "unknown"


class WordingMode(StrEnum):
    published = "published"  # the prompt's text, untouched
    parts = "parts"  # question + opt-out + format


class Placement(StrEnum):
    end = "end"
    start = "start"
    system = "system"


class AnswerState(StrEnum):
    pending = "pending"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


class CheckState(StrEnum):
    works = "works"
    ignored = "ignored"  # it answers, and does something else about thinking than was asked
    undecided = "undecided"  # it answers, and nothing tells whether the switch works
    fails = "fails"


class HeldState(StrEnum):
    waiting = "waiting"  # for its test call
    passed = "passed"
    stopped = "stopped"  # the test call was refused for good


class LabelValue(StrEnum):
    correct = "correct"
    hallucinated = "hallucinated"
    abstained = "abstained"


class Prompt(SQLModel, table=True):
    """One version of a question. ``key`` is shared by all versions."""

    __table_args__ = (UniqueConstraint("key", "version"),)

    id: int = Field(default=None, primary_key=True)
    key: str
    version: int = 1
    text: str = Field(sa_column=Column(Text, nullable=False))  # as its author published it
    question: str = Field(
        default="", sa_column=Column(Text, nullable=False)
    )  # without opt-out, format
    answer_format: str = Field(default="", sa_column=Column(Text, nullable=False))
    references: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    constraint: str = Field(default="", sa_column=Column(Text, nullable=False))
    answerable: Answerable = Field(
        default=Answerable.unknown, sa_column=enum_column(Answerable, nullable=False)
    )
    tags: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    source: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(default_factory=now)
    archived_at: datetime | None = None


class Wording(SQLModel, table=True):
    """One version of a way to treat abstention. ``slug`` is shared by all versions."""

    __table_args__ = (UniqueConstraint("slug", "version"),)

    id: int = Field(default=None, primary_key=True)
    slug: str
    version: int = 1
    title: str
    position: int = 0
    mode: WordingMode = Field(
        default=WordingMode.parts, sa_column=enum_column(WordingMode, nullable=False)
    )
    opt_out: str = Field(default="", sa_column=Column(Text, nullable=False))
    placement: Placement = Field(
        default=Placement.end, sa_column=enum_column(Placement, nullable=False)
    )
    blank_line: bool = False  # join the parts by a blank line instead of a space
    may_abstain: bool = False  # then a format such as "just the number" must leave room for it
    target: float | None = None  # t of the confidence target, 0 ≤ t < 1
    created_at: datetime = Field(default_factory=now)
    archived_at: datetime | None = None


class Reviewer(SQLModel, table=True):
    id: int = Field(default=None, primary_key=True)
    name: str
    name_key: str = Field(unique=True)  # case-folded: "Ada" and "ada" are one person
    secret: str = Field(unique=True)  # what the browser's cookie holds
    created_at: datetime = Field(default_factory=now)


class Grid(SQLModel, table=True):
    """One comparison: prompts × models × variants × repeats.

    ``seq`` counts the transactions that changed anything a viewer can see; each stamps the rows it
    touched. Taking the number locks the row, so numbers become visible in their order.
    """

    id: int = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    title: str
    repeats: int
    seq: int = 0
    created_at: datetime = Field(default_factory=now)
    cancelled_at: datetime | None = None
    paused_at: datetime | None = None  # no new calls until it is resumed
    deleted_at: datetime | None = None  # then it is at no address; see deletion.py
    max_calls: int | None = None  # the runner stops before it makes more
    max_cost_usd: float | None = None  # the runner stops before it costs more
    stopped_at: datetime | None = None  # when the runner stopped it at one of these
    stopped_seq: int | None = None  # its seq then: of what that cancelled, which has no lower one
    calls: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # begun so far
    # It came out of a file (see Origin): nothing of it is ever called.
    imported: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    # What its calls cost as far as known, and what those in flight are expected to.
    committed_usd: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})
    # A copy that nothing changes any more: see snapshots.py. It is in no list of grids.
    snapshot_of: int | None = Field(default=None, foreign_key="grid.id", index=True)

    @property
    def frozen(self) -> bool:
        return self.snapshot_of is not None


class Origin(SQLModel, table=True):
    """Where an imported grid came from."""

    grid_id: int = Field(foreign_key="grid.id", primary_key=True)
    source: str  # which kind of file: see app/origins.py
    file: str = ""  # its name; empty: pasted
    content_hash: str = Field(index=True)  # by which the same file is known again
    imported_at: datetime = Field(default_factory=now)
    imported_by: str = ""  # a reviewer's name
    # What only the installation knew that it was exported from, and exports give again.
    there: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class GridPrompt(SQLModel, table=True):
    __tablename__ = "grid_prompt"

    grid_id: int = Field(foreign_key="grid.id", primary_key=True)
    prompt_id: int = Field(foreign_key="prompt.id", primary_key=True)
    position: int


class GridModel(SQLModel, table=True):
    __tablename__ = "grid_model"

    grid_id: int = Field(foreign_key="grid.id", primary_key=True)
    model: str = Field(primary_key=True)  # provider/model-id
    position: int
    # Thinking settings asked of it although its rule says that it cannot be asked.
    forced: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))


class HeldBack(SQLModel, table=True):
    """One model × thinking setting of a large grid, whose answers wait for a test call."""

    __tablename__ = "held_back"

    grid_id: int = Field(foreign_key="grid.id", primary_key=True)
    model: str = Field(primary_key=True)  # provider/model-id
    thinking: Thinking = Field(sa_column=enum_column(Thinking, primary_key=True))
    state: HeldState = Field(
        default=HeldState.waiting, sa_column=enum_column(HeldState, nullable=False)
    )
    message: str = Field(default="", sa_column=Column(Text, nullable=False))


class ModelCheck(SQLModel, table=True):
    """The latest test call of a model with one thinking setting."""

    __tablename__ = "model_check"

    model: str = Field(primary_key=True)  # provider/model-id
    thinking: Thinking = Field(sa_column=enum_column(Thinking, primary_key=True))
    checked_at: datetime
    state: CheckState = Field(sa_column=enum_column(CheckState, nullable=False))
    message: str = Field(default="", sa_column=Column(Text, nullable=False))
    thought: Thought | None = Field(default=None, sa_column=enum_column(Thought, nullable=True))
    evidence: Evidence | None = Field(default=None, sa_column=enum_column(Evidence, nullable=True))
    served_model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_ms: int | None = None
    cost_usd: float | None = None


class Variant(SQLModel, table=True):
    """One experimental condition of a grid: wording × thinking, plus what is set beside them."""

    id: int = Field(default=None, primary_key=True)
    grid_id: int = Field(foreign_key="grid.id", index=True)
    position: int
    wording_id: int = Field(foreign_key="wording.id")
    thinking: Thinking = Field(sa_column=enum_column(Thinking, nullable=False))
    system_prompt: str = Field(default="", sa_column=Column(Text, nullable=False))
    temperature: float | None = None
    max_tokens: int = 16_000


class Answer(SQLModel, table=True):
    """One repeat of one prompt × model × variant. The pending rows are the runner's queue."""

    __table_args__ = (
        UniqueConstraint("grid_id", "prompt_id", "variant_id", "model", "repeat"),
        Index("ix_answer_grid_id_seq", "grid_id", "seq"),
        # The queue: what is pending or running, then of which grid and provider, by id.
        Index("ix_answer_state_grid_id_provider_id", "state", "grid_id", "provider", "id"),
        Index("ix_answer_model_id", "model", "id"),
        Index(
            "ix_answer_key",
            "key",
            sqlite_where=text("key != ''"),
            postgresql_where=text("key != ''"),
        ),
    )

    id: int = Field(default=None, primary_key=True)
    grid_id: int = Field(foreign_key="grid.id")
    prompt_id: int = Field(foreign_key="prompt.id")
    variant_id: int = Field(foreign_key="variant.id")
    provider: str
    model: str  # provider/model-id
    repeat: int
    state: AnswerState = Field(
        default=AnswerState.pending, sa_column=enum_column(AnswerState, nullable=False)
    )
    attempt_id: int | None = (
        None  # the attempt that counts; no constraint: each points at the other
    )
    label: LabelValue | None = Field(
        default=None, sa_column=enum_column(LabelValue, nullable=True)
    )  # the final label over all reviewers, kept in step by labels.py
    disputed: bool = False  # reviewers differ, and nobody has decided
    seq: int = 0
    decided: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    # Of all reviewers, one space between two: filtered without a join.
    tags: str = Field(default="", sa_column_kwargs={"server_default": ""})
    # What the file calls it that it was imported from; empty: as here, by its id.
    key: str = Field(default="", sa_column_kwargs={"server_default": ""})


class Attempt(SQLModel, table=True):
    """One call: what was sent, and what came back or went wrong. No ``finished_at``: in flight."""

    __table_args__ = (
        UniqueConstraint("answer_id", "number"),
        # The calls in flight, among all that ever were.
        Index(
            "ix_attempt_open",
            "answer_id",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
        # Answers that no rules, or older ones, have read.
        Index("ix_attempt_outcome_suggestion_method", "outcome", "suggestion_method"),
    )

    id: int = Field(default=None, primary_key=True)
    answer_id: int = Field(foreign_key="answer.id")
    number: int
    started_at: datetime
    finished_at: datetime | None = None
    user_message: str = Field(default="", sa_column=Column(Text, nullable=False))
    system_message: str = Field(default="", sa_column=Column(Text, nullable=False))
    request: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    thinking_sent: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(Json, nullable=False)
    )
    temperature_sent: float | None = None
    temperature_note: str = ""  # where it is not what was asked
    outcome: Outcome | None = Field(default=None, sa_column=enum_column(Outcome, nullable=True))
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    thinking_text: str = Field(default="", sa_column=Column(Text, nullable=False))
    thinking_kind: ThinkingKind = Field(
        default=ThinkingKind.none, sa_column=enum_column(ThinkingKind, nullable=False)
    )
    thought: Thought | None = Field(default=None, sa_column=enum_column(Thought, nullable=True))
    evidence: Evidence | None = Field(default=None, sa_column=enum_column(Evidence, nullable=True))
    mismatch: str = ""  # a sentence when thinking asked and thinking seen do not fit
    reasoning_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None  # read from a cache, part of input_tokens
    cache_write_tokens: int | None = None  # part of input_tokens
    cost_usd: float | None = None  # None: unknown
    cost_source: str = Field(default="", sa_column_kwargs={"server_default": ""})
    expected_usd: float | None = None  # part of the grid's committed_usd while it is in flight
    usage: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    finish_reason: str = ""
    served_model: str = ""
    response_id: str = ""
    response: str = Field(
        default="", sa_column=Column(Text, nullable=False, server_default="")
    )  # the stream as it came, see providers/received.py
    first_token_ms: int | None = None
    total_ms: int | None = None
    # What rules make of the text. It counts in no rate, and only a reviewer makes a label of it.
    short: str = Field(default="", sa_column_kwargs={"server_default": ""})
    answer_key: str = Field(default="", sa_column_kwargs={"server_default": ""})  # of equal ones
    suggested: LabelValue | None = Field(
        default=None, sa_column=enum_column(LabelValue, nullable=True)
    )
    suggestion_strength: str = Field(default="", sa_column_kwargs={"server_default": ""})
    suggestion_reason: str = Field(default="", sa_column_kwargs={"server_default": ""})
    suggestion_method: str = Field(default="", sa_column_kwargs={"server_default": ""})
    hedged: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    error_kind: str = ""
    error_message: str = Field(default="", sa_column=Column(Text, nullable=False))
    error_status: int | None = None


class Label(SQLModel, table=True):
    """What one reviewer says of one answer now. Without a value: why there is none, by tag or note.

    ``decides``: it settles the answer, whatever others say; the latest of those that do counts.
    """

    __table_args__ = (UniqueConstraint("answer_id", "reviewer_id"),)

    id: int = Field(default=None, primary_key=True)
    answer_id: int = Field(foreign_key="answer.id")
    reviewer_id: int = Field(foreign_key="reviewer.id", index=True)
    value: LabelValue | None = Field(default=None, sa_column=enum_column(LabelValue, nullable=True))
    note: str = Field(default="", sa_column=Column(Text, nullable=False))
    labelled_at: datetime = Field(default_factory=now)  # when its value or decision was given
    tags: list[str] = Field(
        default_factory=list, sa_column=Column(Json, nullable=False, server_default="[]")
    )
    decides: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class LabelChange(SQLModel, table=True):
    """Append-only: what a label became each time it changed; all empty when it was cleared."""

    __tablename__ = "label_change"

    id: int = Field(default=None, primary_key=True)
    answer_id: int = Field(foreign_key="answer.id", index=True)
    reviewer_id: int = Field(foreign_key="reviewer.id")
    value: LabelValue | None = Field(default=None, sa_column=enum_column(LabelValue, nullable=True))
    note: str = Field(default="", sa_column=Column(Text, nullable=False))
    changed_at: datetime = Field(default_factory=now)
    tags: list[str] = Field(
        default_factory=list, sa_column=Column(Json, nullable=False, server_default="[]")
    )
    decides: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class Price(SQLModel, table=True):
    """What a model costs from a day on, as somebody entered it: US dollars per million tokens."""

    __table_args__ = (UniqueConstraint("model", "valid_from"),)

    id: int = Field(default=None, primary_key=True)
    model: str  # provider/model-id
    input_usd: float
    output_usd: float
    cached_usd: float | None = None  # input read from a cache; None: costs what other input costs
    valid_from: date
    note: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(default_factory=now)


class ProviderLimit(SQLModel, table=True):
    """How fast one account may be called, and how it has been called lately.

    Where several processes run answers, the state is theirs together; times are in seconds since
    1970 by the database's clock. One process alone keeps its state in memory.
    """

    __tablename__ = "provider_limit"

    account: str = Field(primary_key=True)  # a provider, or several that share a key
    calls: int | None = None  # in flight at a time; None: the setting
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    requests_at: float = 0.0  # when what was granted so far will have been earned
    tokens_at: float = 0.0
    paused_until: float = 0.0
    low: int | None = None  # calls in flight that were left when it last had to slow down
    lowered_at: float = 0.0
    refusals: int = 0  # in a row
    # The last time by that clock: it can be set back.
    seen_at: float = Field(default=0.0, sa_column_kwargs={"server_default": text("0")})


class Share(SQLModel, table=True):
    """An address of a grid for people outside."""

    id: int = Field(default=None, primary_key=True)
    token: str = Field(unique=True)
    grid_id: int = Field(foreign_key="grid.id", index=True)
    hidden: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    listed: bool = False  # search engines may list it
    created_by: str = ""  # a reviewer's name
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    content_hash: str = Field(default="", sa_column_kwargs={"server_default": ""})  # if frozen


class Snapshot(SQLModel, table=True):
    """How a grid was at one time. The grid that it has is the copy."""

    __table_args__ = (UniqueConstraint("of_grid_id", "number"),)

    grid_id: int = Field(foreign_key="grid.id", primary_key=True)
    of_grid_id: int = Field(foreign_key="grid.id")
    number: int  # from 1, of this grid
    taken_at: datetime
    taken_by: str = ""  # a reviewer's name
    version: str  # of Bluffcheck
    content_hash: str = ""  # of all of it, as exports/jsonl.py makes it; empty: not computed yet
    unfinished: int = 0  # answers that were not in yet
