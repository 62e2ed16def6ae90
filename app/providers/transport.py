"""httpx on aiohttp's pool, which copes with hundreds of calls at once; httpx's own does not.

Of httpx we use addresses and responses, not the client on top: with its cookies, redirects and
merging of headers it takes as long as all the rest of a call. Exceptions stay aiohttp's.
"""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from urllib.parse import urlsplit

import aiohttp
import httpx

from app.providers.addresses import Guard, Network
from app.providers.connection import proxy_for

# A deadline for the whole call is kept by http.py.
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10)


class Body(httpx.AsyncByteStream):
    """What comes in, as it comes."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._response.content.readany():
            yield chunk

    async def aclose(self) -> None:
        self._response.release()  # gives the connection back if it was read to its end

    def break_off(self) -> None:
        """End the response; whoever waits for a piece of it gets an error."""
        self._response.close()


def body_of(response: httpx.Response) -> Body:
    assert isinstance(response.stream, Body)  # noqa: S101 (the transport makes no others)
    return response.stream


class Transport:
    """aiohttp without its cookie jar and limits, which would act behind our back."""

    def __init__(self, ca_file: str = "", allowed: Sequence[Network] = ()) -> None:
        self._authorities = authorities(ca_file)
        self._guard = Guard(allowed)
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        """Raises aiohttp.ClientError, OSError, UnusableProxy and RefusedAddress."""
        self._guard.enter(urlsplit(url).hostname or "")
        if self._session is None:
            proxy = proxy_for(url)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    keepalive_timeout=30,
                    ssl=self._authorities,
                    # A proxy is where the environment says, and looks up names by itself.
                    socket_factory=None if proxy else self._guard.connecting,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=proxy,
                auto_decompress=False,
            )
        response = await self._session.request(
            method,
            url,
            headers=headers,
            data=content,
            allow_redirects=False,
            timeout=_TIMEOUT,
        )
        return httpx.Response(response.status, headers=response.raw_headers, stream=Body(response))

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


@cache  # reading them takes tens of milliseconds, in which the event loop stands still
def authorities(ca_file: str = "") -> ssl.SSLContext:
    """Whose certificates are trusted: the usual (or SSL_CERT_FILE's) and those in ``ca_file``."""
    context = httpx.create_ssl_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
