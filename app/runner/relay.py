"""What workers hear of running answers, told to the processes that show them: by NOTIFY.

Nothing is stored and nothing may be lost that matters: whole answers come from the database.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from app.partials import Partials

log = logging.getLogger(__name__)
CHANNEL = "bluffcheck_heard"
TELL_S = 0.1
SHOWN = 500  # characters of a text that others are told
MOST_BYTES = 7_500  # of one message; Postgres takes 8,000
AGAIN_S = 1.0


class Relay:
    """Tells what this process hears, and listens to the others. Only the event loop may use it."""

    def __init__(self, partials: Partials, connect: Callable[[], Awaitable[Any]]) -> None:
        self._partials = partials
        self._connect = connect
        self._me = uuid.uuid4().hex[:12]
        self._news: dict[int, tuple[int, int, str | None]] = {}
        self._told: dict[int, int] = {}  # characters of each answer

    async def run(self) -> None:
        """Until cancelled; connects again when the database was away."""
        self._partials.publish_with(self._hear)
        while True:
            with suppress(OSError, ConnectionError, TimeoutError):
                connection = await self._connect()
                try:
                    await connection.add_listener(CHANNEL, self._take)
                    while not connection.is_closed():
                        await asyncio.sleep(TELL_S)
                        for message in self._messages():
                            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, message)
                except Exception as exc:
                    log.info("partial texts are not told to other processes: %s", exc)
                finally:
                    with suppress(Exception):
                        await connection.close(timeout=1)
            await asyncio.sleep(AGAIN_S)

    def _hear(self, grid_id: int, answer_id: int, prompt_id: int, text: str | None) -> None:
        if text is None:
            self._told.pop(answer_id, None)
        else:
            text = text[:SHOWN]
            if self._told.get(answer_id) == len(text):
                return
            self._told[answer_id] = len(text)
        self._news[answer_id] = grid_id, prompt_id, text

    def _messages(self) -> list[str]:
        """The news, in as many messages as it takes."""
        news, self._news = self._news, {}
        messages: list[str] = []
        batch: list[str] = []
        size = 0
        for answer_id, (grid_id, prompt_id, text) in news.items():
            item = json.dumps([grid_id, answer_id, prompt_id, text])
            if batch and size + len(item) > MOST_BYTES:
                messages.append(f'["{self._me}",{",".join(batch)}]')
                batch, size = [], 0
            batch.append(item)
            size += len(item) + 1
        if batch:
            messages.append(f'["{self._me}",{",".join(batch)}]')
        return messages

    def _take(self, _connection: object, _pid: int, _channel: str, message: str) -> None:
        sender, *news = json.loads(message)
        if sender != self._me:
            for grid_id, answer_id, prompt_id, text in news:
                self._partials.take(grid_id, answer_id, prompt_id, text)
