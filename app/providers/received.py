"""What a stream brought, as it came: to be looked at when an answer is odd."""

from collections import deque

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
