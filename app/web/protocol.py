"""uvicorn's protocol with an end to its patience: for heads that never end, and stuck readers.

A body that comes too slowly is answered, in security.py; here there is nobody to answer yet, or
nobody who reads it.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TOO_LARGE = b"The head of this request is too large.\n"


MOST_FILES = 65_536  # open at a time; each connection is one


def allow_many_connections() -> None:
    """Many systems start a program with 1,024 open files, and let it ask for more."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class PatientProtocol(HttpToolsProtocol):
    """Of one connection."""

    head_s = 20.0  # for the head of a request, once the connection is open or its first byte came
    head_bytes = 65_536
    stuck_s = 60.0  # while what waits to be sent does not get less

    _waiting: asyncio.TimerHandle | None = None  # for a head
    _stuck: asyncio.TimerHandle | None = None
    _head = 0  # bytes of the head that is coming

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting = _cancelled(self._waiting)
        self._stuck = _cancelled(self._stuck)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waiting is None:
            return
        self._head += len(data)
        if self._head > self.head_bytes and not self.transport.is_closing():
            length = str(len(_TOO_LARGE)).encode()
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\n"
                b"connection: close\r\ncontent-length: " + length + b"\r\n\r\n" + _TOO_LARGE
            )
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        self._waiting = _cancelled(self._waiting)
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        # Closing would wait for what cannot be sent.
        self._stuck = self.loop.call_later(self.stuck_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stuck = _cancelled(self._stuck)
        super().resume_writing()

    def _wait_for_head(self) -> None:
        _cancelled(self._waiting)
        self._head = 0
        self._waiting = self.loop.call_later(self.head_s, self.transport.abort)


def _cancelled(timer: asyncio.TimerHandle | None) -> Any:
    """None, in its place."""
    if timer is not None:
        timer.cancel()
    return None
