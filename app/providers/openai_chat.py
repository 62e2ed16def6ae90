"""OpenAI's Chat Completions, streamed: also the language of most other servers."""

from typing import Any

from app.providers.base import Call, Completion, Request, ThinkingKind
from app.providers.remote import RemoteProvider
from app.providers.reply import Reply, count, string, table
from app.providers.sse import SseEvent
from app.providers.target import Target

DONE = "[DONE]"
TRUNCATED = ("length", "model_length", "max_tokens")
FAILED = ("error", "insufficient_system_resource")


class ChatReply(Reply):
    """The chunks of one completion."""

    def __init__(
        self, target: Target, thinking_text: ThinkingKind, *, thinking_apart: bool = False
    ) -> None:
        super().__init__(target)
        self._kind = thinking_text
        self._thinking_apart = thinking_apart
        self._refusal: list[str] = []
        self._encrypted = False

    def take(self, event: SseEvent) -> None:
        if event.data.strip() == DONE:
            self.done = True
            return
        chunk = self.parse(event)
        if error := chunk.get("error") or (event.name == "error" and chunk):
            raise self.failure(error if isinstance(error, dict) else chunk)
        self.take_chunk(chunk)

    def take_chunk(self, chunk: dict[str, Any]) -> None:
        self.response_id = self.response_id or string(chunk.get("id"))
        self.served_model = self.served_model or string(chunk.get("model"))
        self.usage = table(chunk.get("usage")) or self.usage
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices:
            return  # the chunk that only carries the usage
        choice = table(choices[0])
        self._take_delta(table(choice.get("delta")))
        self.finish_reason = string(choice.get("finish_reason")) or self.finish_reason
        if self.finish_reason in FAILED:
            raise self.failure({"message": f"it stopped with {self.finish_reason}"})

    def completion(self) -> Completion:
        self.require_end(DONE)
        text, thinking = self.split_content()
        refusal = "".join(self._refusal)
        thought = count(self.usage, "completion_tokens_details", "reasoning_tokens")
        hidden = ThinkingKind.hidden if thought or self._encrypted else ThinkingKind.none
        return Completion(
            text=text or refusal,
            outcome=self.outcome(
                text,
                truncated=self.finish_reason in TRUNCATED,
                refused=bool(refusal) or self.finish_reason == "content_filter",
            ),
            finish_reason=self.finish_reason,
            thinking_text=thinking,
            thinking_kind=self._kind if thinking else hidden,
            reasoning_tokens=thought,
            input_tokens=count(self.usage, "prompt_tokens"),
            output_tokens=self._output_tokens(),
            usage=self.usage,
            served_model=self.served_model,
            response_id=self.response_id,
        )

    def _output_tokens(self) -> int | None:
        total, prompt = count(self.usage, "total_tokens"), count(self.usage, "prompt_tokens")
        if self._thinking_apart and total is not None and prompt is not None:
            return total - prompt
        return count(self.usage, "completion_tokens")

    def _take_delta(self, delta: dict[str, Any]) -> None:
        details = delta.get("reasoning_details")
        told = self._details(details) if isinstance(details, list) else ""
        # The same thinking may stand under several names: take it once.
        self.add(self.thinking, delta.get("reasoning_content") or delta.get("reasoning") or told)
        content = delta.get("content")
        for part in map(table, content) if isinstance(content, list) else ():
            inner = part.get("thinking")
            for thought in map(table, inner) if isinstance(inner, list) else ():
                self.add(self.thinking, thought.get("text"))
            self.add_content(part.get("text"))
        self.add_content(content)
        self.add(self._refusal, delta.get("refusal"))

    def _details(self, details: list[Any]) -> str:
        told = []
        for detail in map(table, details):
            kind = detail.get("type")
            if kind == "reasoning.encrypted":
                self._encrypted = True
            elif kind == "reasoning.summary":
                self._kind = ThinkingKind.summary
            told.append(string(detail.get("summary")) or string(detail.get("text")))
        return "".join(told)


class OpenAIChatProvider(RemoteProvider):
    """POST /chat/completions."""

    path = "/chat/completions"
    list_path = "/models"
    reply: type[ChatReply] = ChatReply

    def prepare(self, call: Call) -> Request:
        rule = self.model_rule(call.model)
        thinking = self._thinking_fields(call)
        messages = [{"role": "system", "content": call.system}] if call.system else []
        body: dict[str, Any] = {
            "model": call.model,
            "messages": [*messages, {"role": "user", "content": call.user}],
            self.spec.token_limit: call.max_tokens,
            "stream": True,
        }
        if self.spec.stream_options:
            body["stream_options"] = {"include_usage": True}
        body |= thinking
        if call.temperature is not None and rule.takes_temperature(call.thinking):
            body["temperature"] = call.temperature
        return Request(self.path, body, thinking, call=call)

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.key() or self.endpoint.bearer()
        return {"authorization": f"Bearer {self.endpoint.checked(key)}"} if key else {}

    def new_reply(self, target: Target, call: Call | None) -> Reply:
        rule = self.model_rule(call.model) if call else None
        kind = (rule and rule.thinking_text) or self.spec.thinking_text
        return self.reply(target, kind, thinking_apart=self.spec.thinking_apart)
