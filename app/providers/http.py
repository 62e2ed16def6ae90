"""The one client for all model APIs: only this module and its transport know httpx.

Every failure leaves here as a ProviderError.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import aiohttp
import httpx

from app.errors import ProviderError
from app.providers.addresses import Network
from app.providers.bodies import error_object
from app.providers.connection import broken_connection
from app.providers.deadline import Watch
from app.providers.failures import http_failure, stream_failure, wrong_content
from app.providers.sse import SseEvent, StreamReader
from app.providers.target import Limits, Target
from app.providers.transport import Transport, body_of

_BROKEN = (httpx.RequestError, httpx.StreamError, aiohttp.ClientError, OSError)
_ERROR_BODY_BYTES = 64_000
_ERROR_BODY_S = 2  # it comes with the status, or says nothing that is worth the wait
_DRAIN_S = 0.2
_HEADERS = {"User-Agent": "bluffcheck", "Accept-Encoding": "identity"}


class HttpClient:
    """The connections to one provider, opened at the first call."""

    def __init__(
        self,
        limits: Limits | None = None,
        ca_file: str = "",
        allowed: Sequence[Network] = (),
    ) -> None:
        self.limits = limits or Limits()
        self._ca_file = ca_file
        self._allowed = allowed
        self._transport: Transport | None = None

    async def aclose(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    def deadline(self) -> float:
        """When a call that begins now has to be over."""
        return asyncio.get_running_loop().time() + self.limits.total_s

    async def stream(
        self,
        target: Target,
        body: Mapping[str, Any],
        reader: StreamReader,
        *,
        is_last: Callable[[SseEvent], bool],
        is_payload: Callable[[SseEvent], bool] = lambda event: True,
        deadline: float | None = None,
    ) -> AsyncGenerator[SseEvent]:
        """POST ``body`` and yield the events of the answer. Use it inside ``aclosing``."""
        loop = asyncio.get_running_loop()
        give_up_at = self.deadline() if deadline is None else deadline
        silent_at = loop.time() + self.limits.silence_s
        received, ended = 0, False
        content = json.dumps(body).encode()
        response: httpx.Response | None = None
        watch: Watch | None = None
        # Deadlines surround no yield: one that passed while the caller holds an event would cancel
        # the caller.
        try:
            async with asyncio.timeout_at(min(give_up_at, silent_at)):
                response = await self._send("POST", target, content, reader.content_type)
                await _check(target, response, reader.content_type)
            watch = Watch(min(give_up_at, silent_at), body_of(response))
            async for chunk in _unpacked(response):
                received += len(chunk)
                if received > self.limits.max_bytes:
                    size = f"{self.limits.max_bytes / 1e6:g} MB"
                    raise target.failure("protocol", f"sent more than {size}; the call was ended.")
                for event in () if ended else reader.feed(chunk):
                    if is_payload(event):
                        silent_at = loop.time() + self.limits.silence_s
                    yield event
                    if is_last(event):
                        # Only a stream read to its end gives its connection back to the pool.
                        ended, give_up_at = True, loop.time() + _DRAIN_S
                        break
                watch.move(min(give_up_at, silent_at))
            for event in () if ended else reader.finish():
                yield event
        except _BROKEN as exc:
            if ended:
                return
            timed_out = isinstance(exc, TimeoutError) and not isinstance(exc, aiohttp.ClientError)
            if timed_out or (watch is not None and watch.expired):
                raise self._timeout(target, total=loop.time() >= give_up_at) from None
            # Without its cause, which may show the proxy's password.
            raise broken_connection(target, exc, started=received > 0) from None
        finally:
            if watch is not None:
                watch.stop()
            if response is not None:
                await response.aclose()

    async def json(self, target: Target, timeout_s: float, body: object = None) -> Any:
        """GET a JSON document, such as a list of models; POST where there is a ``body``."""
        content = None if body is None else json.dumps(body).encode()
        method = "GET" if content is None else "POST"
        response: httpx.Response | None = None
        answer = b""
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._send(method, target, content, "application/json")
                await _check(target, response, "application/json")
                answer = await _read(response, self.limits.max_bytes)
            return json.loads(answer)
        except _BROKEN as exc:
            if isinstance(exc, TimeoutError) and not isinstance(exc, aiohttp.ClientError):
                text = f"did not answer within {timeout_s:g} seconds."
                raise target.failure("timeout", text, retryable=True) from None
            raise broken_connection(target, exc, started=bool(answer)) from None
        except (ValueError, RecursionError):
            raise target.failure("protocol", "sent something that is not JSON.") from None
        finally:
            if response is not None:
                await response.aclose()

    async def _send(
        self, method: str, target: Target, content: bytes | None, accept: str
    ) -> httpx.Response:
        headers = _HEADERS | dict(target.headers) | {"Accept": accept}
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            url = _address(target.url)
        except httpx.InvalidURL:
            url = ""
        # What is wrong with them is not told: it would show the value, perhaps the key.
        if not url or not all(v.isascii() and v.isprintable() for v in headers.values()):
            raise target.failure("bad_request", "has a malformed address or header.") from None
        if self._transport is None:
            self._transport = Transport(self._ca_file, self._allowed)
        return await self._transport.send(method, url, headers, content)

    def _timeout(self, target: Target, *, total: bool) -> ProviderError:
        # Not retryable: the model may be at work, and the answer would be paid for twice.
        if total:
            text = f"did not finish within {self.limits.total_s:g} seconds."
        else:
            text = f"sent nothing for {self.limits.silence_s:g} seconds."
        return target.failure("timeout", text)


@lru_cache(256)
def _address(url: str) -> str:
    """As it is sent. Raises httpx.InvalidURL."""
    return str(httpx.URL(url))


def _unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body piece by piece; a server may pack it unasked."""
    return (
        response.aiter_bytes()
        if "content-encoding" in response.headers
        else aiter(body_of(response))
    )


async def _read(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body[:limit])


async def _check(target: Target, response: httpx.Response, expected: str) -> None:
    """Raise unless the answer is a success of the expected type."""
    got = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code == 200 and got == expected:
        return
    body = b""
    success = response.status_code == 200
    with suppress(*() if success else _BROKEN):  # an error's status says enough
        async with asyncio.timeout(None if success else _ERROR_BODY_S):
            body = await _read(response, _ERROR_BODY_BYTES)
    if success:
        if error := error_object(body):  # found out before the first token, told as if after
            raise stream_failure(target.title, error, tokens_seen=False, secrets=target.secrets)
        raise target.failure("protocol", wrong_content(got, expected, body))
    raise http_failure(
        target.title, response.status_code, response.headers, body, secrets=target.secrets
    )
