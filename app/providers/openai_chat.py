"""OpenAI's Chat Completions, streamed: also the language of most other servers."""

from typing import Any

from app.providers.base import Call, Completion, Request, ThinkingKind
from app.providers.remote import RemoteProvider
from app.providers.reply import Reply, count, string, table
from app.providers.spec import ProviderSpec
from app.providers.sse import SseEvent
from app.providers.target import Target

DONE = "[DONE]"
TRUNCATED = ("length", "model_length", "max_tokens")
# Listed by OpenAI, and no partners for a conversation in text. A server in its place may list
# open models, of which nearly all that chat are named instruct.
NO_CHAT = (
    "*embedding*", "*moderation*", "*realtime*", "*audio*", "*transcribe*", "*image*", "*search*",
    "whisper*", "tts*", "dall-e*", "sora*", "babbage*", "davinci*", "gpt-*-instruct*",
    "computer-use*",
)  # fmt: skip


class ChatReply(Reply):
    """The chunks of one completion. Those who vary it override how a piece is taken."""

    failed: tuple[str, ...] = ("error",)  # finish reasons that mean an error

    def __init__(self, target: Target, kind: ThinkingKind) -> None:
        super().__init__(target)
        self.kind = kind  # of thinking text
        self.withheld = False  # thinking came whose text is not shown
        self._refusal: list[str] = []

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
        choice = next((c for c in map(table, choices) if not c.get("index")), {})
        self.take_delta(table(choice.get("delta")))
        self.finish_reason = string(choice.get("finish_reason")) or self.finish_reason
        if self.finish_reason in self.failed:
            raise self.failure({"message": f"it stopped with {self.finish_reason}"})

    def take_delta(self, delta: dict[str, Any]) -> None:
        # The same thinking may stand under both names: take it once.
        self.add(self.thinking, delta.get("reasoning_content") or delta.get("reasoning"))
        self.take_content(delta.get("content"))
        self.add(self._refusal, delta.get("refusal"))

    def take_content(self, content: object) -> None:
        self.add_content(content)

    def output_tokens(self) -> int | None:
        """What is billed, thinking included."""
        return count(self.usage, "completion_tokens")

    def cached_tokens(self) -> int | None:
        return count(self.usage, "prompt_tokens_details", "cached_tokens")

    def cost_usd(self) -> float | None:
        """What the API says that the call cost."""
        return None

    def completion(self) -> Completion:
        self.require_end(DONE)
        text, thinking = self.split_content()
        refusal = "".join(self._refusal)
        thought = count(self.usage, "completion_tokens_details", "reasoning_tokens")
        # A signature comes encrypted too where nothing was thought: a count of 0 says so.
        unseen = bool(thought) or (thought is None and self.withheld)
        hidden = ThinkingKind.hidden if unseen else ThinkingKind.none
        return Completion(
            text="\n\n".join(filter(None, [text, refusal])),
            outcome=self.outcome(
                text,
                truncated=self.finish_reason in TRUNCATED,
                refused=bool(refusal) or self.finish_reason == "content_filter",
            ),
            finish_reason=self.finish_reason,
            thinking_text=thinking,
            thinking_kind=self.kind if thinking else hidden,
            reasoning_tokens=thought,
            input_tokens=count(self.usage, "prompt_tokens"),
            cached_tokens=self.cached_tokens(),
            cache_write_tokens=count(self.usage, "prompt_tokens_details", "cache_write_tokens"),
            output_tokens=self.output_tokens(),
            cost_usd=self.cost_usd(),
            usage=self.usage,
            served_model=self.served_model,
            response_id=self.response_id,
        )


class ChatProvider(RemoteProvider):
    """POST /chat/completions: as it is, that of a server of one's own."""

    path = "/chat/completions"
    list_path = "/models"
    reply: type[ChatReply] = ChatReply

    def build(self, call: Call, thinking: dict[str, Any], temperature: float | None) -> Request:
        body: dict[str, Any] = {
            "model": call.model,
            "messages": call.messages,
            self._spec.token_limit: call.max_tokens,
            "stream": True,
        }
        if self._spec.stream_options:
            body["stream_options"] = {"include_usage": True}
        body |= thinking
        if temperature is not None:
            body["temperature"] = temperature
        return Request(self.path, body, thinking)

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.key() or self.endpoint.bearer()
        return {"authorization": f"Bearer {self.endpoint.checked(key)}"} if key else {}

    def new_reply(self, target: Target, call: Call | None) -> Reply:
        kind = self.rule(call.model).kind if call else None
        return self.reply(target, kind or self._spec.thinking_text)


class OpenAIChatProvider(ChatProvider):
    """OpenAI's older API: it never returns thinking text, only its count."""

    spec = ProviderSpec(
        name="openai-chat",
        title="OpenAI (Chat Completions)",
        account="openai",
        base_url="https://api.openai.com/v1",
        base_url_env=("OPENAI_BASE_URL",),
        key_env=("OPENAI_API_KEY",),
        headers_env={"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"},
        switch="effort",
        token_limit="max_completion_tokens",  # noqa: S106 - a field, no password
        # A server put in OpenAI's place by OPENAI_BASE_URL may return some.
        thinking_text=ThinkingKind.full,
        closes_alone=False,
        silence_s=600,  # hidden thinking streams nothing at all
        skip_models=NO_CHAT,
        rules="openai",
        no_levels=("max",),
        price_list="openai",
    )
