"""Where calls may go: what is looked at is the address connected to, not the name it has.

Never      link-local addresses, and others at which clouds hand a machine its credentials
Private    only if named in BLUFFCHECK_ALLOW_PRIVATE; this machine also where a base URL says so
           itself (127.0.0.1, localhost), which no name from a DNS server does
"""

import socket
from collections.abc import Sequence
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_NEVER = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16", "fe80::/10",  # link-local, with most clouds' metadata
            "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32",  # Alibaba, Oracle, Azure
            "fd00:ec2::/32", "fd20:ce::254/128",  # Amazon and Google, over IPv6
            "0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "255.255.255.255/32",
        ),
    )
)  # fmt: skip
_NAT64 = ip_network("64:ff9b::/96")
_parsed = lru_cache(256)(ip_address)
_names_here: ContextVar[bool] = ContextVar("names_here", default=False)


class RefusedAddress(OSError):
    """``str(error)`` goes on from "Fernhill "."""


_REFUSED_ALWAYS = (
    "is at an address that is never called: link-local and metadata addresses hand out what is"
    " secret to this machine."
)
_REFUSED_PRIVATE = (
    "is at a private address. If it is your own server, add its address to"
    " BLUFFCHECK_ALLOW_PRIVATE and restart."
)


class Guard:
    """Decides for one client. ``allowed``: private networks it may call."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def enter(self, host: str) -> None:
        """Before a request to this host, in the task that makes it.

        Raises RefusedAddress where its name tells enough: then no proxy is asked either.
        """
        address = _literal(host)
        here = host == "localhost" or (address is not None and address.is_loopback)
        _names_here.set(here)
        if address is not None:
            self._check(address)

    def connecting(self, info: Any) -> socket.socket:
        """The socket for a connection that is about to be made; an aiohttp SocketFactoryType.

        Raises RefusedAddress. Names are not looked up again after this.
        """
        family, kind, protocol, _, address = info
        self._check(_parsed(str(address[0]).partition("%")[0]))
        return socket.socket(family, kind, protocol)

    def _check(self, address: Address) -> None:
        for one in _meant(address):
            if _is_never_called(one):
                raise RefusedAddress(_REFUSED_ALWAYS)
            named = one.is_loopback and _names_here.get()
            if not (one.is_global or named or any(one in network for network in self._allowed)):
                raise RefusedAddress(_REFUSED_PRIVATE)


@lru_cache(1024)  # a literal address is looked at before each request
def _is_never_called(address: Address) -> bool:
    return any(address in network for network in _NEVER)


def _meant(address: Address) -> list[Address]:
    """Those that are reached by it: some IPv6 addresses lead to one of IPv4 inside them."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address, address.sixtofour] if address.sixtofour else [address]


@lru_cache(256)
def _literal(host: str) -> Address | None:
    """Also as only the system's own functions read one: 2130706433 and 0x7f.1 are 127.0.0.1."""
    bare = host.strip("[]").partition("%")[0]
    try:
        return ip_address(bare)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(bare))
    except (OSError, UnicodeError):
        return None
