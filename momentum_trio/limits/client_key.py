"""What is counted as one client by its address."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network

from momentum_trio.net.netblock import Address

IPV6_PREFIX = 64
"""That much of an IPv6 address says who it is: the rest is his own choice (RFC 4291 section 2.5.4)."""


def client_key(address: Address) -> str:
    """The word for whoever is at *address*."""
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), IPV6_PREFIX), strict=False))
    return str(address)
