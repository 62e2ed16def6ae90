"""The cheapest server that still speaks the OpenAI protocol: ``python -m bench.model_server``.

Every POST gets one answer, streamed as ``--chunks`` pieces spread over ``--latency`` seconds.
"""

import argparse
import asyncio
import json
from collections.abc import Callable
from functools import partial

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
USAGE = {"prompt_tokens": 12, "completion_tokens": 40}
PIECE = "a handful of words, as models send them; "


def pieces(chunks: int) -> list[bytes]:
    """The body of an answer, cut where the server pauses."""

    def event(choices: list[object], **more: object) -> bytes:
        value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                 "model": "cheap-2026", "choices": choices, **more}  # fmt: skip
        return b"data: " + json.dumps(value).encode() + b"\n\n"

    def text(delta: dict[str, str], finish: str | None = None) -> bytes:
        return event([{"index": 0, "delta": delta, "finish_reason": finish}])

    parts = [text({"content": PIECE}) for _ in range(chunks)]
    parts[0] = text({"role": "assistant", "content": ""}) + parts[0]
    parts[-1] += text({}, "stop") + event([], usage=USAGE) + b"data: [DONE]\n\n"
    return [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]


class Connection(asyncio.Protocol):
    """Reads one request after the other; each starts its answer's timers."""

    def __init__(self, parts: list[bytes], latency_s: float) -> None:
        self._parts = parts
        self._pause_s = latency_s / len(parts)
        self._started = 0.0
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        if len(rest) >= length:
            self._buffer = rest[length:]
            self._send(HEAD)
            self._started = asyncio.get_running_loop().time()
            self._later(0)

    def _later(self, number: int) -> None:
        # By the clock, not by pauses: the whole answer takes the latency, not a little more.
        at = self._started + self._pause_s * (number + 1)
        asyncio.get_running_loop().call_at(at, partial(self._piece, number))

    def _piece(self, number: int) -> None:
        last = number == len(self._parts) - 1
        self._send(self._parts[number] + (END if last else b""))
        if not last:
            self._later(number + 1)

    def _send(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)


async def serve(latency_s: float, chunks: int, ready: Callable[[int], None]) -> None:
    parts = pieces(chunks)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(parts, latency_s), "127.0.0.1", 0, backlog=1024
    )
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--chunks", type=int, default=20)
    options = parser.parse_args()
    asyncio.run(
        serve(
            options.latency,
            options.chunks,
            lambda port: print(f"http://127.0.0.1:{port}", flush=True),
        )
    )


if __name__ == "__main__":
    main()
