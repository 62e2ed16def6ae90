"""What a provider is: a call's values in, a Completion out.

An adapter turns a :class:`Call` into a :class:`Request` (pure, so that the compose page can show
exactly what would be sent) and a request into a :class:`Completion` (over the wire). Nothing here
knows the database or the web.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from app.providers.target import Limits
from app.providers.thinking import Thinking, ThinkingKind, ThinkingRule

Heard = Callable[[str], None]  # takes a piece of an answer's text as soon as it is there


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

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation as OpenAI's and many other APIs take it."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": self.user}]


@dataclass(frozen=True, slots=True)
class Request:
    """What will go over the wire, without keys: safe to show, store and export."""

    path: str
    body: dict[str, Any]
    thinking_sent: dict[str, Any]  # the part of ``body`` that switches thinking
    headers: dict[str, str] = field(default_factory=dict)  # headers that carry no secret
    temperature_sent: float | None = None
    temperature_note: str = ""  # a sentence where it was left out, or is known to be ignored
    adaptive: bool = False  # thinking "on" lets the model decide
    call: Call | None = None


@dataclass(slots=True)
class Completion:
    """What a provider handed back. Refusals, empty and cut-off texts are completions too."""

    text: str
    outcome: Outcome
    finish_reason: str
    note: str = ""  # what the provider said about a refusal, in its own words
    thinking_text: str = ""
    thinking_kind: ThinkingKind = ThinkingKind.none
    reasoning_tokens: int | None = None  # None: not reported
    input_tokens: int | None = None
    cached_tokens: int | None = None  # of the input tokens, read from a cache
    cache_write_tokens: int | None = None  # of the input tokens, written into a cache
    output_tokens: int | None = None  # as billed, thinking included
    cost_usd: float | None = None  # only where the API itself says what the call cost
    usage: dict[str, Any] = field(default_factory=dict)  # as received
    served_model: str = ""
    response_id: str = ""
    response: str = ""  # the stream as it came, without the middle of a long one
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
class Status:
    """What the Models page says of a provider beside its models."""

    address: str = ""  # the base URL in use
    key_optional: bool = False  # a server of one's own, which may be asked without a key
    listed: bool = False  # the server itself has listed its models
    key_in: str = ""  # the variable in which its key was found
    set_up: bool = False  # somebody gave it a key or an address
    list_error: str = ""  # why it could not be asked for its models the last time
    limits: Limits = field(default_factory=Limits)


class Provider(Protocol):
    """One API that can be called. Instances live as long as the server."""

    name: str
    title: str
    account: str  # what its limits are kept under; providers that share a key share it
    practice: bool
    price_list: str  # its name in genai-prices; empty: no list prices are known

    def not_ready(self) -> str:
        """Empty when calls can be made, else the sentence that says what to do."""

    def status(self) -> Status:
        """Where it is and what it said lately. Asks nobody."""

    def rule(self, model: str) -> ThinkingRule:
        """What ``model`` can be asked with regard to thinking and temperature."""

    def prepare(self, call: Call) -> Request:
        """Build the request. Pure: no key, no network. What the rule advises against is built too:
        whether to ask for it is decided where a grid is planned."""

    async def complete(self, request: Request, heard: Heard | None = None) -> Completion:
        """Make the call. Raises ProviderError; a cancelled task closes the connection.

        ``heard`` is called in the event loop with each piece of the answer's text, thinking left
        out. Where an answer comes in one piece it need not be.
        """

    def known_models(self) -> list[ModelInfo]:
        """Models known without asking anybody."""

    async def list_models(self) -> list[ModelInfo]:
        """Ask the server. Raises ProviderError."""

    async def aclose(self) -> None:
        """Close connections."""


__all__ = [
    "Call", "Completion", "Heard", "ModelInfo", "Outcome", "Provider", "Request",
    "Status", "Thinking", "ThinkingKind", "ThinkingRule",
]  # fmt: skip
