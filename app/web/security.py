"""What every request must pass, and what every response carries.

Host       a page on another site could reach this server through a name it controls (DNS
           rebinding); only names we know are answered
Origin     other sites can make a browser send forms here; browsers say so in Sec-Fetch-Site, or
           in Origin, so no token is needed in any form
Sizes      of addresses, heads and bodies are limited, and so is the time they may take
Responses  no script, style, picture or connection from anywhere but here
"""

import asyncio
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BluffcheckError, Forbidden, NotFound, TooLarge
from app.web.problems import NOT_FOUND, UPLOADS, broken, respond_with, too_large

HEADERS, HEAD_BYTES, ADDRESS_BYTES = 100, 32_768, 8_192
# A body may pause for so long, and take a minute and a second more for so many bytes.
PAUSE_S, BODY_S, BYTES_A_SECOND = 20.0, 60.0, 20_000
TOO_SLOW = "What was sent came too slowly, so nothing was done. Try again on a better connection."
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Asked by address, by whatever watches the server: they tell nothing that is worth a name.
OPEN_TO_PROBES = ("/healthz", "/readyz")
RESPONSE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class AddressTooLong(BluffcheckError):
    status = 414
    title = "Too long"


class HeadTooLarge(BluffcheckError):
    status = 431
    title = "Too large"


class SecurityMiddleware:
    """Refuses foreign hosts, cross-site writes and huge bodies; adds the headers above."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str],
        max_body_bytes: int,
        max_upload_bytes: int,
        embedders: Sequence[str] = (),
    ) -> None:
        # The inner ones count what really comes, also from clients that do not announce it.
        self.limited = RequestBodyLimitMiddleware(app, max_body_bytes)
        self.uploading = RequestBodyLimitMiddleware(app, max_upload_bytes)
        self.hosts = hosts
        self.max_body_bytes = max_body_bytes
        self.max_upload_bytes = max_upload_bytes
        policy = RESPONSE_HEADERS["Content-Security-Policy"]
        framed = policy.replace("frame-ancestors 'none'", f"frame-ancestors {' '.join(embedders)}")
        # Only what is shared may stand in other sites' pages, and nothing there changes anything.
        self.shared_policy = framed if embedders else policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.limited(scope, receive, send)
            return

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].startswith("/s/"):
                    headers.setdefault("Content-Security-Policy", self.shared_policy)
                for name, value in RESPONSE_HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope)
        except BluffcheckError as error:
            await respond_with(error, scope)(scope, receive, send_with_headers)
            return
        try:
            app = self.uploading if scope["path"] in UPLOADS else self.limited
            await app(scope, _impatient(receive), send_with_headers)
        except Exception as error:
            # A handler for this would run outside of here, so that its page had no headers.
            response = broken(scope, error)
            if not started:
                await response(scope, receive, send_with_headers)
            raise

    def _check(self, scope: Scope) -> None:
        """Raises Forbidden, TooLarge or NotFound."""
        headers = Headers(scope=scope)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > ADDRESS_BYTES:
            raise AddressTooLong(f"This address is longer than {ADDRESS_BYTES:,} characters.")
        size = sum(len(name) + len(value) for name, value in headers.raw)
        if len(headers.raw) > HEADERS or size > HEAD_BYTES:
            raise HeadTooLarge(
                f"This request has more than {HEADERS} header fields, or more than"
                f" {HEAD_BYTES:,} bytes of them. Cookies of this site may be to blame: delete them."
            )
        host = headers.get("host", "")
        name = host_name(host)
        if name not in self.hosts and scope["path"] not in OPEN_TO_PROBES:
            raise Forbidden(
                f"This server does not answer to the name “{name[:100]}”. If that name is yours,"
                " add it to BLUFFCHECK_ALLOWED_HOSTS."
            )
        length = headers.get("content-length", "0")
        upload = scope["path"] in UPLOADS
        limit = self.max_upload_bytes if upload else self.max_body_bytes
        if length.isdecimal() and int(length) > limit:
            raise TooLarge(too_large(scope["path"]))
        if "\0" in scope["path"]:  # which Postgres cannot even look for
            raise NotFound(NOT_FOUND)
        if scope["method"] in SAFE_METHODS:
            return
        site = headers.get("sec-fetch-site")
        if site is not None:
            foreign = site not in ("same-origin", "none")
        else:
            origin = headers.get("origin")
            foreign = origin is not None and origin.partition("://")[2] != host
        if foreign:
            raise Forbidden("Another site tried to change something here, so nothing was done.")


def _impatient(receive: Receive) -> Receive:
    """``receive``, until it takes too long for a body. Afterwards it only tells of the end."""
    loop = asyncio.get_running_loop()
    began, size, whole = loop.time(), 0, False

    async def receive_in_time() -> Message:
        nonlocal size, whole
        if whole:
            return await receive()
        until = min(loop.time() + PAUSE_S, began + BODY_S + size / BYTES_A_SECOND)
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            # FastAPI would make any other exception a fault of the body's form.
            raise HTTPException(408, TOO_SLOW, {"Connection": "close"}) from None
        size += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        return message

    return receive_in_time


def host_name(host: str) -> str:
    """The host without its port, lower case, IPv6 without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()
