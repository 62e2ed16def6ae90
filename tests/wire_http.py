"""Just enough HTTP/1.1 for the wire server."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote


@dataclass
class Recorded:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None

    @property
    def model(self) -> str:
        if found := re.search(r"/models/([^/]+):", self.path):
            return unquote(found[1])
        return str(self.body["model"]) if isinstance(self.body, dict) else ""


async def pause(reader: asyncio.StreamReader, seconds: float) -> None:
    """Sleep, but notice a client that goes away."""
    try:
        if not await asyncio.wait_for(reader.read(1), seconds):
            raise ConnectionResetError
    except TimeoutError:
        return


async def read(reader: asyncio.StreamReader) -> Recorded | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Recorded(method, path, headers, json.loads(body) if body else None)


def head(status: int, headers: dict[str, str], length: int | None) -> bytes:
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    lines = [f"HTTP/1.1 {status} Scripted", size, *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def send(
    writer: asyncio.StreamWriter, status: int, body: Any, headers: dict[str, str] | None = None
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": "application/json"} | (headers or {})
    writer.write(head(status, given, len(data)) + data)


def sse(value: dict[str, Any], name: str = "") -> bytes:
    """One server-sent event."""
    first = f"event: {name}\n" if name else ""
    return f"{first}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()
