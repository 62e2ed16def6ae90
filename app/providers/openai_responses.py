"""OpenAI's Responses, streamed: the only one of its APIs that returns anything of the thinking."""

from dataclasses import replace
from typing import Any

from app.providers.base import Call, Completion, Request, ThinkingKind
from app.providers.openai_chat import ChatProvider, OpenAIChatProvider
from app.providers.reply import Reply, count, string, table
from app.providers.sse import SseEvent
from app.providers.target import Target
from app.providers.thinktags import ThinkTags

END = ("response.completed", "response.incomplete", "response.failed")


class OpenAIProvider(ChatProvider):
    """POST /responses."""

    path = "/responses"
    spec = replace(
        OpenAIChatProvider.spec,
        name="openai",
        title="OpenAI",
        switch="responses",
        no_levels=(),
        thinking_text=ThinkingKind.summary,
    )

    def build(self, call: Call, thinking: dict[str, Any], temperature: float | None) -> Request:
        body: dict[str, Any] = {"model": call.model}
        if call.system:
            body["instructions"] = call.system
        body |= {"input": call.user, "max_output_tokens": call.max_tokens}
        body |= {"store": False, "stream": True} | thinking
        if temperature is not None:
            body["temperature"] = temperature
        return Request(self.path, body, thinking)

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
        self._tags_in: dict[object, ThinkTags] = {}
        self._final: set[object] = set()  # those marked as the final answer
        self._aside: set[object] = set()  # those marked as something else
        self._refused = self._cut = False
        self._note = ""

    def take(self, event: SseEvent) -> None:
        data = self.parse(event)
        match string(data.get("type")):
            case "response.output_text.delta":
                self._say(data.get("output_index"), data.get("delta"))
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
                # Its type is the event's, and no word for what went wrong.
                raise self.failure(data.get("error") or data | {"type": None})
            case kind if kind in END:
                self._end(table(data.get("response")))

    def completion(self) -> Completion:
        self.require_end("response.completed")
        text, thinking = self.split_content()
        refusal = "".join(self._refusal)
        tokens = count(self.usage, "output_tokens_details", "reasoning_tokens")
        hidden = bool(tokens) or (tokens is None and self._thought)
        unseen = ThinkingKind.hidden if hidden else ThinkingKind.none
        seen = self._kind if self.thinking else ThinkingKind.full  # what stood in tags is the text
        return Completion(
            text=text or refusal,
            outcome=self.outcome(text, truncated=self._cut, refused=self._refused or bool(refusal)),
            finish_reason=self.finish_reason,
            note=self._note,
            thinking_text=thinking,
            thinking_kind=seen if thinking else unseen,
            reasoning_tokens=tokens,
            input_tokens=count(self.usage, "input_tokens"),
            cached_tokens=count(self.usage, "input_tokens_details", "cached_tokens"),
            cache_write_tokens=count(self.usage, "input_tokens_details", "cache_write_tokens"),
            output_tokens=count(self.usage, "output_tokens"),
            usage=self.usage,
            served_model=self.served_model,
            response_id=self.response_id,
        )

    def said(self) -> str:
        chosen = [m for m in self._messages if m in self._final] or list(self._messages)
        return "".join(piece for message in chosen for piece in self._messages[message])

    def split_content(self) -> tuple[str, str]:
        for position, tags in self._tags_in.items():
            self._add_to(position, *tags.finish())
        return super().split_content()

    def _say(self, position: object, value: object) -> None:
        """Text of a message; servers of open models may leave thinking in front of it."""
        if content := string(value):
            self.add([], content)  # counts as the first token even while a tag is being read
            tags = self._tags_in.setdefault(position, ThinkTags())
            self._add_to(position, *tags.feed(content))

    def _add_to(self, position: object, thinking: str, text: str) -> None:
        self.add(self._tagged, thinking)
        self.add(self._messages.setdefault(position, []), text)
        if text and position not in self._aside:
            self.tell(text)

    def _take_whole(self, output: object) -> None:
        """The texts of a response that came without deltas."""
        for position, item in enumerate(map(table, output if isinstance(output, list) else [])):
            content = item.get("content")
            for part in map(table, content if isinstance(content, list) else []):
                if item.get("type") == "message":
                    self._say(position, part.get("text"))
                    self.add(self._refusal, part.get("refusal"))

    def _start(self, item: dict[str, Any], position: object) -> None:
        self.tokens_seen = True
        self._thought = self._thought or item.get("type") == "reasoning"
        if phase := item.get("phase"):
            (self._final if phase == "final_answer" else self._aside).add(position)

    def _end(self, response: dict[str, Any]) -> None:
        self.done = True
        self.response_id = string(response.get("id"))
        self.served_model = string(response.get("model"))
        self.usage = table(response.get("usage"))
        status = string(response.get("status"))
        if not self._messages and not self._refusal:
            self._take_whole(response.get("output"))
        if status == "failed":
            error = table(response.get("error"))
            self.finish_reason = string(error.get("code"))
            # The prompt, or what came of it, was flagged.
            self._refused = self.finish_reason == "invalid_prompt" or "policy" in self.finish_reason
            if not self._refused:
                raise self.failure(error)
            self._note = string(error.get("message"))
        elif status == "incomplete":
            self.finish_reason = string(table(response.get("incomplete_details")).get("reason"))
            self._refused = self.finish_reason == "content_filter"
            self._cut = not self._refused
        else:
            self.finish_reason = status
