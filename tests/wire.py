"""A real HTTP server on loopback that speaks the protocols of all model APIs.

In a test:        with WireServer() as server: ... server.openai_url, server.calls
As a process:     python -m tests.wire --port 0 --delay 0.5      (prints its URL)
What a model does is chosen by its name (tests/wire_scripts.py) or by a handler. It speaks HTTP on
bare asyncio streams, because it must also be able to hang up in the middle of things.
"""

import argparse
import asyncio
import json
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.wire_http import Recorded, head, pause, read, send
from tests.wire_protocols import Protocol, frames, protocol_of
from tests.wire_scripts import Script, script_for

MODELS = {"object": "list", "data": [{"id": "plain", "object": "model"}, {"id": "echo"}]}


Handler = Callable[[Recorded], Script]


@dataclass
class WireServer:
    """All protocols on one port. ``calls`` holds the POSTs, ``lists`` the other requests."""

    handler: Handler | None = None
    delay_s: float = 0
    list_delay_s: float = 0
    port: int = 0
    models: Any = field(default_factory=lambda: MODELS)
    tls: ssl.SSLContext | None = None
    capabilities: dict[str, list[str]] = field(default_factory=dict)  # of Ollama's models
    calls: list[Recorded] = field(default_factory=list)
    lists: list[Recorded] = field(default_factory=list)
    in_flight: int = 0
    max_in_flight: int = 0
    connections: int = 0
    hung_up: int = 0  # clients that left before the end
    _failed: dict[str, int] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None
    _stop: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """What goes into ANTHROPIC_BASE_URL, GOOGLE_GEMINI_BASE_URL and OLLAMA_HOST."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """What goes into OPENAI_BASE_URL."""
        return f"{self.url}/v1"

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve(ready.set)))
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        assert self._loop
        assert self._stop
        assert self._thread
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def serve(self, ready: Callable[[], None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # The client may leave, and a script hang up.
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._converse(reader, writer)

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            task = asyncio.create_task(talk(reader, writer))
            connections[task] = writer
            task.add_done_callback(ended)

        def ended(task: asyncio.Task[None]) -> None:  # also one that was cancelled before it began
            connections.pop(task).transport.abort()

        server = await asyncio.start_server(
            connected, "127.0.0.1", self.port, backlog=1024, ssl=self.tls
        )
        self.port = server.sockets[0].getsockname()[1]
        ready()
        await self._stop.wait()
        server.close()
        for _ in range(3):  # who is being let in is in by then
            await asyncio.sleep(0)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read(reader):
            route = request.path.partition("?")[0]
            if request.method == "POST" and (protocol := protocol_of(request)):
                await self._call(request, protocol, reader, writer)
                continue
            self.lists.append(request)
            if self.list_delay_s:
                await pause(reader, self.list_delay_s)
            if route in ("/v1/models", "/openai/v1/models"):
                send(writer, 200, self.models(request) if callable(self.models) else self.models)
            elif route == "/api/tags":
                send(writer, 200, _tags(self.models))
            elif route == "/api/show" and request.model in self.capabilities:
                send(writer, 200, {"capabilities": self.capabilities[request.model]})
            elif route == "/calls":
                items = [asdict(call) for call in self.calls]
                counts = {"count": len(items), "max_in_flight": self.max_in_flight}
                send(writer, 200, {**counts, "hung_up": self.hung_up, "items": items})
            else:
                send(writer, 404, {"error": {"message": f"no such path: {route}"}})
            await writer.drain()

    async def _call(
        self,
        request: Recorded,
        protocol: Protocol,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.calls.append(request)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            script = (self.handler or script_for)(request)
            await self._play(script, request, protocol, reader, writer)
        except ConnectionResetError:
            self.hung_up += 1
            raise
        finally:
            self.in_flight -= 1

    async def _play(
        self,
        script: Script,
        request: Recorded,
        protocol: Protocol,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        conversation = json.dumps(request.body, sort_keys=True)
        failed = self._failed.get(conversation, 0)
        if script.hang_up == "at once":
            raise ConnectionAbortedError
        if script.status != 200 and (script.times is None or failed < script.times):
            self._failed[conversation] = failed + 1
            if script.hang_up == "never":  # the status came, its body does not
                writer.write(head(script.status, script.headers, None))
                await pause(reader, 60)
            send(writer, script.status, script.body or protocol.error(script), script.headers)
            await writer.drain()
            return
        delay_s = self.delay_s if script.delay_s is None else script.delay_s
        kind = script.content_type or protocol.content_type
        writer.write(head(200, {"content-type": kind} | script.headers, None))
        if script.hang_up == "after headers":
            await writer.drain()
            raise ConnectionAbortedError
        if delay_s:
            await pause(reader, delay_s)
        data = script.body if isinstance(script.body, bytes) else b"".join(frames(script, request))
        step = script.cut or len(data) or 1
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if script.cut:
                await writer.drain()
                await pause(reader, script.drip_s)
        if script.hang_up == "before the end":
            await writer.drain()
            raise ConnectionAbortedError
        if script.hang_up == "never":  # the end of the answer came, the end of the stream does not
            await pause(reader, 60)
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _tags(models: Any) -> Any:
    """A list of models as Ollama writes it; anything else stays what it is."""
    data = models.get("data") if isinstance(models, dict) else None
    if not isinstance(data, list):
        return models
    names = [m.get("id") if isinstance(m, dict) else m for m in data]
    return {"models": [{"name": name, "model": name} for name in names]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0, help="seconds before each answer")
    options = parser.parse_args()
    server = WireServer(port=options.port, delay_s=options.delay)
    asyncio.run(server.serve(lambda: print(server.url, flush=True)))  # noqa: T201


if __name__ == "__main__":
    main()
