"""Reads a grid's stream over a real connection, as a browser would."""

import http.client
import json
import re
import socket
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit


class Stream(threading.Thread):
    """Reads in the background until the stream ends or ``close`` is called."""

    def __init__(self, url: str, **headers: str) -> None:
        super().__init__(daemon=True)
        self.events: list[dict[str, str]] = []
        self.times: list[float] = []
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        self._connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        self._response = self._connection.getresponse()
        assert self._response.status == 200, self._response.read()
        assert str(self._response.headers["content-type"]).startswith("text/event-stream")
        self.start()

    def run(self) -> None:
        fields: dict[str, str] = {}
        try:
            while line := self._response.readline().decode():
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    fields[name] = fields[name] + "\n" + value if name in fields else value
                elif fields:
                    self.events.append(fields)
                    self.times.append(time.monotonic())
                    fields = {}
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            return  # closed here, or the server was killed

    def close(self) -> None:
        with suppress(OSError, AttributeError):  # it has ended by itself
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self.end()

    def end(self) -> None:
        """Wait until the server has ended it."""
        self.join(30)
        assert not self.is_alive(), "the stream did not end"
        self._response.close()
        self._connection.close()

    @property
    def ids(self) -> list[int]:
        return [int(event["id"]) for event in self.changes]

    @property
    def changes(self) -> list[dict[str, str]]:
        return [event for event in list(self.events) if "event" not in event]

    @property
    def done(self) -> bool:
        return any(event.get("event") == "done" for event in list(self.events))

    def partials(self) -> list[dict[str, str]]:
        return [json.loads(e["data"]) for e in list(self.events) if e.get("event") == "partial"]

    def texts(self) -> dict[str, str]:
        """The latest text of each answer."""
        found: dict[str, str] = {}
        for partial in self.partials():
            found |= partial
        return found

    def states(self) -> dict[int, str]:
        """The latest status of each chip."""
        found: dict[int, str] = {}
        for event in self.changes:
            found |= chip_states(event["data"])
        return found


def chip_states(html: str) -> dict[int, str]:
    pattern = r'class="chip" id="a-(\d+)"[^>]*?data-status="(\w+)"'
    return {int(id_): status for id_, status in re.findall(pattern, html, re.DOTALL)}


def seq_of(html: str) -> int:
    found: Any = re.search(r'id="since" name="since" value="(\d+)"', html)
    return int(found[1])
