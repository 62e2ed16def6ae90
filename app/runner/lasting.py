"""A connection for PgQueuer that outlasts its sessions."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from pgqueuer.adapters.drivers.asyncpg import Relay
from pgqueuer.db import AsyncpgDriver
from pgqueuer.ports.driver import NotifyCallback

T = TypeVar("T")


class LastingDriver(AsyncpgDriver):
    """Connects again where its session has ended.

    Else PgQueuer would take no jobs until all it has are over, and send no heartbeats for those:
    others would take them over and make their calls again.
    """

    def __init__(self, connection: Any, connect: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(connection)
        self._connect = connect
        self._listeners: list[tuple[str, NotifyCallback]] = []

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._insist(partial(super().fetch, query, *args))

    async def execute(self, query: str, *args: object) -> str:
        return await self._insist(partial(super().execute, query, *args))

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self._listeners.append((channel, callback))

    async def close(self) -> None:
        await self._connection.close()

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask()
        except Exception:
            if not self._connection.is_closed():
                raise
        await self._renew()
        # Jobs that the first time took without our hearing of it are taken again as silent ones.
        return await ask()

    async def _renew(self) -> None:
        async with self._lock:
            if self._connection.is_closed():  # else another one was quicker
                connection = await self._connect()
                for channel, callback in self._listeners:
                    await connection.add_listener(channel, Relay(callback))
                self._connection = connection
