"""Anthropic's Messages API, streamed."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from app.providers.base import Call, Completion, Request, ThinkingKind
from app.providers.catalogue import Rule
from app.providers.remote import RemoteProvider
from app.providers.reply import Reply, count, string, table
from app.providers.spec import ProviderSpec
from app.providers.sse import SseEvent
from app.providers.target import Target
from app.providers.thinking import LEVELS, Shape

VERSION = "2026-10-21"
VERSION_WITH_TEMPERATURE = "2023-06-01"  # the newer one refuses a temperature for every model
TRUNCATED = ("max_tokens", "model_context_window_exceeded", "pause_turn")


class AnthropicProvider(RemoteProvider):
    """POST /v1/messages."""

    path = "/v1/messages"
    list_path = "/v1/models?limit=1000"
    spec = ProviderSpec(
        name="anthropic",
        title="Anthropic",
        base_url="https://api.anthropic.com",
        base_url_env=("ANTHROPIC_BASE_URL",),
        key_env=("ANTHROPIC_API_KEY",),
        bearer_env=("ANTHROPIC_AUTH_TOKEN",),
        switch="adaptive",
        thinking_text=ThinkingKind.summary,
        closes_alone=False,
        price_list="anthropic",
    )

    def build(self, call: Call, thinking: dict[str, Any], temperature: float | None) -> Request:
        thinking = _with_room(thinking, call.max_tokens)
        body: dict[str, Any] = {"model": call.model, "max_tokens": call.max_tokens}
        if call.system:
            body["system"] = call.system
        body["messages"] = [{"role": "user", "content": call.user}]
        body |= {"stream": True} | thinking
        version = VERSION
        if temperature is not None:
            body["temperature"] = temperature
            version = VERSION_WITH_TEMPERATURE
        return Request(self.path, body, thinking, {"anthropic-version": version})

    def next_page(self, found: Any) -> str:
        last = string(table(found).get("last_id"))
        more = table(found).get("has_more") is True and last
        return f"{self.list_path}&after_id={quote(last, safe='')}" if more else ""

    def refined(self, rule: Rule, entry: dict[str, Any]) -> Rule:
        """``capabilities`` say per model which thinking types and efforts are accepted."""
        told = table(entry.get("capabilities"))
        thinking = table(told.get("thinking"))
        if thinking.get("supported") is False:
            return replace(rule, shape=Shape.never, levels=())
        types = _supported(thinking.get("types"))
        if not types:
            return rule
        if isinstance(told.get("effort"), dict):
            efforts = _supported(told["effort"])
            rule = replace(rule, levels=tuple(level for level in LEVELS if level in efforts))
        rule = replace(rule, switch="adaptive" if "adaptive" in types else "budget")
        if "disabled" in types or "between_tools" in types:
            shape = Shape.on if rule.shape is Shape.always else rule.shape
            off = rule.off if "disabled" in types else {"thinking": {"type": "between_tools"}}
            return replace(rule, shape=shape, off=off)
        # Where leaving the field out is off already, nothing needs to be disabled.
        left_out = rule.shape is Shape.off and rule.off == {}
        return rule if left_out else replace(rule, shape=Shape.always)

    def auth_headers(self) -> dict[str, str]:
        headers = {"anthropic-version": VERSION}
        if key := self.endpoint.key():
            headers["x-api-key"] = self.endpoint.checked(key)
        elif token := self.endpoint.bearer():  # both at once would be refused
            headers["authorization"] = f"Bearer {self.endpoint.checked(token)}"
        return headers

    def new_reply(self, target: Target, call: Call | None) -> Reply:
        return MessagesReply(target)


class MessagesReply(Reply):
    """The event stream of one message."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._note = ""
        self._withheld = False  # a thinking block came whose text is not shown

    @staticmethod
    def is_payload(event: SseEvent) -> bool:
        return event.name != "ping"

    def take(self, event: SseEvent) -> None:
        data = self.parse(event)
        match data.get("type"):
            case "message_start":
                message = table(data.get("message"))
                self.response_id = string(message.get("id"))
                self.served_model = string(message.get("model"))
                self._add_usage(message)
            case "content_block_start":
                self._start_block(table(data.get("content_block")))
            case "content_block_delta":
                delta = table(data.get("delta"))
                self.add_content(delta.get("text"))
                self.add(self.thinking, delta.get("thinking"))
            case "message_delta":
                delta = table(data.get("delta"))
                self.finish_reason = string(delta.get("stop_reason")) or self.finish_reason
                self._note = string(table(delta.get("stop_details")).get("explanation"))
                self._add_usage(data)
            case "message_stop":
                self.done = True
            case "error":
                raise self.failure(data.get("error"))

    def completion(self) -> Completion:
        self.require_end("message_stop")
        text, thinking = self.split_content()
        thought = count(self.usage, "output_tokens_details", "thinking_tokens")
        if thinking:  # what a server of open models leaves in tags is the text itself
            kind = ThinkingKind.summary if self.thinking else ThinkingKind.full
        else:
            kind = ThinkingKind.hidden if thought or self._withheld else ThinkingKind.none
        fresh = count(self.usage, "input_tokens")
        written = count(self.usage, "cache_creation_input_tokens")
        read = count(self.usage, "cache_read_input_tokens")
        return Completion(
            text=text,
            outcome=self.outcome(
                text,
                truncated=self.finish_reason in TRUNCATED,
                refused=self.finish_reason == "refusal",
            ),
            finish_reason=self.finish_reason,
            note=self._note,
            thinking_text=thinking,
            thinking_kind=kind,
            reasoning_tokens=thought,
            input_tokens=None if fresh is None else fresh + (written or 0) + (read or 0),
            cached_tokens=read,
            cache_write_tokens=written,
            output_tokens=count(self.usage, "output_tokens"),
            usage=self.usage,
            served_model=self.served_model,
            response_id=self.response_id,
        )

    def _start_block(self, block: dict[str, Any]) -> None:
        self.tokens_seen = True
        if block.get("type") in ("thinking", "redacted_thinking"):
            self._withheld = True
            if self.thinking:
                self.thinking.append("\n\n")  # between the summaries of two blocks
        self.add_content(block.get("text"))
        self.add(self.thinking, block.get("thinking"))

    def _add_usage(self, data: dict[str, Any]) -> None:
        """Counters in message_delta are cumulative and replace those of message_start."""
        usage = table(data.get("usage"))
        self.usage |= {name: value for name, value in usage.items() if value is not None}


def _with_room(thinking: dict[str, Any], max_tokens: int) -> dict[str, Any]:
    """A thinking budget must stay below the output cap; half of a small cap is left to answer."""
    field = thinking.get("thinking", {})
    if field.get("budget_tokens", 0) < max_tokens:
        return thinking
    return thinking | {"thinking": {**field, "budget_tokens": max(1024, max_tokens // 2)}}


def _supported(told: object) -> set[str]:
    """The names under which an object says ``{"supported": true}``."""
    return {name for name, value in table(told).items() if table(value).get("supported") is True}
