"""Ollama's own chat API, streamed as lines of JSON."""

from typing import Any

from app.providers.base import Call, Completion, ModelInfo, Request, ThinkingKind
from app.providers.ndjson import NdjsonReader
from app.providers.openai_chat import OpenAIChatProvider
from app.providers.reply import Reply, count, string, table
from app.providers.sse import SseEvent
from app.providers.target import Target


class OllamaProvider(OpenAIChatProvider):
    """POST /api/chat. A key is needed only for Ollama's cloud, and sent as OpenAI's would be."""

    path = "/api/chat"
    list_path = "/api/tags"
    reader = NdjsonReader

    def prepare(self, call: Call) -> Request:
        rule = self.model_rule(call.model)
        thinking = self._thinking_fields(call)
        options: dict[str, Any] = {"num_predict": call.max_tokens}
        if call.temperature is not None and rule.takes_temperature(call.thinking):
            options["temperature"] = call.temperature
        messages = [{"role": "system", "content": call.system}] if call.system else []
        body = {
            "model": call.model,
            "messages": [*messages, {"role": "user", "content": call.user}],
            "stream": True,
            "options": options,
            **thinking,
        }
        return Request(self.path, body, thinking, call=call)

    def new_reply(self, target: Target, call: Call | None) -> Reply:
        return OllamaReply(target)

    def listed(self, found: Any) -> list[Any] | None:
        models = table(found).get("models")
        return models if isinstance(models, list) else None

    def model_info(self, entry: Any) -> ModelInfo | None:
        model = table(entry)
        name = string(model.get("model")) or string(model.get("name"))
        return ModelInfo(self.name, name) if name else None


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
