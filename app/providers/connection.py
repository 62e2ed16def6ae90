"""What a broken connection means: aiohttp's exceptions in words, and whether to try again."""

import ssl
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


class Broken(NamedTuple):
    """The parts of a ProviderError about a connection."""

    kind: str
    text: str
    retryable: bool


def broken_connection(exc: BaseException, url: str, *, started: bool) -> Broken:
    """``started``: part of the answer had arrived, so it is (being) paid for.

    httpx-aiohttp calls nearly everything a ConnectTimeout; the truth is in ``__cause__``.
    """
    cause = exc.__cause__ or exc
    host = urlsplit(url).netloc.rpartition("@")[2]
    if started:
        return Broken("interrupted", "broke off in the middle of the answer.", False)
    match cause:
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError() | ssl.SSLError():
            text = f"has a certificate at {host} that cannot be verified."
            return Broken("connection", text, False)
        case aiohttp.ClientHttpProxyError():
            text = f"cannot be reached: the proxy in between refused ({cause.status})."
            return Broken("connection", text, False)
        case aiohttp.ClientProxyConnectionError():
            text = "cannot be reached: the proxy in between does not answer."
            return Broken("connection", text, True)
        case aiohttp.ClientConnectorDNSError():
            text = f"cannot be reached: the name {host} was not found. Is this machine online?"
            return Broken("connection", text, True)
        case aiohttp.ClientConnectorError():
            return Broken("connection", f"cannot be reached: nothing answers at {host}.", True)
        case aiohttp.ConnectionTimeoutError():
            return Broken("connection", f"cannot be reached: {host} does not answer.", True)
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            # The request may have been read and billed; nothing of the answer came.
            return Broken("connection", "closed the connection before it answered.", True)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return Broken("bad_request", "has a base URL that is not a web address.", False)
    return Broken("protocol", f"sent something that is not HTTP ({type(cause).__name__}).", False)


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this address; never for this machine.

    aiohttp's trust_env would do this in a thread at each call, and send passwords from ~/.netrc.
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.hostname in _HERE or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)
