"""How fast one provider may be called: slots for calls in flight, and a pause it asked for."""

import asyncio
import time


class Limit:
    """At most ``calls`` in flight, and none while the provider asked to be left alone."""

    def __init__(self, calls: int) -> None:
        self._slots = asyncio.Semaphore(calls)
        self._not_before = 0.0

    def pause(self, seconds: float) -> None:
        """A provider that answers "too many requests" to one call means all of them."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    async def slot(self) -> "Slot":
        """Wait for a free slot and for the end of a pause."""
        slot = Slot(self)
        await slot.acquire()
        return slot

    async def _acquire(self) -> None:
        await self._slots.acquire()
        try:
            # A pause may be made longer meanwhile.
            while (wait := self._not_before - time.monotonic()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(wait)
        except BaseException:
            self._slots.release()
            raise


class Slot:
    """The right to make one call at a time. Releasing or acquiring twice is harmless."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._held = False

    async def acquire(self) -> None:
        if not self._held:
            await self._limit._acquire()
            self._held = True

    def release(self) -> None:
        if self._held:
            self._held = False
            self._limit._slots.release()

    def pause(self, seconds: float) -> None:
        self._limit.pause(seconds)
