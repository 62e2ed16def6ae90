"""A place to wait for a moment in which the event loop has nothing better to do.

Answers that were called together come together. What has to be done for each of them once takes
longer than all else, so what can wait gives way to the calls that follow: hundreds of those would
start late, and the next wave with them.
"""

import asyncio
from collections import deque
from time import monotonic

LOOK_S = 0.002
LATE_S = 0.004  # a look that comes so much later shows that there was something to do
CALM = 2  # looks in time, one after the other, before anything goes on
AT_ONCE = 16  # go on after one look: with more, they would be what others wait for
LONGEST_S = 0.25  # that anything waits


class Lull:
    """Where nothing can be gained by it (``longest_s`` is 0), nobody waits."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        # Who waits since when; those that went on without a lull are still here.
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._in_time = 0  # looks, one after the other

    async def wait(self, hurry: "asyncio.Future[None] | None" = None) -> None:
        """Wait until the loop is idle, but not for ever, nor on once ``hurry`` has ended."""
        if not self._longest_s:
            return
        now = monotonic()
        future = asyncio.get_running_loop().create_future()
        if not self._waiting:
            self._in_time = 0
            self._look_after(now)
        self._waiting.append((now, future))
        if hurry is not None:
            hurry.add_done_callback(lambda _: go_on(future))
        await future

    def _look_after(self, at: float) -> None:
        asyncio.get_running_loop().call_later(LOOK_S, self._look, at)

    def _look(self, before: float) -> None:
        now = monotonic()
        self._in_time = self._in_time + 1 if now - before < LOOK_S + LATE_S else 0
        left = AT_ONCE if self._in_time >= CALM else 0
        while self._waiting:
            since, future = self._waiting[0]
            if not (future.done() or left or now - since > self._longest_s):
                break
            self._waiting.popleft()
            if go_on(future) and left:
                left -= 1
        if self._waiting:
            self._look_after(now)


def go_on(waiting: "asyncio.Future[None]") -> bool:
    """Let somebody go on; False if they did already, or were cancelled."""
    if waiting.done():
        return False
    waiting.set_result(None)
    return True
