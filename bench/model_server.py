"""The cheapest server that still speaks the OpenAI protocol: ``python -m bench.model_server``.

What is asked for stands in the model's name: ``cheap-0.5s-20`` answers in half a second, streamed
in 20 pieces. The first piece of ``stamped-5s-20`` says in its text when it was sent.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import cast

import uvloop

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
USAGE = {"prompt_tokens": 12, "completion_tokens": 40}
PIECE = "a handful of words, as models send them; "
STAMP = re.compile(r"@(\d{9}\.\d{6})")  # seconds of time.monotonic, one clock for all processes
UNSTAMPED = "@" + "0" * 9 + "." + "0" * 6
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MODEL = re.compile(rb'"model": *"(cheap|stamped)-([\d.]+)s-(\d+)"')


def model_name(latency_s: float, chunks: int, kind: str = "cheap") -> str:
    return f"{kind}-{latency_s:g}s-{chunks}"


@dataclass(frozen=True)
class Script:
    """The body of an answer, cut where the server pauses."""

    parts: list[bytes]
    pause_s: float


@cache
def script(kind: str, latency_s: float, chunks: int) -> Script:
    def event(choices: list[object], **more: object) -> bytes:
        value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                 "model": "cheap-2026", "choices": choices, **more}  # fmt: skip
        return b"data: " + json.dumps(value).encode() + b"\n\n"

    def text(delta: dict[str, str], finish: str | None = None) -> bytes:
        return event([{"index": 0, "delta": delta, "finish_reason": finish}])

    parts = [text({"content": PIECE}) for _ in range(chunks)]
    if kind == "stamped":
        parts[0] = text({"content": f"{UNSTAMPED} {PIECE}"})
    parts[0] = text({"role": "assistant", "content": ""}) + parts[0]
    parts[-1] += text({}, "stop") + event([], usage=USAGE) + b"data: [DONE]\n\n"
    framed = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
    framed[-1] += END
    return Script(framed, latency_s / chunks)


class Connection(asyncio.Protocol):
    """Reads one request after the other; each starts its answer's timers."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(rest) < int(length[1]):
            return
        body, self._buffer = rest[: int(length[1])], rest[int(length[1]) :]
        asked = _MODEL.search(body)
        if asked is None:
            self._send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        self._send(HEAD)
        self._later(script(asked[1].decode(), float(asked[2]), int(asked[3])), 0, self._loop.time())

    def _later(self, answer: Script, number: int, started: float) -> None:
        # By the clock, not by pauses: the whole answer takes the latency, not a little more.
        at = started + answer.pause_s * (number + 1)
        self._loop.call_at(at, partial(self._piece, answer, number, started))

    def _piece(self, answer: Script, number: int, started: float) -> None:
        part = answer.parts[number]
        if number == 0 and UNSTAMPED.encode() in part:
            part = part.replace(UNSTAMPED.encode(), b"@%016.6f" % time.monotonic())
        self._send(part)
        if number + 1 < len(answer.parts):
            self._later(answer, number + 1, started)

    def _send(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)


async def serve(ready: Callable[[int], None]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(lambda port: print(f"http://127.0.0.1:{port}", flush=True)))
