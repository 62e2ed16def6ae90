"""Which addresses calls never reach, and which only by a setting."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp.resolver
import pytest

from app.errors import SettingsError
from app.providers import load_providers
from app.providers.addresses import Guard, RefusedAddress
from app.settings import load_settings
from tests.providers.calling import ask, environ_for, failure
from tests.wire import WireServer

NEVER = (
    "169.254.169.254", "169.254.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254",
    "::", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
)  # fmt: skip
PRIVATE = (
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1",
    "64:ff9b::a00:1", "198.18.0.1",
)  # fmt: skip
HERE = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1")
PUBLIC = ("1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1")


def outcome(guard: Guard, address: str, host: str) -> str:
    """What comes of connecting to an address that a host name led to."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        guard.enter(host)
        guard.connecting((family, socket.SOCK_STREAM, 0, "", (address, 443))).close()
    except RefusedAddress as exc:
        return "never" if "never called" in str(exc) else "private"
    return "called"


def test_addresses_are_told_apart() -> None:
    usual, all_private = Guard(), Guard([ip_network("0.0.0.0/0"), ip_network("::/0")])
    for address in NEVER:
        for host in ("name.example", f"[{address}]", "localhost"):
            assert outcome(usual, address, host) == "never", address
            assert outcome(all_private, address, host) == "never", address
    for address in PRIVATE:
        assert outcome(usual, address, "name.example") == "private", address
        assert outcome(all_private, address, "name.example") == "called", address
        assert outcome(Guard([ip_network("10.9.0.0/16")]), address, address) == "private", address
    for address in HERE:
        assert outcome(usual, address, "name.example") == "private", address
        for host in ("localhost", "127.0.0.1", "::1"):
            assert outcome(usual, address, host) == "called", address
    for address in PUBLIC:
        assert outcome(usual, address, "name.example") == "called", address
    # Before a proxy could be asked for it, however it is written.
    for host in ("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376"):
        with pytest.raises(RefusedAddress, match="never called"):
            usual.enter(host)


def test_what_a_name_leads_to_decides(server: WireServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it leads elsewhere when it is looked up the next time."""
    leads_to: Sequence[str] = ()

    async def resolve(_self: Any, host: str, port: int = 0, family: int = 0) -> list[Any]:
        return [
            {
                "hostname": host,
                "host": a,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
            for a in leads_to
        ]

    monkeypatch.setattr(aiohttp.resolver.ThreadedResolver, "resolve", resolve)
    environ = environ_for(server)
    port = server.url.rpartition(":")[2]
    environ["OPENAI_BASE_URL"] = f"http://rebinding.example:{port}/v1"
    for leads_to, said in (
        (["169.254.169.254"], "never called"),
        (["127.0.0.1"], "BLUFFCHECK_ALLOW_PRIVATE"),
        (["10.0.0.1", "192.168.0.1"], "BLUFFCHECK_ALLOW_PRIVATE"),
    ):
        error = failure(environ, "openai-chat/plain")
        assert said in error.message, leads_to
        assert (error.kind, error.retryable) == ("bad_request", False)
        assert not any(address in error.message for address in leads_to)
    assert server.calls == []
    leads_to = ["127.0.0.1"]
    allowed = [ip_network("127.0.0.0/8")]
    providers = load_providers(environ, practice_latency_s=0, allow_private=allowed)

    async def listed() -> int:
        try:
            return len(await providers["openai-chat"].list_models())
        finally:
            for provider in providers.values():
                await provider.aclose()

    assert asyncio.run(listed()) > 0


def test_private_networks_are_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLUFFCHECK_ALLOW_PRIVATE", "10.1.2.3, 192.168.0.0/16, fd12::/16")
    assert [str(network) for network in load_settings().allow_private] == [
        "10.1.2.3/32", "192.168.0.0/16", "fd12::/16",
    ]  # fmt: skip
    monkeypatch.setenv("BLUFFCHECK_ALLOW_PRIVATE", "my-server")
    with pytest.raises(SettingsError, match="BLUFFCHECK_ALLOW_PRIVATE"):
        load_settings()


def test_keys_may_lie_in_files(server: WireServer, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-from-a-file-0123456789\n")
    environ = environ_for(server, OPENAI_API_KEY_FILE=str(file))
    del environ["OPENAI_API_KEY"]
    assert ask(environ, "openai-chat/plain").text == "42"
    file.write_text("sk-a-later-key-0123456789")  # as a rotated secret comes
    assert ask(environ, "openai-chat/plain").text == "42"
    sent = [call.headers["authorization"] for call in server.calls]
    assert sent == ["Bearer sk-from-a-file-0123456789", "Bearer sk-a-later-key-0123456789"]
    error = failure(environ, "openai-chat/401")
    assert "later" not in error.message

    del environ["OPENAI_BASE_URL"]
    providers = load_providers(environ, practice_latency_s=0)
    assert providers["openai-chat"].not_ready() == ""
    assert providers["openai-chat"].status().key_in == "OPENAI_API_KEY_FILE"
    file.unlink()
    assert "OPENAI_API_KEY_FILE names a file" in providers["openai-chat"].not_ready()
