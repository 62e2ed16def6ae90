"""Google's Gemini API, streamed."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from app.providers.base import (
    Call,
    Completion,
    ModelInfo,
    Request,
    ThinkingKind,
    ThinkingRule,
)
from app.providers.catalogue import Rule
from app.providers.gemini_reader import GeminiReader
from app.providers.remote import RemoteProvider
from app.providers.reply import Reply, count, string, table
from app.providers.spec import ProviderSpec
from app.providers.sse import SseEvent
from app.providers.target import Target
from app.providers.thinking import Shape

MAX_CONTINUATIONS = 8
GO_ON = "CONTINUATION"  # the limit of one request was reached, the answer is not over
ENDS = ("STOP", "MAX_TOKENS", GO_ON)
REFUSALS = (
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
)  # fmt: skip


class GeminiProvider(RemoteProvider):
    """POST /v1/models/…:streamGenerateContent."""

    list_path = "/v1/models?pageSize=1000"
    reader = GeminiReader
    spec = ProviderSpec(
        name="gemini",
        title="Google Gemini",
        base_url="https://generativelanguage.googleapis.com",
        base_url_env=("GOOGLE_GEMINI_BASE_URL",),
        key_env=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        switch="thinking-level",
        thinking_text=ThinkingKind.summary,
        closes_alone=False,
        silence_s=300,
        skip_models=(
            "*embedding*", "*image*", "*tts*", "*audio*", "*live*", "*robotics*",
            "*computer-use*", "imagen*", "veo*", "lyria*", "aqa",
        ),
        price_list="google",
    )  # fmt: skip

    def build(self, call: Call, thinking: dict[str, Any], temperature: float | None) -> Request:
        config = {"maxOutputTokens": call.max_tokens} | thinking
        if temperature is not None:
            config["temperature"] = temperature
        body: dict[str, Any] = {}
        user, name = call.user, _bare(call.model)
        if call.system and name.lower().startswith("gemma"):  # these take no system text
            user = f"{call.system}\n\n{user}"
        elif call.system:
            body["systemInstruction"] = {"parts": [{"text": call.system}]}
        body["contents"] = [{"role": "user", "parts": [{"text": user}]}]
        body["generationConfig"] = config
        version = "v1beta" if name.endswith("-latest") else "v1"  # aliases exist only there
        path = f"/{version}/models/{quote(name, safe='')}:streamGenerateContent?alt=sse"
        return Request(path, body, thinking)

    def rule(self, model: str) -> ThinkingRule:
        return super().rule(_bare(model))

    def refined(self, rule: Rule, entry: dict[str, Any]) -> Rule:
        """``thinking`` in the list is false for models that cannot."""
        never = entry.get("thinking") is False
        return replace(rule, shape=Shape.never, levels=()) if never else rule

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.key()
        return {"x-goog-api-key": self.endpoint.checked(key)} if key else {}

    def new_reply(self, target: Target, call: Call | None) -> Reply:
        return GeminiReply(target)

    def listed(self, found: Any) -> list[Any] | None:
        models = table(found).get("models")
        return models if isinstance(models, list) else None

    def next_page(self, found: Any) -> str:
        token = string(table(found).get("nextPageToken"))
        return f"{self.list_path}&pageToken={quote(token, safe='')}" if token else ""

    def model_info(self, entry: dict[str, Any]) -> ModelInfo | None:
        name = _bare(string(entry.get("name")))
        if not name or "generateContent" not in (entry.get("supportedGenerationMethods") or []):
            return None
        return ModelInfo(self.name, name, string(entry.get("displayName")))


class GeminiReply(Reply):
    """The chunks of one answer. It ends with the stream, which must have said why."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._blocked = False  # the prompt was
        self._said = ""
        self._token = self._last_token = ""
        self._before: list[dict[str, Any]] = []  # the usage of the streams before this one

    def is_last(self, event: SseEvent) -> bool:
        return False

    def take(self, event: SseEvent) -> None:
        chunk = self.parse(event)
        if "error" in chunk:
            raise self.failure(chunk["error"])
        self.response_id = self.response_id or string(chunk.get("responseId"))
        self.served_model = self.served_model or string(chunk.get("modelVersion"))
        self.usage = table(chunk.get("usageMetadata")) or self.usage
        if reason := string(table(chunk.get("promptFeedback")).get("blockReason")):
            self.finish_reason, self.done, self._blocked = reason, True, True
        candidates = chunk.get("candidates")
        if isinstance(candidates, list) and candidates:
            self._take_candidate(table(candidates[0]))

    def continuation(self) -> dict[str, Any] | None:
        token = self._token
        if self.finish_reason != GO_ON or len(self._before) >= MAX_CONTINUATIONS:
            return None
        if not token or token == self._last_token:
            return None
        self._last_token, self._token = token, ""
        self._before.append(self.usage)
        self.done, self.finish_reason, self.usage = False, "", {}
        self.tokens_seen = True
        return {"continuationToken": token}

    def completion(self) -> Completion:
        self.require_end("finishReason")
        if self.finish_reason not in (*ENDS, *REFUSALS) and not self._blocked:
            said = f"stopped with {self.finish_reason}. {self._said}"
            raise self.target.failure("server", said)  # which asking again would not change
        usage = _sum([*self._before, self.usage]) if self._before else self.usage
        text, thinking = "".join(self.text), "".join(self.thinking).strip()
        thought = count(usage, "thoughtsTokenCount")
        read, total = count(usage, "promptTokenCount"), count(usage, "totalTokenCount")
        outputs = [n for n in (count(usage, "candidatesTokenCount"), thought) if n is not None]
        if not outputs and read is not None and total is not None:
            outputs = [total - read]  # a counter of 0 is left out, as after a blocked prompt
        hidden = ThinkingKind.hidden if thought else ThinkingKind.none
        return Completion(
            text=text,
            outcome=self.outcome(
                text,
                truncated=self.finish_reason in ("MAX_TOKENS", GO_ON),
                refused=self._blocked or self.finish_reason in REFUSALS,
            ),
            finish_reason=self.finish_reason,
            note=self._said,
            thinking_text=thinking,
            thinking_kind=ThinkingKind.summary if thinking else hidden,
            reasoning_tokens=thought,
            input_tokens=read,
            cached_tokens=count(usage, "cachedContentTokenCount"),
            output_tokens=sum(outputs) if outputs else None,
            usage=usage,
            served_model=self.served_model,
            response_id=self.response_id,
        )

    def _take_candidate(self, candidate: dict[str, Any]) -> None:
        parts = table(candidate.get("content")).get("parts")
        for part in map(table, parts if isinstance(parts, list) else []):
            pieces = self.thinking if part.get("thought") is True else self.text
            self.add(pieces, part.get("text"))
        self._token = string(candidate.get("continuationToken")) or self._token
        if reason := string(candidate.get("finishReason")):
            self.finish_reason, self.done = reason, True
            self._said = string(candidate.get("finishMessage"))


def _bare(model: str) -> str:
    """A model's id; Google's own lists and documents write more in front of it."""
    return model.removeprefix("models/")


def _sum(usages: list[dict[str, Any]]) -> dict[str, Any]:
    """Each stream counts itself, so the counters of all are added; of the rest, the last holds."""
    total: dict[str, Any] = {}
    for name in {name: None for usage in usages for name in usage}:
        numbers = [n for usage in usages if (n := count(usage, name)) is not None]
        total[name] = sum(numbers) if numbers else usages[-1].get(name)
    return total
