"""Newline-delimited JSON out of byte chunks, however the chunks are cut."""

from app.providers.sse import SseEvent


class NdjsonReader:
    """Feed it bytes, get one event per line. Cutting at LF bytes never cuts a character."""

    content_type = "application/x-ndjson"

    def __init__(self) -> None:
        self._line: list[bytes] = []  # pieces of a line whose end has not come yet

    def feed(self, chunk: bytes) -> list[SseEvent]:
        *ended, rest = chunk.split(b"\n")
        events = []
        for piece in ended:
            self._line.append(piece)
            events += self.finish()
        if rest:
            self._line.append(rest)
        return events

    def finish(self) -> list[SseEvent]:
        """The last line may lack its end; whether it is whole shows when it is parsed."""
        line = b"".join(self._line).decode("utf-8", "replace").strip(" \t\r")
        self._line.clear()
        return [SseEvent(line)] if line else []
