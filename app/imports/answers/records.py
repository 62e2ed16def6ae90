"""What a grid and its answers are in a file: the lines of our own JSONL, checked.

Whatever format a file has, it is read into these. Times are texts in ISO 8601 and UTC once they
were checked, as an export has them, so that a record is the same again when it is exported.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    create_model,
)

from app.exports.jsonl import ATTEMPT_COLUMNS
from app.prompts import Line, PromptInput, Text, WordingInput
from app.providers import Outcome, Thinking
from app.reviewing.said import TAGS
from app.tables import MAX_INTEGER, AnswerState, Attempt, HeldState, LabelValue

MAX_REPEATS = 10_000
NOW = ""  # of a time that the file does not tell: that of the import


def iso_utc(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat() if value else None


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # in the first hours of the year 1, or in the last of 9999
        raise ValueError("no time that can be told in UTC") from None


def _printable(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise ValueError("a reviewer’s name is 1 to 80 printable characters")
    return name


def _known(tag: str) -> str:
    if tag not in TAGS:
        raise ValueError(f"there is no tag “{tag[:40]}”; known are {', '.join(TAGS)}")
    return tag


Time = Annotated[AwareDatetime, AfterValidator(_in_utc), PlainSerializer(iso_utc)]
Count = Annotated[int, Field(ge=-MAX_INTEGER - 1, le=MAX_INTEGER)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=80), AfterValidator(_printable)]
Tag = Annotated[str, AfterValidator(_known)]
_ANNOTATIONS: dict[Any, Any] = {
    int: Count,
    int | None: Count | None,
    float | None: Finite | None,
    datetime: Time,
    datetime | None: Time | None,
}


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PromptRecord(PromptInput):
    key: str = ""
    version: int = 1


class WordingRecord(WordingInput):
    slug: Annotated[str, Field(min_length=1, max_length=100)]
    version: Count = 1


class VariantRecord(Record):
    thinking: Thinking = Thinking.default
    system_prompt: Text = ""
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int = Field(16_000, ge=1, le=1_000_000)
    wording: WordingRecord


class HeldRecord(Record):
    thinking: Thinking
    state: HeldState
    message: str = ""


def _each_once(name: str) -> AfterValidator:
    def check(records: list[Any]) -> list[Any]:
        if len({getattr(record, name) for record in records}) < len(records):
            raise ValueError(f"the same {name} stands there twice")
        return records

    return AfterValidator(check)


class ModelRecord(Record):
    model: Annotated[Line, Field(min_length=1)]
    practice: bool = False
    forced: list[Thinking] = []
    held: Annotated[list[HeldRecord], _each_once("thinking")] = []


class GridRecord(BaseModel):
    """``grid`` and ``link`` say where the file comes from; what else is unknown is left out."""

    format: int
    title: Line
    created_at: Time | None = None
    repeats: int = Field(1, ge=1, le=MAX_REPEATS)
    prompts: list[PromptRecord] = []
    models: Annotated[list[ModelRecord], _each_once("model")] = []
    variants: list[VariantRecord] = []
    grid: Line = ""
    link: Line = ""
    imported: str = ""  # where it came from before
    left_out: list[str] = []  # in files of a share


class SaidRecord(Record):
    reviewer: Name
    label: LabelValue | None
    tags: list[Tag] = []
    note: Text = ""
    decides: bool = False


class LabelRecord(SaidRecord):
    labelled_at: Time


class ChangeRecord(SaidRecord):
    changed_at: Time


def _of_columns() -> dict[str, Any]:
    fields = {column.name: Attempt.model_fields[column.name] for column in ATTEMPT_COLUMNS}
    return {
        name: (_ANNOTATIONS.get(field.annotation, field.annotation), field)
        for name, field in fields.items()
    }


AttemptRecord: Any = create_model("AttemptRecord", __base__=Record, **_of_columns())


class AnswerRecord(BaseModel):
    """The label that counts follows from the others, so what the file says of it is not taken."""

    answer: int | str = ""
    prompt: Annotated[int, Field(ge=1)]
    model: str
    variant: Annotated[int, Field(ge=1)]
    repeat: Annotated[int, Field(ge=1, le=MAX_REPEATS)]
    state: AnswerState
    counts: Count | None = None
    attempts: list[AttemptRecord] = []
    labels: list[LabelRecord] = []
    history: list[ChangeRecord] = []


def attempt_fields(outcome: Outcome | None, text: str = "", **known: Any) -> dict[str, Any]:
    """One call of a file that is not our own, as an attempt. Raises ValidationError."""
    given = {"number": 1, "started_at": datetime.now(UTC), "outcome": outcome, "text": text}
    fields: dict[str, Any] = AttemptRecord(**given | known).model_dump(mode="json")
    if "started_at" not in known:
        fields["started_at"] = NOW
    return fields


def in_words(error: ValidationError) -> str:
    """What is wrong, as a sentence for the line it is in."""
    wrong = [
        f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors()[:3]
    ]
    return "; ".join(wrong)
