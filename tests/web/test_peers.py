"""What a request says of where it comes from is believed of our own proxies only."""

import pytest
from starlette.requests import HTTPConnection

from app.settings import Settings
from app.web.peers import address_of, over_https


def connection(peer: str | None, **headers: str) -> HTTPConnection:
    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    client = (peer, 1) if peer else None
    server = ("127.0.0.1", 8000)
    return HTTPConnection(
        {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "server": server,
         "headers": raw, "client": client}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("peer", "passed", "address"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # no proxy of ours
        ("10.0.0.7", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.7", "1.2.3.4, 198.51.100.1", "198.51.100.1"),  # the first was made up outside
        ("10.0.0.7", "198.51.100.1, 10.0.0.8", "198.51.100.1"),  # through two of ours
        ("::ffff:10.0.0.7", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("testclient", "198.51.100.1", "testclient"),
        (None, "198.51.100.1", ""),
    ],
)
def test_address(peer: str | None, passed: str, address: str) -> None:
    settings = Settings(proxy_addresses=["10.0.0.0/24"])
    given = connection(peer, x_forwarded_for=passed, x_forwarded_proto="https")
    assert address_of(given, settings) == address
    assert over_https(given, settings) == (peer is not None and "10.0.0.7" in peer)


def test_line_that_a_proxy_adds_below_that_of_the_browser_is_the_one_that_counts() -> None:
    settings = Settings(proxy_addresses=["10.0.0.0/24"])
    given = connection("10.0.0.7", x_forwarded_for="1.2.3.4", x_forwarded_proto="https")
    given.scope["headers"] += [
        (b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-proto", b"http")
    ]  # fmt: skip
    assert address_of(given, settings) == "198.51.100.1"
    assert not over_https(given, settings)
