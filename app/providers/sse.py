"""Server-sent events out of byte chunks, however the chunks are cut.

Lines end at CR, LF or CRLF and nowhere else: U+2028, U+0085 and the like stand raw inside JSON
texts, so str.splitlines() would break them. Characters may be split over chunks.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Protocol

_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event of a stream. ``name`` is empty when the stream names none."""

    data: str
    name: str = ""


class StreamReader(Protocol):
    """What turns the bytes of an answer into events."""

    content_type: str

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that are complete with this chunk."""

    def finish(self) -> list[SseEvent]:
        """What is left when the stream has ended."""


class SseReader:
    """Feed it bytes, get the events that are complete."""

    content_type = "text/event-stream"

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._line: list[str] = []  # pieces of a line whose end has not come yet
        self._data: list[str] = []
        self._name = ""
        self._after_cr = (
            False  # a chunk ended with CR: an LF at the start of the next belongs to it
        )
        self._at_start = True

    def feed(self, chunk: bytes) -> list[SseEvent]:
        text = self._decode(chunk)
        if not text:
            return []
        if self._at_start:
            self._at_start = False
            text = text.removeprefix("\ufeff")
        if self._after_cr:
            text = text.removeprefix("\n")
        # An empty text here is the LF just removed: the CR before it has been dealt with.
        self._after_cr = text.endswith("\r")
        *ended, rest = _END.split(text) if "\r" in text else text.split("\n")
        events = []
        for line in ended:
            if self._line:
                line = "".join([*self._line, line])
                self._line.clear()
            if event := self._take(line):
                events.append(event)
        if rest:
            self._line.append(rest)
        return events

    def finish(self) -> list[SseEvent]:
        """The last event may lack the blank line; whether it is whole shows when it is parsed."""
        if self._line:
            self._take("".join(self._line))
            self._line.clear()
        event = self._dispatch()
        return [event] if event else []

    def _take(self, line: str) -> SseEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")  # a comment has an empty field name
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None

    def _dispatch(self) -> SseEvent | None:
        data, name = "\n".join(self._data), self._name
        self._data.clear()
        self._name = ""
        return SseEvent(data, name) if data.strip() else None  # without any, it keeps alive
