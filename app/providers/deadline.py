"""When a stream takes too long."""

import asyncio

from app.providers.transport import Body


class Watch:
    """Ends a body at a deadline that may be moved: one timer a call, not one a piece."""

    def __init__(self, at: float, body: Body) -> None:
        self.expired = False
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._at = at
        self._timer = self._loop.call_at(at, self._ring)

    def move(self, at: float) -> None:
        self._at = at
        if at < self._timer.when():
            self._timer.cancel()
            self._timer = self._loop.call_at(at, self._ring)

    def stop(self) -> None:
        self._timer.cancel()

    def _ring(self) -> None:
        if self._loop.time() < self._at:  # there was news since
            self._timer = self._loop.call_at(self._at, self._ring)
            return
        self.expired = True
        self._body.break_off()
