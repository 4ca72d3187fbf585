"""Whether an address is on the public Internet: what others may name must not lead into our own networks."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from momentum_trio.net.netblock import Address, Netblock, unmapped

_NAT64 = Netblock.parse("64:ff9b::/96")  # RFC 6052 section 2.1: an IPv4 address is in its last 32 bits


def is_public(address: Address) -> bool:
    """Whether *address* is a host's that anybody can reach, also the IPv4 address that an IPv6 one wraps."""
    address = unmapped(address)
    if isinstance(address, IPv6Address):
        wrapped = _wrapped(address)
        return address.is_global and not address.is_multicast and all(each.is_global for each in wrapped)
    return address.is_global and not address.is_multicast


def _wrapped(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses in *address*: of NAT64, 6to4 and Teredo."""
    if _NAT64.contains(address):
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if (sixtofour := address.sixtofour) is not None:
        return (sixtofour,)
    return address.teredo or ()
