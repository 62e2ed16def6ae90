"""What can be asked of a model about thinking and temperature, and which fields ask for it.

A :class:`ThinkingRule` is read from models.toml; what came back is judged in observing.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Thinking(StrEnum):
    """What a variant asks for. ``default`` sends no thinking field at all."""

    default = "default"
    off = "off"
    on = "on"
    minimal = "minimal"
    low = "low"
    medium = "medium"
    high = "high"
    xhigh = "xhigh"
    max = "max"

    @property
    def position(self) -> int:
        """Where it stands among the settings: columns and test calls are shown in this order."""
        return list(Thinking).index(self)


LEVELS = tuple(list(Thinking)[3:])


class Shape(StrEnum):
    """What a model does about thinking when nothing is sent, and whether that can be changed."""

    off = "off by default"
    on = "on by default"
    always = "always"
    never = "never"
    unknown = "unknown"


class ThinkingKind(StrEnum):
    """What came back of the model's thinking."""

    full = "full"  # the raw text
    summary = "summary"  # a summary written by the provider
    hidden = "hidden"  # the API reports that it thought, and withholds the text
    none = "none"  # no sign of thinking


@dataclass(frozen=True, slots=True)
class Temperature:
    """When a temperature may be sent: ``taken`` is "always", "never" or "when off"."""

    taken: str = "always"
    otherwise: str = "refused"  # or "ignored": what the API does with it then
    highest: float = 2.0

    def sent(
        self, asked: float | None, thinking: Thinking, shape: Shape
    ) -> tuple[float | None, str]:
        """The temperature to send, and a sentence where that is not what was asked."""
        if asked is None:
            return None, ""
        does = "refuses one" if self.otherwise == "refused" else "accepts one and ignores it"
        if self.taken == "never":
            return None, f"The temperature was left out: this API {does} for this model."
        if self.taken == "when off" and not _is_off(thinking, shape):
            unsure = thinking is Thinking.default and shape is Shape.unknown
            while_ = "while it thinks, and may think by default" if unsure else "while it thinks"
            return None, f"The temperature was left out: this API {does} for this model {while_}."
        if asked > self.highest:
            return asked, f"This API refuses temperatures above {self.highest:g}."
        return asked, ""


@dataclass(frozen=True, slots=True)
class ThinkingRule:
    """What one model can be asked: setting → fields to send, or why not."""

    fields: Mapping[Thinking, dict[str, Any]]  # also for what it cannot do, where that can be said
    cannot: Mapping[Thinking, str]  # setting → the reason, as a sentence
    shape: Shape = Shape.unknown
    levels: Sequence[Thinking] = ()
    adaptive: bool = False  # "on" lets the model decide for each question
    when_forced: str = "refused"  # what the API does when asked all the same; or "ignored"
    kind: ThinkingKind | None = None  # "full" or "summary", where it differs from the provider's
    display: str = ""  # which forms of its thinking can be had, and which one is asked for
    temperature: Temperature = field(default_factory=Temperature)
    note: str = ""

    def reason_against(self, thinking: Thinking) -> str:
        """Why ``thinking`` cannot be asked of this model; empty when it can."""
        return self.cannot.get(thinking, "")

    def can_force(self, thinking: Thinking) -> bool:
        """Whether there are fields that ask for it all the same."""
        return thinking in self.fields


def _is_off(thinking: Thinking, shape: Shape) -> bool:
    if thinking is Thinking.default:
        return shape in (Shape.off, Shape.never)
    return thinking is Thinking.off
