"""httpx on aiohttp's pool, which copes with hundreds of calls at once; httpx's own does not."""

import ssl
from functools import cache

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from app.providers.connection import proxy_for


class Transport(AiohttpTransport):
    """aiohttp without its cookie jar and limits, which would act behind our back."""

    def __init__(self, ca_file: str = "") -> None:
        super().__init__(verify=authorities(ca_file))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.client is None:
            self.client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ssl=self.ssl_context),
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=proxy_for(str(request.url)),
            )
        return await super().handle_async_request(request)


@cache  # reading them takes tens of milliseconds, in which the event loop stands still
def authorities(ca_file: str = "") -> ssl.SSLContext:
    """Whose certificates are trusted: the usual (or SSL_CERT_FILE's) and those in ``ca_file``."""
    context = httpx.create_ssl_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
