"""Which results are asked for: everything that shapes the page, from and to its address."""

from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from app.tables import LabelValue


class By(StrEnum):
    """What one line of the measures stands for."""

    column = "column"
    model = "model"
    thinking = "thinking"
    wording = "wording"
    tag = "tag"  # of the prompts


class Choice(BaseModel):
    """``of``: the label whose share effects compare. ``before`` and ``after``: two columns, such as
    ``column:0-3``, or two levels of a factor, such as ``thinking:off``; ``ignored``: with the
    answers in which the model did not think as it was asked to."""

    model_config = ConfigDict(frozen=True)

    by: By = By.column
    of: LabelValue = LabelValue.hallucinated
    t: float = Field(0.5, ge=0, le=0.95, allow_inf_nan=False)
    tag: str = Field("", max_length=200)
    ignored: bool = False
    before: str = Field("", max_length=300)
    after: str = Field("", max_length=300)

    def with_(self, **changes: Any) -> Self:
        return self.model_copy(update=changes)

    def fields(self) -> list[tuple[str, str]]:
        """What differs from the usual, as fields of a form."""
        changed = self.model_dump(mode="json", exclude_defaults=True)
        return [(name, "1" if value is True else str(value)) for name, value in changed.items()]

    def query(self) -> str:
        """The end of the address, as short as can be; empty: as usual."""
        return urlencode(self.fields(), safe=":/")
