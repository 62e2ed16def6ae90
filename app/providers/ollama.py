"""Ollama's own chat API, streamed as lines of JSON."""

import asyncio
from dataclasses import replace
from typing import Any

from app.errors import ProviderError
from app.providers.base import Call, Completion, ModelInfo, Request, ThinkingKind
from app.providers.catalogue import Rule
from app.providers.ndjson import NdjsonReader
from app.providers.openai_chat import ChatProvider
from app.providers.reply import Reply, count, string, table
from app.providers.spec import ProviderSpec
from app.providers.sse import SseEvent
from app.providers.target import Target
from app.providers.thinking import Shape, Thinking

SHOWN_AT_ONCE = 4
CHARACTERS_A_TOKEN = 2  # rather too few
ANSWER_ROOM, CONTEXT_STEP = 8192, 4096  # tokens
OLLAMA_LEVELS = (Thinking.low, Thinking.medium, Thinking.high, Thinking.max)


class OllamaProvider(ChatProvider):
    """POST /api/chat. A key is needed only for Ollama's cloud, and sent as OpenAI's would be."""

    path = "/api/chat"
    list_path = "/api/tags"
    reader = NdjsonReader
    spec = ProviderSpec(
        name="ollama",
        title="Ollama",
        base_url="http://127.0.0.1:{port}",
        base_url_env=("OLLAMA_HOST",),
        base_url_form="host",
        key_env=("OLLAMA_API_KEY",),  # of its cloud
        key_optional=True,
        ports=(11434,),
        switch="think",
        silence_s=600,  # the first call loads the model
        skip_models=("*embed*",),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._shown: dict[str, Any] = {}  # capabilities by digest, which never change

    def build(self, call: Call, thinking: dict[str, Any], temperature: float | None) -> Request:
        options: dict[str, Any] = {"num_predict": call.max_tokens, "num_ctx": _context(call)}
        if temperature is not None:
            options["temperature"] = temperature
        body = {
            "model": call.model,
            "messages": call.messages,
            "stream": True,
            "options": options,
            **thinking,
        }
        return Request(self.path, body, thinking)

    async def described(
        self, base_url: str, entries: list[dict[str, Any]], timeout_s: float
    ) -> list[dict[str, Any]]:
        """Whether a model can think is told for each model apart."""
        gate = asyncio.Semaphore(SHOWN_AT_ONCE)
        target = self._target(f"{base_url}/api/show", {})

        async def describe(entry: dict[str, Any]) -> dict[str, Any]:
            name = string(entry.get("model")) or string(entry.get("name"))
            digest = string(entry.get("digest")) or name
            if name and digest not in self._shown:
                try:
                    async with gate:
                        shown = await self._http.json(target, timeout_s, {"model": name})
                except ProviderError as error:
                    if error.kind != "not_found":  # an older server cannot tell, and never will
                        return entry
                    shown = None
                self._shown[digest] = table(shown).get("capabilities")
            return entry | {"capabilities": self._shown.get(digest)}

        return list(await asyncio.gather(*map(describe, entries)))

    def refined(self, rule: Rule, entry: dict[str, Any]) -> Rule:
        told = entry.get("capabilities")
        if not isinstance(told, list) or not told:
            return rule
        if "thinking" not in told:
            return replace(rule, shape=Shape.never, levels=())
        can = rule.shape in (Shape.unknown, Shape.never)  # left alone, such a model thinks
        return replace(rule, shape=Shape.on, levels=OLLAMA_LEVELS) if can else rule

    def new_reply(self, target: Target, call: Call | None) -> Reply:
        return OllamaReply(target)

    def listed(self, found: Any) -> list[Any] | None:
        models = table(found).get("models")
        return models if isinstance(models, list) else None

    def model_info(self, entry: dict[str, Any]) -> ModelInfo | None:
        name = string(entry.get("model")) or string(entry.get("name"))
        return ModelInfo(self.name, name) if name else None


def _context(call: Call) -> int:
    """Tokens for the prompt and its answer: the server's own default may cut a prompt silently.

    Rounded, so that a model is not loaded anew for each length; not the whole output cap, which a
    small machine may have no room for.
    """
    prompt = (len(call.system) + len(call.user)) // CHARACTERS_A_TOKEN + 1
    return -(-(prompt + min(call.max_tokens, ANSWER_ROOM)) // CONTEXT_STEP) * CONTEXT_STEP


class OllamaReply(Reply):
    """The lines of one answer; the last one says ``done`` and holds the counts."""

    def take(self, event: SseEvent) -> None:
        line = self.parse(event)
        if error := line.get("error"):
            raise self.failure(error)
        self.served_model = self.served_model or string(line.get("model"))
        message = table(line.get("message"))
        self.add(self.thinking, message.get("thinking"))
        self.add_content(message.get("content"))
        if line.get("done") is True:
            self.done = True
            self.finish_reason = string(line.get("done_reason"))
            self.usage = {name: n for name in line if (n := count(line, name)) is not None}

    def completion(self) -> Completion:
        self.require_end('a line with "done"')
        text, thinking = self.split_content()
        return Completion(
            text=text,
            outcome=self.outcome(text, truncated=self.finish_reason == "length", refused=False),
            finish_reason=self.finish_reason,
            thinking_text=thinking,
            thinking_kind=ThinkingKind.full if thinking else ThinkingKind.none,
            input_tokens=count(self.usage, "prompt_eval_count"),
            output_tokens=count(self.usage, "eval_count"),
            usage=self.usage,
            served_model=self.served_model,
        )
