"""Anthropic's Messages API, streamed."""

from typing import Any

from app.providers.base import Call, Completion, Request, ThinkingKind
from app.providers.remote import RemoteProvider
from app.providers.reply import Reply, count, string, table
from app.providers.sse import SseEvent
from app.providers.target import Target

VERSION = "2026-10-21"
VERSION_WITH_TEMPERATURE = "2023-06-01"  # the newer one refuses a temperature for every model
TRUNCATED = ("max_tokens", "model_context_window_exceeded", "pause_turn")


class AnthropicProvider(RemoteProvider):
    """POST /v1/messages."""

    path = "/v1/messages"
    list_path = "/v1/models?limit=1000"

    def prepare(self, call: Call) -> Request:
        rule = self.model_rule(call.model)
        thinking = self._thinking_fields(call)
        _fit_budget(thinking, call.max_tokens)
        body: dict[str, Any] = {"model": call.model, "max_tokens": call.max_tokens}
        if call.system:
            body["system"] = call.system
        body["messages"] = [{"role": "user", "content": call.user}]
        body |= {"stream": True} | thinking
        version = VERSION
        if call.temperature is not None and rule.takes_temperature(call.thinking):
            body["temperature"] = call.temperature
            version = VERSION_WITH_TEMPERATURE
        return Request(self.path, body, thinking, {"anthropic-version": version}, call)

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
                self.add(self.text, delta.get("text"))
                self.add(self.thinking, delta.get("thinking"))
            case "message_delta":
                self.finish_reason = string(table(data.get("delta")).get("stop_reason"))
                self._add_usage(data)
            case "message_stop":
                self.done = True
            case "error":
                raise self.failure(data.get("error"))

    def completion(self) -> Completion:
        self.require_end("message_stop")
        text, thinking = "".join(self.text), "".join(self.thinking).strip()
        thought = count(self.usage, "output_tokens_details", "thinking_tokens")
        if thinking:
            kind = ThinkingKind.summary
        else:
            kind = ThinkingKind.hidden if thought or self._withheld else ThinkingKind.none
        inputs = [
            count(self.usage, name)
            for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        ]
        return Completion(
            text=text,
            outcome=self.outcome(
                text,
                truncated=self.finish_reason in TRUNCATED,
                refused=self.finish_reason == "refusal",
            ),
            finish_reason=self.finish_reason,
            thinking_text=thinking,
            thinking_kind=kind,
            reasoning_tokens=thought,
            input_tokens=None if inputs[0] is None else sum(n or 0 for n in inputs),
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
        self.add(self.text, block.get("text"))
        self.add(self.thinking, block.get("thinking"))

    def _add_usage(self, data: dict[str, Any]) -> None:
        """Counters in message_delta are cumulative and replace those of message_start."""
        usage = table(data.get("usage"))
        self.usage |= {name: value for name, value in usage.items() if value is not None}


def _fit_budget(thinking: dict[str, Any], max_tokens: int) -> None:
    """A thinking budget must stay below the output cap; half of a small cap is left to answer."""
    field = thinking.get("thinking", {})
    if field.get("budget_tokens", 0) >= max_tokens:
        thinking["thinking"] = {**field, "budget_tokens": max(1024, max_tokens // 2)}
