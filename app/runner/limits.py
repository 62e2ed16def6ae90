"""How fast one provider may be called: slots for calls in flight, and a pause it asked for."""

import asyncio
import time


class Limit:
    """At most ``calls`` in flight, and none while the provider asked to be left alone."""

    def __init__(self, calls: int) -> None:
        self._free = asyncio.Semaphore(calls)
        self._not_before = 0.0

    async def slot(self) -> "Slot":
        """Wait for a free slot."""
        await self._free.acquire()
        return Slot(self)

    def pause(self, seconds: float) -> None:
        """A provider that answers "too many requests" to one call means all of them."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    async def pause_over(self) -> None:
        # A pause may be made longer meanwhile.
        while (wait := self._not_before - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait)


class Slot:
    """The right to have one call in flight. Releasing it twice is harmless."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._held = True

    def release(self) -> None:
        if self._held:
            self._held = False
            self.limit._free.release()
