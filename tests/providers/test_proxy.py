"""Calls through the proxy that the environment names."""

import asyncio
import socket
import ssl
import traceback
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme

from app.errors import ProviderError
from app.providers.connection import proxy_for
from tests.providers.calling import ask, each_provider, environ_for, failure
from tests.wire import WireServer
from tests.wire_http import Recorded, read, send
from tests.wire_protocols import protocol_of

HOST = "api.example"
PASSWORD = "hunter2-of-the-proxy"
each = each_provider()


@dataclass
class Proxy(WireServer):
    """Answers what it is to forward by itself, and leads every tunnel to the port ``behind``."""

    refusal: int = 0
    behind: int = 0
    asked: list[Recorded] = field(default_factory=list)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read(reader):
            self.asked.append(request)
            if self.refusal:
                send(writer, self.refusal, {"message": "who are you?"})
                await writer.drain()
            elif request.method == "CONNECT":
                await self._tunnel(reader, writer)
            else:
                request.path = request.path.removeprefix(f"http://{HOST}")
                protocol = protocol_of(request)
                assert protocol
                await self._call(request, protocol, reader, writer)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self.behind)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture(autouse=True)
def no_other_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Named for both schemes, with a password."""
    with Proxy() as running:
        address = f"http://me:{PASSWORD}@127.0.0.1:{running.port}"
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.setenv("https_proxy", address)
        yield running


def moved(server: WireServer, scheme: str, port: str = "") -> dict[str, str]:
    """The environment with all providers at a name that only the proxy can reach."""
    there = f"{scheme}://{HOST}{port}"
    return {name: value.replace(server.url, there) for name, value in environ_for(server).items()}


@each
def test_call_goes_through_the_proxy(proxy: Proxy, provider: str) -> None:
    environ = moved(proxy, "http")
    assert ask(environ, f"{provider}/any").text == "42"
    [request] = proxy.asked
    assert request.headers["host"] == HOST
    assert request.headers["proxy-authorization"] == (
        f"Basic {b64encode(f'me:{PASSWORD}'.encode()).decode()}"
    )


def test_call_over_tls_goes_through_a_tunnel(proxy: Proxy, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    with WireServer(tls=context) as behind:
        proxy.behind = behind.port
        environ = moved(proxy, "https")
        got = ask(environ, "anthropic/any", ca_file=str(tmp_path / "authority.pem"))
        distrusted = failure(environ, "anthropic/any")

    assert got.text == "42"
    assert [(r.method, r.path) for r in proxy.asked] == [("CONNECT", f"{HOST}:443")] * 2
    assert all("x-api-key" not in request.headers for request in proxy.asked)
    assert [call.headers.get("proxy-authorization") for call in behind.calls] == [None]
    assert "BLUFFCHECK_CA_FILE" in distrusted.message


@pytest.mark.parametrize("named", [HOST, ".example", "other,api.example", "*", f"{HOST}:{{port}}"])
def test_no_proxy_is_honoured(
    proxy: Proxy, server: WireServer, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    look_up = socket.getaddrinfo

    def names(host: Any, *args: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if host == HOST else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", names)
    monkeypatch.setenv("no_proxy", named.format(port=server.port))
    here = [ip_network("127.0.0.1")]  # where that name leads
    got = ask(moved(server, "http", f":{server.port}"), "anthropic/any", allow_private=here)
    assert (got.text, len(server.calls), proxy.asked) == ("42", 1, [])


def test_this_machine_needs_no_proxy(proxy: Proxy, server: WireServer) -> None:
    assert ask(environ_for(server), "anthropic/any").text == "42"
    assert proxy.asked == []
    assert proxy_for(f"http://{HOST}/v1")
    assert proxy_for("http://localhost:8080/v1") is None
    assert proxy_for("http://[::1]:8080/v1") is None


def shown(error: ProviderError) -> str:
    """All that a log could show of it."""
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_refuses_is_told(proxy: Proxy, scheme: str) -> None:
    proxy.refusal = 407
    error = failure(moved(proxy, scheme), "anthropic/any")
    assert (error.kind, error.retryable) == ("connection", False)
    assert error.message.startswith(
        "Anthropic cannot be reached: the proxy in between refused (407)"
    )
    assert len(proxy.asked) == 1
    assert PASSWORD not in shown(error)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_is_down_is_told(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    with Proxy() as gone:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:{PASSWORD}@127.0.0.1:{gone.port}")
    error = failure(moved(gone, scheme), "anthropic/any")
    assert (error.kind, error.retryable) == ("connection", True)
    assert error.message == "Anthropic cannot be reached: the proxy in between does not answer."
    assert PASSWORD not in shown(error)


@pytest.mark.parametrize(
    "address",
    ["socks5://me:{}@127.0.0.1:9", "http://me:{}@127.0.0.1:port", "http://me:{}@[::1", "http://"],
)
def test_proxy_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("http_proxy", address.format(PASSWORD))
    error = failure({"VLLM_BASE_URL": f"http://{HOST}/v1"}, "vllm/any")
    assert (error.kind, error.retryable) == ("connection", False)
    assert error.message == (
        "vLLM cannot be reached: the proxy set in the environment is no http:// address."
    )
    assert PASSWORD not in shown(error)


def test_proxy_may_be_named_without_a_scheme(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
    assert ask(moved(proxy, "http"), "anthropic/any").text == "42"
    assert len(proxy.asked) == 1


def test_one_proxy_may_be_named_for_all_schemes(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{proxy.port}")
    assert ask(moved(proxy, "http"), "anthropic/any").text == "42"
    assert len(proxy.asked) == 1
