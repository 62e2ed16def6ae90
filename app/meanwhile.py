"""Work that goes on in the background for as long as the application runs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


@asynccontextmanager
async def meanwhile(
    work: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
) -> AsyncIterator[None]:
    """Do this meanwhile. It ends soon after the event is set that it is given."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(stop))
    try:
        yield
    finally:
        stop.set()
        await task  # no thread of it outlives the database


async def rest(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until it is to stop."""
    # Not wait_for: on Python 3.11 it can swallow a cancellation.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
