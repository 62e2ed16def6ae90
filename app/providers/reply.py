"""An answer while it streams in: what both protocols collect."""

import json
from abc import ABC, abstractmethod
from time import perf_counter
from typing import Any

from app.providers.base import Completion, Outcome
from app.providers.sse import SseEvent
from app.providers.target import Target


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
        self._started = perf_counter()

    @abstractmethod
    def take(self, event: SseEvent) -> None:
        """Raises ProviderError for errors inside the stream."""

    @abstractmethod
    def completion(self) -> Completion:
        """Raises ProviderError when the answer did not come to its end."""

    @staticmethod
    @abstractmethod
    def is_last(event: SseEvent) -> bool:
        """Whether the stream is over with this event."""

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

    def elapsed_ms(self) -> int:
        return round((perf_counter() - self._started) * 1000)

    def parse(self, event: SseEvent) -> dict[str, Any]:
        try:
            value = json.loads(event.data)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            text = f"sent an event that is not a JSON object: {event.data[:200]}"
            raise self.target.failure("protocol", text)
        return value

    def require_end(self, marker: str) -> None:
        """A stream without its terminal marker is an error, even if text arrived."""
        if not self.done or not self.finish_reason:
            lacks = f"{marker} at the end" if not self.done else "the reason why it stopped"
            raise self.target.failure("protocol", f"ended its answer without {lacks}.")

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
