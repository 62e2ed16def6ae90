"""The response that carries a listener's events, for as long as both sides stay."""

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.web.live import Hub, View


class EventStream(StreamingResponse):
    """Server-sent events of one grid. It listens while it is being sent, not a moment longer.

    A browser that has as many streams as it may is told that there is nothing here: it asks then.
    """

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, browser: str, grid_id: int, view: View, since: int) -> None:
        # Proxies of the nginx kind keep a response back until it is whole, unless told.
        super().__init__(self._none(), headers={"X-Accel-Buffering": "no"})
        self._hub = hub
        self._browser = browser
        self._given = grid_id, view, since

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._hub.admitted(self._browser) as admitted:
            if not admitted:
                await Response(status_code=204)(scope, receive, send)
                return
            with self._hub.listening(*self._given) as listener:
                self.body_iterator = listener.events()
                await super().__call__(scope, receive, send)

    async def _none(self) -> AsyncIterator[bytes]:
        return
        yield b""
