"""Where a request comes from. What it says of that itself is believed of our own proxies only."""

from ipaddress import ip_address

from starlette.requests import HTTPConnection

from app.settings import Settings


def believed(settings: Settings, address: str) -> bool:
    """Whether this is a proxy of ours."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in settings.proxies)


def peer(connection: HTTPConnection) -> str:
    """Who is connected."""
    return connection.client.host if connection.client else ""


def from_proxy(connection: HTTPConnection, settings: Settings) -> bool:
    return believed(settings, peer(connection))


def address_of(connection: HTTPConnection, settings: Settings) -> str:
    """The address of whoever asks: behind our proxies, the one that the first of them saw."""
    address = peer(connection)
    passed = _passed_on(connection, "x-forwarded-for").split(",")
    while believed(settings, address) and passed and (before := passed.pop().strip()):
        address = before
    return address[:60]


def over_https(connection: HTTPConnection, settings: Settings) -> bool:
    if from_proxy(connection, settings):
        told = _passed_on(connection, "x-forwarded-proto") or connection.url.scheme
        return told.rpartition(",")[2].strip() == "https"
    return connection.url.scheme == "https"


def _passed_on(connection: HTTPConnection, name: str) -> str:
    """All lines of a header as one. Some proxies, such as HAProxy, add a line of their own below
    that of the browser, which may say anything."""
    return ",".join(connection.headers.getlist(name))
