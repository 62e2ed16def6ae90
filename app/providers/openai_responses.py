"""OpenAI's Responses, streamed: the only one of its APIs that returns anything of the thinking."""

from dataclasses import replace
from typing import Any

from app.providers.base import Call, Completion, Request, ThinkingKind
from app.providers.catalogue import ModelRule
from app.providers.openai_chat import OpenAIChatProvider
from app.providers.reply import Reply, count, string, table
from app.providers.sse import SseEvent
from app.providers.target import Target

END = ("response.completed", "response.incomplete", "response.failed")


class OpenAIResponsesProvider(OpenAIChatProvider):
    """POST /responses. Its rules are those of Chat Completions, put into its own words."""

    path = "/responses"

    def prepare(self, call: Call) -> Request:
        rule = self.model_rule(call.model)
        thinking = self._thinking_fields(call)
        body: dict[str, Any] = {"model": call.model}
        if call.system:
            body["instructions"] = call.system
        body |= {"input": call.user, "max_output_tokens": call.max_tokens}
        body |= {"store": False, "stream": True} | thinking
        if call.temperature is not None and rule.takes_temperature(call.thinking):
            body["temperature"] = call.temperature
        return Request(self.path, body, thinking, call=call)

    def model_rule(self, model: str) -> ModelRule:
        rule = super().model_rule(model)
        fields = {setting: _reasoning(given) for setting, given in rule.thinking.fields.items()}
        return replace(rule, thinking=replace(rule.thinking, fields=fields))

    def new_reply(self, target: Target, call: Call | None) -> Reply:
        return ResponsesReply(target)


class ResponsesReply(Reply):
    """The events of one response."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._kind = ThinkingKind.summary
        self._thought = False  # a reasoning item came, with or without a summary
        self._refusal: list[str] = []
        self._messages: dict[object, list[str]] = {}  # their texts, by position in the output
        self._final: set[object] = set()  # those marked as the final answer
        self._refused = self._cut = False

    def take(self, event: SseEvent) -> None:
        data = self.parse(event)
        match string(data.get("type")):
            case "response.output_text.delta":
                self.add(self._messages.setdefault(data.get("output_index"), []), data.get("delta"))
            case "response.refusal.delta":
                self.add(self._refusal, data.get("delta"))
            case "response.reasoning_summary_part.added":
                if self.thinking:
                    self.thinking.append("\n\n")
            case "response.reasoning_summary_text.delta":
                self.add(self.thinking, data.get("delta"))
            case "response.reasoning_text.delta":  # servers of open models
                self._kind = ThinkingKind.full
                self.add(self.thinking, data.get("delta"))
            case "response.output_item.added":
                self._start(table(data.get("item")), data.get("output_index"))
            case "error":
                raise self.failure(data.get("error") or data)
            case kind if kind in END:
                self._end(table(data.get("response")))

    def completion(self) -> Completion:
        self.require_end("response.completed")
        chosen = [m for m in self._messages if m in self._final] or list(self._messages)
        text = "".join(piece for message in chosen for piece in self._messages[message])
        refusal, thinking = "".join(self._refusal), "".join(self.thinking).strip()
        tokens = count(self.usage, "output_tokens_details", "reasoning_tokens")
        hidden = bool(tokens) or (tokens is None and self._thought)
        unseen = ThinkingKind.hidden if hidden else ThinkingKind.none
        return Completion(
            text=text or refusal,
            outcome=self.outcome(text, truncated=self._cut, refused=self._refused or bool(refusal)),
            finish_reason=self.finish_reason,
            thinking_text=thinking,
            thinking_kind=self._kind if thinking else unseen,
            reasoning_tokens=tokens,
            input_tokens=count(self.usage, "input_tokens"),
            output_tokens=count(self.usage, "output_tokens"),
            usage=self.usage,
            served_model=self.served_model,
            response_id=self.response_id,
        )

    def _start(self, item: dict[str, Any], position: object) -> None:
        self.tokens_seen = True
        self._thought = self._thought or item.get("type") == "reasoning"
        if item.get("phase") == "final_answer":
            self._final.add(position)

    def _end(self, response: dict[str, Any]) -> None:
        self.done = True
        self.response_id = string(response.get("id"))
        self.served_model = string(response.get("model"))
        self.usage = table(response.get("usage"))
        status = string(response.get("status"))
        if status == "failed":
            error = table(response.get("error"))
            self.finish_reason = string(error.get("code"))
            # The prompt, or what came of it, was flagged.
            self._refused = self.finish_reason == "invalid_prompt" or "policy" in self.finish_reason
            if not self._refused:
                raise self.failure(error)
        elif status == "incomplete":
            self.finish_reason = string(table(response.get("incomplete_details")).get("reason"))
            self._refused = self.finish_reason == "content_filter"
            self._cut = not self._refused
        else:
            self.finish_reason = status


def _reasoning(fields: dict[str, Any]) -> dict[str, Any]:
    """``reasoning_effort`` of Chat Completions as this API has it, with a summary to be shown."""
    fields = dict(fields)
    effort = fields.pop("reasoning_effort", None)
    if effort is None:
        return fields
    summary = {} if effort == "none" else {"summary": "auto"}
    return fields | {"reasoning": {"effort": effort} | summary}
