"""OpenAI's Chat Completions, streamed: also the language of most other servers."""

from typing import Any

from app.providers.base import Call, Completion, Request, ThinkingKind
from app.providers.failures import stream_failure
from app.providers.remote import RemoteProvider
from app.providers.reply import Reply, count, string, table
from app.providers.sse import SseEvent
from app.providers.target import Target
from app.providers.thinktags import ThinkTags, split_at_close

DONE = "[DONE]"
TRUNCATED = ("length", "model_length", "max_tokens")
FAILED = ("error", "insufficient_system_resource")


class OpenAIChatProvider(RemoteProvider):
    """POST /chat/completions."""

    path = "/chat/completions"
    list_path = "/models"

    def prepare(self, call: Call) -> Request:
        rule = self.model_rule(call.model)
        thinking = self._thinking_fields(call)
        messages = [{"role": "system", "content": call.system}] if call.system else []
        body: dict[str, Any] = {
            "model": call.model,
            "messages": [*messages, {"role": "user", "content": call.user}],
            self.spec.token_limit: call.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            **thinking,
        }
        if call.temperature is not None and rule.takes_temperature(call.thinking):
            body["temperature"] = call.temperature
        return Request(self.path, body, thinking, call=call)

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.key() or self.endpoint.bearer()
        return {"authorization": f"Bearer {self.endpoint.checked(key)}"} if key else {}

    def new_reply(self, target: Target, call: Call | None) -> Reply:
        rule = self.model_rule(call.model) if call else None
        return ChatReply(target, (rule and rule.thinking_text) or self.spec.thinking_text)


class ChatReply(Reply):
    """The chunks of one completion."""

    def __init__(self, target: Target, thinking_text: ThinkingKind) -> None:
        super().__init__(target)
        self._kind = thinking_text
        self._refusal: list[str] = []
        self._tagged: list[str] = []  # thinking that stood in <think> tags
        self._tags = ThinkTags()
        self._encrypted = False

    @staticmethod
    def is_last(event: SseEvent) -> bool:
        return event.data.strip() == DONE

    def take(self, event: SseEvent) -> None:
        if self.is_last(event):
            self.done = True
            return
        chunk = self.parse(event)
        if error := chunk.get("error") or (event.name == "error" and chunk):
            raise self._failure(error)
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
            raise self._failure({"message": f"it stopped with {self.finish_reason}"})

    def completion(self) -> Completion:
        self.require_end(DONE)
        self._take_content(*self._tags.finish())
        text, tagged = "".join(self.text), "".join(self._tagged)
        if not tagged and not self.thinking:
            tagged, text = split_at_close(text)
        thinking = ("".join(self.thinking) or tagged).strip()
        refusal = "".join(self._refusal)
        thought = count(self.usage, "completion_tokens_details", "reasoning_tokens")
        hidden = bool(thought) or self._encrypted
        return Completion(
            text=text or refusal,
            outcome=self.outcome(
                text,
                truncated=self.finish_reason in TRUNCATED,
                refused=bool(refusal) or self.finish_reason == "content_filter",
            ),
            finish_reason=self.finish_reason,
            thinking_text=thinking,
            thinking_kind=self._kind
            if thinking
            else ThinkingKind.hidden
            if hidden
            else ThinkingKind.none,
            reasoning_tokens=thought,
            input_tokens=count(self.usage, "prompt_tokens"),
            output_tokens=count(self.usage, "completion_tokens"),
            usage=self.usage,
            served_model=self.served_model,
            response_id=self.response_id,
        )

    def _take_delta(self, delta: dict[str, Any]) -> None:
        details = delta.get("reasoning_details")
        told = self._details(details) if isinstance(details, list) else ""
        # The same thinking may stand under several names: take it once.
        self.add(self.thinking, delta.get("reasoning_content") or delta.get("reasoning") or told)
        if content := string(delta.get("content")):
            self.add([], content)  # counts as the first token even while a tag is being read
            self._take_content(*self._tags.feed(content))
        self.add(self._refusal, delta.get("refusal"))

    def _take_content(self, thinking: str, text: str) -> None:
        self.add(self._tagged, thinking)
        self.add(self.text, text)

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

    def _failure(self, error: object) -> Exception:
        return stream_failure(
            self.target.title, error, tokens_seen=self.tokens_seen, secrets=self.target.secrets
        )
