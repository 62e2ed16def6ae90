"""Slots for calls in flight and turns to make them, of one account in this process."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.errors import ProviderError
from app.pace import Pace
from app.runner.lull import Lull, go_on

RECHECK_S = 0.25  # while an account regains its calls in flight
AHEAD = 4  # of so many calls in flight, one more is got ready
WAVE = 400  # of so many each: hundreds end in a wave, and all that follow would wait for the disk


class Limit:
    """Hands out slots and turns as the account's pace allows."""

    def __init__(self, pace: Pace, lull: Lull | None = None) -> None:
        self.pace = pace
        self._lull = lull or Lull(0)
        self._rested = False  # since there was no room
        self._needed: set[asyncio.Future[None]] = set()  # end when nothing is ready any more
        self.in_flight = 0  # slots that are held, also those whose call waits
        self._given = 0  # slots, also those not held yet
        self._calling = 0
        self._held_back = 0
        self._asking = asyncio.Lock()  # whoever has it has the next slot
        self._waiting: deque[Slot] = deque()
        self._freed = asyncio.Event()
        self._other_limits = asyncio.Event()  # another one each time
        self._sleepers: dict[object, float] = {}

    async def slot(self) -> "Slot":
        """Wait for a slot. It may have to be held yet.

        Where nothing but the calls in flight is limited there are some more slots than that:
        whoever has one gets its call ready, and no time is lost between two calls. Who asked
        first is first: whoever asks for one after the other would take each that gets free, while
        test calls wait.
        """
        async with self._asking:
            await self.room()
            self._given += 1
        slot = Slot(self)
        self._waiting.append(slot)
        self._hand_on()
        return slot

    async def room(self) -> None:
        """Wait until there is a slot; for those that need not be held yet, until a lull."""
        while True:
            self._hand_on()
            allowed = self.pace.allowed(self.now())
            if self._given < allowed:
                return
            plain = not self.pace.metered and allowed == self.pace.calls
            if not plain or self._given >= allowed + _ahead(allowed):
                self._rested = False
                await self._change()
            elif self._rested:
                return
            else:
                needed = asyncio.get_running_loop().create_future()
                self._needed.add(needed)
                try:
                    await self._lull.wait(needed)
                finally:
                    self._needed.remove(needed)
                self._rested = not needed.done()  # that was haste, not a lull

    async def turn(self, tokens: int) -> None:
        """Wait until a call of about so many tokens may be made; ``over`` says that it was.

        Slots may be older than a slowdown: those that have one still call one after the other.
        """
        wait = await self._reserve(tokens)
        me = object()
        try:
            while wait > 0:
                self._sleepers[me] = self.now() + wait
                if await self._have_other_limits(wait):
                    wait = await self._reserve(tokens)  # what was granted before is forgotten
                else:
                    wait = await self._pause()  # it may be longer by now
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

    @contextmanager
    def holding_back(self) -> Iterator[bool]:
        """Whether what came may wait to be saved: of as many as are got ready ahead. They would be
        called again after a crash."""
        may_wait = self._held_back < _ahead(self.pace.calls)
        self._held_back += may_wait
        try:
            yield may_wait
        finally:
            self._held_back -= may_wait

    @property
    def waiting_s(self) -> float:
        """Seconds until the next of the calls that wait for their turn; 0: none waits."""
        return max(min(self._sleepers.values()) - self.now(), 0.0) if self._sleepers else 0.0

    def now(self) -> float:
        return time.monotonic()

    def give_back(self, *, held: bool) -> None:
        """A slot is not needed any more."""
        self._given -= 1
        if held:
            self.in_flight -= 1
            self._hand_on()
        self._tell()

    def follow(self, new: Pace) -> None:
        """``new`` holds from now on. Where its limits are others, who waits for a turn asks for it
        again: a limit that was set by mistake would keep everybody waiting else."""
        others = self.pace.limits != new.limits
        self.pace = new
        if others:
            self._other_limits.set()
            self._other_limits = asyncio.Event()
        self._hand_on()
        self._tell()

    async def _have_other_limits(self, within_s: float) -> bool:
        other_limits = self._other_limits
        # Not wait_for: on Python 3.11 it can swallow a cancellation.
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await other_limits.wait()
        return other_limits.is_set()

    def _hand_on(self) -> None:
        """Let those that have waited longest for it hold their slots."""
        while self._waiting and self.in_flight < self.pace.allowed(self.now()):
            if self._waiting.popleft().take():
                self.in_flight += 1

    def _tell(self) -> None:
        """More may be allowed than before."""
        self._freed.set()
        if self._given < self.pace.allowed(self.now()):
            for needed in self._needed:
                go_on(needed)

    async def _change(self) -> None:
        """Wait until more may be allowed."""
        self._freed.clear()
        lowered = self.pace.allowed(self.now()) < self.pace.calls
        with suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_S if lowered else None):
                await self._freed.wait()

    async def _reserve(self, tokens: int) -> float:
        return self.pace.reserve(self.now(), tokens)

    async def _pause(self) -> float:
        return self.pace.paused_until - self.now()


def _ahead(calls: int) -> int:
    """How many calls are got ready while so many are in flight."""
    return min(max(calls // AHEAD, calls * calls // WAVE), calls)


class Slot:
    """The right to have one call in flight, once it is held. Releasing it twice is harmless."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.held = False
        self._released = False
        self.taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def hold(self) -> None:
        """Wait until the call may be in flight."""
        await self.taken

    def take(self) -> bool:
        """Have it held, unless nobody wants it any more."""
        if self._released:
            return False
        self.held = True
        go_on(self.taken)
        return True

    def release(self) -> None:
        if not self._released:
            self._released = True
            self.limit.give_back(held=self.held)
