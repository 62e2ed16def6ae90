"""What came from a provider: the stream as it was, and none of our keys in any of it."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from app.providers.base import Completion
from app.providers.masking import mask_exact
from app.providers.sse import SseEvent

KEPT = 8_000  # characters from the beginning, and as many from the end


class Received:
    """The events of a stream, one on a line, with their names.

    Of a long stream the middle is left out: a model that thinks sends a hundred times as much as
    it says.
    """

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque()
        self._room = KEPT
        self._held = self._left_out = 0

    def add(self, event: SseEvent) -> None:
        line = f"{event.name}: {event.data}" if event.name else event.data
        if self._room > 0:
            self._first.append(line[:KEPT])
            self._left_out += max(len(line) - KEPT, 0)
            self._room -= len(line)
            return
        self._last.append(line[-KEPT:])
        self._left_out += max(len(line) - KEPT, 0)
        self._held += len(self._last[-1])
        while self._held - len(self._last[0]) >= KEPT:
            gone = len(self._last.popleft())
            self._held -= gone
            self._left_out += gone

    def text(self) -> str:
        left_out = [f"… {self._left_out:,} characters are not kept …"] if self._left_out else []
        return "\n".join([*self._first, *left_out, *self._last])


def without_secrets(completion: Completion, secrets: Sequence[str]) -> Completion:
    """A server may echo our headers; keys must not reach the database that way either."""

    def clean(text: str) -> str:
        return mask_exact(text, secrets, shortest=16)

    usage = json.dumps(completion.usage)
    if not any(secret in text for secret in secrets for text in (*_texts(completion), usage)):
        return completion  # as nearly always: cleaning takes as long as reading the answer
    cleaned: dict[str, Any] = {name: clean(getattr(completion, name)) for name in _TEXTS}
    return replace(completion, **cleaned, usage=json.loads(clean(usage)))


_TEXTS = (
    "text", "note", "thinking_text", "finish_reason", "served_model", "response_id", "response",
)  # fmt: skip
_texts = attrgetter(*_TEXTS)
