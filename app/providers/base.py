"""What a provider is: a call's values in, a Completion out.

An adapter turns a :class:`Call` into a :class:`Request` (pure, so that the compose page can show
exactly what would be sent) and a request into a :class:`Completion` (over the wire). Nothing here
knows the database or the web.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Thinking(StrEnum):
    """What a variant asks for. ``default`` sends no thinking field at all."""

    default = "default"
    off = "off"
    on = "on"
    low = "low"
    medium = "medium"
    high = "high"


class ThinkingKind(StrEnum):
    """What came back of the model's thinking."""

    full = "full"  # the raw text
    summary = "summary"  # a summary written by the provider
    hidden = "hidden"  # the API reports that it thought, and withholds the text
    none = "none"  # no sign of thinking


class Outcome(StrEnum):
    """The technical result of a call. Only ``answered`` can carry a label."""

    answered = "answered"
    empty = "empty"
    truncated = "truncated"
    refused = "refused"  # by the provider's filter, not by the model's words
    error = "error"


@dataclass(frozen=True, slots=True)
class Call:
    """Everything that decides one call. ``model`` is the provider's own id, without prefix."""

    model: str
    user: str
    system: str = ""
    thinking: Thinking = Thinking.default
    temperature: float | None = None
    max_tokens: int = 16_000
    repeat: int = 1  # which draw this is; only practice models read it, it is never sent


@dataclass(frozen=True, slots=True)
class Request:
    """What will go over the wire, without keys: safe to show, store and export."""

    path: str
    body: dict[str, Any]
    thinking_sent: dict[str, Any]  # the part of ``body`` that switches thinking
    headers: dict[str, str] = field(default_factory=dict)  # headers that carry no secret
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a provider handed back. Refusals, empty and cut-off texts are completions too."""

    text: str
    outcome: Outcome
    finish_reason: str
    thinking_text: str = ""
    thinking_kind: ThinkingKind = ThinkingKind.none
    reasoning_tokens: int | None = None  # None: not reported
    input_tokens: int | None = None
    output_tokens: int | None = None  # as billed, thinking included
    cached_tokens: int | None = None  # read from a cache, part of input_tokens
    cache_write_tokens: int | None = None  # written to a cache, part of input_tokens
    cost_usd: float | None = None  # what the provider itself says the call cost
    usage: dict[str, Any] = field(default_factory=dict)  # as received
    served_model: str = ""
    response_id: str = ""
    first_token_ms: int | None = None  # until the first text or thinking arrived
    total_ms: int = 0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model that can be put into a grid."""

    provider: str
    name: str  # the provider's own id
    title: str = ""

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.name}"


@dataclass(frozen=True, slots=True)
class ThinkingRule:
    """What one model takes, read from models.toml: setting → fields to send, or why not."""

    fields: Mapping[Thinking, dict[str, Any]]
    cannot: Mapping[Thinking, str]  # setting → the reason, as a sentence
    default: str = "unknown"  # what the model does when no field is sent: "off", "on", "unknown"
    temperature: bool = True  # False: the field must be left out
    note: str = ""

    def reason_against(self, thinking: Thinking) -> str:
        """Why ``thinking`` cannot be asked of this model; empty when it can."""
        return self.cannot.get(thinking, "")


class Provider(Protocol):
    """One API that can be called. Instances live as long as the server."""

    name: str
    title: str
    practice: bool
    price_list: str  # its id in genai-prices; empty: its prices are not in there

    def not_ready(self) -> str:
        """Empty when calls can be made, else the sentence that says what to do."""

    def rule(self, model: str) -> ThinkingRule:
        """What ``model`` can be asked with regard to thinking."""

    def prepare(self, call: Call) -> Request:
        """Build the request. Pure: no key, no network."""

    async def complete(self, request: Request) -> Completion:
        """Make the call. Raises ProviderError; a cancelled task closes the connection."""

    def known_models(self) -> list[ModelInfo]:
        """Models known without asking anybody."""

    async def list_models(self) -> list[ModelInfo]:
        """Ask the server. Raises ProviderError."""

    async def aclose(self) -> None:
        """Close connections."""
