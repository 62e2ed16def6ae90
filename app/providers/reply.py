"""An answer while it streams in: what all protocols collect."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import perf_counter
from typing import Any

from app.errors import ProviderError
from app.providers.base import Call, Completion, Heard, Outcome, ThinkingRule
from app.providers.failures import stream_failure
from app.providers.hearing import discreet, may_think
from app.providers.received import Received
from app.providers.sse import SseEvent
from app.providers.target import Target
from app.providers.thinktags import ThinkTags, split_at_close


class Reply(ABC):
    """Takes the events of one stream, then becomes a Completion."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.done = False  # the terminal marker came
        self.tokens_seen = False  # something was generated: never call again by ourselves
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.finish_reason = ""
        self.served_model = ""
        self.response_id = ""
        self.usage: dict[str, Any] = {}
        self.first_token_ms: int | None = None
        self.total_ms = 0
        self.received = Received()
        self.closes_alone = False  # thinking may end in a tag that the server's template opened
        self._tags = ThinkTags()
        self._tagged: list[str] = []  # thinking that stood in <think> tags
        self._started = perf_counter()
        self._heard: Heard | None = None
        self._unsure = False  # what looks like text may turn out to be thinking

    def listen(
        self,
        heard: Heard | None,
        closes_alone: bool,
        call: Call | None,
        rule_of: Callable[[str], ThinkingRule],
    ) -> None:
        """Say how thinking may end, and who wants to hear the text while it comes."""
        self.closes_alone = closes_alone
        if heard is not None:
            self._heard = discreet(heard, self.target.secrets)
            self._unsure = closes_alone and may_think(call, rule_of)

    def receive(self, event: SseEvent) -> None:
        """Keep it as it came, and take it in. Raises ProviderError as ``take`` does."""
        self.received.add(event)
        self.take(event)
        self.total_ms = self.elapsed_ms()

    @abstractmethod
    def take(self, event: SseEvent) -> None:
        """Raises ProviderError for errors inside the stream."""

    @abstractmethod
    def completion(self) -> Completion:
        """Raises ProviderError when the answer did not come to its end."""

    def is_last(self, event: SseEvent) -> bool:
        """Whether the stream is over with this event, which has been taken."""
        return self.done

    @staticmethod
    def is_payload(event: SseEvent) -> bool:
        """Whether the event shows that the model is at work."""
        return True

    def add(self, pieces: list[str], value: object) -> None:
        """Keep a piece of text or thinking; anything but a text that says something is no piece."""
        if isinstance(value, str) and value:
            self.tokens_seen = True
            if self.first_token_ms is None:
                self.first_token_ms = self.elapsed_ms()
            pieces.append(value)
            if pieces is self.text:
                self.tell(value)

    def tell(self, piece: str) -> None:
        """Pass a piece of the answer's text on, unless it may be thinking."""
        if self._heard is None:
            return
        if self._unsure:
            if not self.thinking and not self._tagged:
                return
            self._unsure, piece = False, self.said()  # it thought elsewhere: this is text
        self._heard(piece)

    def add_content(self, value: object) -> None:
        """Text of servers that may leave thinking in it, as tags in front of the answer."""
        if content := string(value):
            self.add([], content)  # counts as the first token even while a tag is being read
            self._add_split(*self._tags.feed(content))

    def said(self) -> str:
        """The answer as far as it has come."""
        return "".join(self.text)

    def refused(self, error: ProviderError) -> Completion:
        """What is left when the provider's filter ended the call with an error."""
        return Completion(
            text=self.said(),
            outcome=Outcome.refused,
            finish_reason=error.code,
            note=error.message,
            usage=self.usage,
            served_model=self.served_model,
            response_id=self.response_id,
        )

    def split_content(self) -> tuple[str, str]:
        """The answer and the thinking, at the end."""
        self._add_split(*self._tags.finish())
        text, tagged = self.said(), "".join(self._tagged)
        if self.closes_alone and not tagged and not self.thinking:
            tagged, text = split_at_close(text)
        return text, ("".join(self.thinking) or tagged).strip()

    def continuation(self) -> dict[str, Any] | None:
        """The fields to ask again with, where an answer comes in several streams."""
        return None

    def failure(self, error: object) -> ProviderError:
        """An error object that came inside the stream."""
        return stream_failure(
            self.target.title, error, tokens_seen=self.tokens_seen, secrets=self.target.secrets
        )

    def timed(self, completion: Completion) -> Completion:
        completion.response = self.received.text()
        completion.first_token_ms = self.first_token_ms
        completion.total_ms = self.total_ms
        return completion

    def elapsed_ms(self) -> int:
        return round((perf_counter() - self._started) * 1000)

    def parse(self, event: SseEvent) -> dict[str, Any]:
        try:
            value = json.loads(event.data)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            text = f"sent an event that is not a JSON object: {event.data[:4000]}"
            raise self.target.failure("protocol", text)
        return value

    def require_end(self, marker: str) -> None:
        """A stream without its terminal marker is an error, even if text arrived."""
        if not self.done or not self.finish_reason:
            lacks = f"{marker} at the end" if not self.done else "the reason why it stopped"
            raise self.target.failure("protocol", f"ended its answer without {lacks}.")

    def _add_split(self, thinking: str, text: str) -> None:
        self.add(self._tagged, thinking)
        self.add(self.text, text)

    def outcome(self, text: str, *, truncated: bool, refused: bool) -> Outcome:
        if refused:
            return Outcome.refused
        if truncated:
            return Outcome.truncated
        return Outcome.answered if text.strip() else Outcome.empty


def string(value: object) -> str:
    return value if isinstance(value, str) else ""


def count(usage: Any, *path: str) -> int | None:
    """A counter inside the usage; None when it is not reported."""
    for key in path:
        usage = usage.get(key) if isinstance(usage, dict) else None
    return usage if isinstance(usage, int) and not isinstance(usage, bool) else None


def table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
