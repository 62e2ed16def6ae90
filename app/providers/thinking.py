"""Thinking as three facts: what was asked for, what is sent for it, and what came back.

What can be asked of a model, and which fields ask for it, is a :class:`ThinkingRule`, read from
models.toml. What came back is judged by :func:`observe`, and :func:`mismatch` compares the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


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


class Thought(StrEnum):
    """Whether the model thought, as far as its answer shows."""

    yes = "yes"
    no = "no"
    unclear = "unclear"


class Evidence(StrEnum):
    """What :class:`Thought` is read from, the strongest first."""

    text = "text"  # thinking text came
    withheld = "withheld"  # thinking came, its text did not
    tokens = "tokens"  # a count of thinking tokens
    billed = "billed"  # how much output was billed, against the text that came
    time = "time"  # how long nothing came: weak
    nothing = "nothing"


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

    @property
    def refuses(self) -> list[Thinking]:
        """What is answered with an error (400) when it is sent all the same."""
        forced = self.when_forced == "refused"
        return [t for t in self.cannot if forced and self.fields.get(t)]


class Seen(Protocol):
    """The parts of a completion that tell whether the model thought."""

    @property
    def text(self) -> str: ...
    @property
    def thinking_text(self) -> str: ...
    @property
    def thinking_kind(self) -> ThinkingKind: ...
    @property
    def reasoning_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...
    @property
    def first_token_ms(self) -> int | None: ...


FRAMING_TOKENS = 16  # ends of turns and the like, billed beside the text
BYTES_A_TOKEN = 2  # text has more: about 4 in English, 3 in Chinese
PAUSE_MS = 5_000  # nothing at all for so long: it may have thought, or queued, or loaded


def observe(seen: Seen) -> tuple[Thought, Evidence]:
    """Whether the model thought, and what says so.

    Where an API counts no thinking, what it bills tells: a token is at least one byte of text, so
    with more tokens than bytes something was written that is not shown; and with so few tokens
    that the text alone explains them, nothing was.
    """
    if seen.thinking_text:
        return Thought.yes, Evidence.text
    if seen.thinking_kind is not ThinkingKind.none:
        return Thought.yes, Evidence.tokens if seen.reasoning_tokens else Evidence.withheld
    if seen.reasoning_tokens is not None:
        return Thought.yes if seen.reasoning_tokens else Thought.no, Evidence.tokens
    if seen.output_tokens is not None:
        size = len(seen.text.encode("utf-8", "surrogatepass"))
        if seen.output_tokens > size + FRAMING_TOKENS:
            return Thought.yes, Evidence.billed
        if seen.output_tokens <= size / BYTES_A_TOKEN + FRAMING_TOKENS:
            return Thought.no, Evidence.billed
    if seen.first_token_ms is not None:
        return Thought.yes if seen.first_token_ms >= PAUSE_MS else Thought.no, Evidence.time
    return Thought.unclear, Evidence.nothing


_SIGNS = {
    Evidence.text: "thinking text came back",
    Evidence.withheld: "thinking came back whose text is withheld",
    Evidence.tokens: "thinking tokens were counted",
    Evidence.billed: "more output was billed than its text can hold",
    Evidence.time: f"nothing came for {PAUSE_MS // 1000} s or longer (a weak sign)",
}


def mismatch(
    asked: Thinking, thought: Thought | None, evidence: Evidence | None, *, adaptive: bool = False
) -> str:
    """A sentence when what was asked and what was seen of thinking do not fit, else empty."""
    if asked is Thinking.off and thought is Thought.yes and evidence is not None:
        return f"Thinking was to be off, and {_SIGNS[evidence]}."
    if asked in (Thinking.default, Thinking.off) or thought is not Thought.no:
        return ""
    if adaptive:
        return "Thinking was on, and this model decided that the question needed none."
    if evidence is Evidence.time:
        return "Thinking was asked for; no sign of it, though this API reports little."
    return "Thinking was asked for, and the answer shows no sign of it."


def _is_off(thinking: Thinking, shape: Shape) -> bool:
    if thinking is Thinking.default:
        return shape in (Shape.off, Shape.never)
    return thinking is Thinking.off
