"""Which addresses may be fetched for a model: public ones. Cloud metadata, routers and services nearby are not.

The name is resolved here, once, and the connection goes to the address that was checked: a name that resolves to
something else a moment later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressForbidden(Exception):
    """The address is not a public one."""


def is_public(address: str) -> bool:
    """True for a unicast address of the internet; an IPv4 address inside an IPv6 one is judged as what it is."""
    try:
        found: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        found = _inner_address(found) or found
    return found.is_global and not found.is_multicast and not found.is_reserved and not found.is_unspecified


def _inner_address(found: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside an IPv6 one."""
    inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
    if inner is None and found in _NAT64:
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return inner


async def addresses_of(host: str, port: int, *, allow_private: bool = False) -> list[str]:
    """The addresses of a host that may be connected to.

    Raises AddressForbidden if it has none but private ones, OSError if it has none at all.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    every = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [address for address in every if allow_private or is_public(address)]
    if not allowed:
        raise AddressForbidden(host)
    return allowed


def is_private_literal(host: str) -> bool:
    """True for a private address or a name of this machine, as far as the text shows, without resolving anything."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith((".localhost", ".local", ".internal")):
        return True
    with contextlib.suppress(OSError):
        # inet_aton reads what resolvers read: 127.1, 0x7f000001, 2130706433.
        bare = socket.inet_ntoa(socket.inet_aton(bare))
    try:
        ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return False
    return not is_public(bare)
