"""What is kept of every request: a number that finds it in the log, one line there, and counts."""

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import request_id
from app.upkeep import metrics

log = logging.getLogger(__name__)
HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")  # of a proxy in front; anything else is not taken on
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMiddleware:
    """Stands before all others, so that refused requests are told of too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        number = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        request_id.set(number)
        began = time.perf_counter()
        status, began_after = 0, 0.0

        async def send_with_id(message: Message) -> None:
            nonlocal status, began_after
            if message["type"] == "http.response.start":
                status, began_after = message["status"], time.perf_counter() - began
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = route_of(scope)
            if status:
                metrics.REQUEST_SECONDS.labels(route).observe(began_after)
            metrics.REQUESTS.labels(method, route, str(status or "none")).inc()
            facts = {
                "method": method,
                "route": route,
                "status": status,
                "ms": round((time.perf_counter() - began) * 1000),
            }
            log.info("%(method)s %(route)s %(status)s %(ms)s ms", facts, extra={"facts": facts})


def route_of(scope: Scope) -> str:
    """The template of the address, such as /grids/{grid_id}: no ids, and no secrets of shares."""
    if route := getattr(scope.get("route"), "path", ""):
        return str(route)
    return "/static" if scope["path"].startswith("/static/") else "none"
