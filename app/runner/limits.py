"""Slots for calls in flight and turns to make them, of one account in this process."""

import asyncio
import time
from contextlib import suppress

from app.errors import ProviderError
from app.pace import Pace

RECHECK_S = 0.25  # while an account regains its calls in flight


class Limit:
    """Hands out slots and turns as the account's pace allows."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.in_flight = 0  # slots, also those whose call waits
        self._calling = 0
        self._freed = asyncio.Event()
        self._sleepers: dict[object, float] = {}

    async def slot(self) -> "Slot":
        """Wait until one more call may be in flight."""
        while self.in_flight >= self.pace.allowed(self.now()):
            await self._change()
        self.in_flight += 1
        return Slot(self)

    async def turn(self, tokens: int) -> None:
        """Wait until a call of about so many tokens may be made; ``over`` says that it was.

        Slots may be older than a slowdown: those that have one still call one after the other.
        """
        wait = await self._reserve(tokens)
        me = object()
        try:
            while wait > 0:
                self._sleepers[me] = self.now() + wait
                await asyncio.sleep(wait)
                wait = self.pace.paused_until - self.now()  # it may be longer by now
        finally:
            self._sleepers.pop(me, None)
        while self._calling >= self.pace.allowed(self.now()):
            await self._change()
        self._calling += 1

    def over(self) -> None:
        """A call that had its turn is over."""
        self._calling -= 1
        self._freed.set()

    async def refused(self, error: ProviderError, age_s: float) -> None:
        """A call of so many seconds ended with "too many requests"."""
        self.pace.refused(self.now(), age_s, error.retry_after_s)

    async def went_through(self, more_tokens: int) -> None:
        """A call came to its end, and took so many tokens more than were reserved."""
        self.pace.used(more_tokens)
        self.pace.accepted()

    @property
    def waiting_s(self) -> float:
        """Seconds until the next of the calls that wait for their turn; 0: none waits."""
        return max(min(self._sleepers.values()) - self.now(), 0.0) if self._sleepers else 0.0

    def now(self) -> float:
        return time.monotonic()

    def free(self) -> None:
        self.in_flight -= 1
        self._freed.set()

    def changed(self) -> None:
        """More may be allowed than before."""
        self._freed.set()

    async def _change(self) -> None:
        """Wait until more may be allowed."""
        self._freed.clear()
        lowered = self.pace.allowed(self.now()) < self.pace.calls
        with suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_S if lowered else None):
                await self._freed.wait()

    async def _reserve(self, tokens: int) -> float:
        return self.pace.reserve(self.now(), tokens)


class Slot:
    """The right to have one call in flight. Releasing it twice is harmless."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._held = True

    def release(self) -> None:
        if self._held:
            self._held = False
            self.limit.free()
