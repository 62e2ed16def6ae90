"""What a broken connection means: aiohttp's exceptions in words, and whether to try again."""

import ssl
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from app.errors import ProviderError
from app.providers.addresses import RefusedAddress
from app.providers.target import Target

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)  # OpenSSL's codes; an expired certificate is another matter


class UnusableProxy(OSError):
    """What the environment names as a proxy is none that can be used."""


def broken_connection(target: Target, exc: BaseException, *, started: bool) -> ProviderError:
    """``started``: part of the answer had arrived, so it is (being) paid for."""
    host = urlsplit(target.url).netloc.rpartition("@")[2]
    if started:
        return target.failure("interrupted", "broke off in the middle of the answer.")
    kind, again = "connection", True
    match exc:
        case aiohttp.ClientConnectorCertificateError():
            text, again = _distrusted(exc.certificate_error, host), False
        case aiohttp.ClientSSLError() | ssl.SSLError():
            text = f"cannot be reached: {host} does not speak TLS. Is its address http://?"
            again = False
        case RefusedAddress():
            kind, text, again = "bad_request", str(exc), False
        case aiohttp.ClientConnectorError(os_error=RefusedAddress() as refused):
            kind, text, again = "bad_request", str(refused), False
        case UnusableProxy():
            text = "cannot be reached: the proxy set in the environment is no http:// address."
            again = False
        case aiohttp.ClientHttpProxyError():
            text = f"cannot be reached: the proxy in between refused ({exc.status})."
            again = False
        case aiohttp.ClientProxyConnectionError():
            text = "cannot be reached: the proxy in between does not answer."
        case aiohttp.ClientConnectorDNSError():
            text = f"cannot be reached: the name {host} was not found. Is this machine online?"
        case aiohttp.ClientConnectorError():
            text = f"cannot be reached: nothing answers at {host}."
        case aiohttp.ConnectionTimeoutError():
            text = f"cannot be reached: {host} does not answer."
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            # The request may have been read and billed; nothing of the answer came.
            text = "closed the connection before it answered."
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            kind, text, again = "bad_request", "has a base URL that is not a web address.", False
        case _:
            name = type(exc).__name__
            kind, text, again = "protocol", f"sent something that is not HTTP ({name}).", False
    return target.failure(kind, text, retryable=again)


def _distrusted(error: Exception, host: str) -> str:
    reason = getattr(error, "verify_message", "").rstrip(".")
    text = f"has a certificate at {host} that cannot be verified: {reason}."
    if getattr(error, "verify_code", 0) in _UNKNOWN_ISSUER:
        text += " If its authority is your own, name its file in BLUFFCHECK_CA_FILE and restart."
    return text


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this address; never for this machine.

    aiohttp's trust_env would do this in a thread at each call, and send passwords from ~/.netrc.
    Raises UnusableProxy.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if not parts.hostname or parts.hostname in _HERE or proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    try:
        named = urlsplit(proxy)
        usable = named.scheme in ("http", "https") and bool(named.hostname) and named.port != 0
    except ValueError:  # whose message would show the address, perhaps with a password
        usable = False
    if not usable:
        raise UnusableProxy
    return proxy
