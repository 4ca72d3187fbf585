"""Frames that tell a link where an address is now: gratuitous ARP, unsolicited neighbour advertisement. Octets alone.

RFC 826 and RFC 5227 section 3 for ARP; RFC 4861 sections 4.4 and 7.2.6, RFC 2464 for IPv6.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

HARDWARE_OCTETS = 6
EVERYBODY = b"\xff" * HARDWARE_OCTETS
ALL_NODES = b"\x33\x33\x00\x00\x00\x01"  # ff02::1 on Ethernet
_NOBODY = bytes(HARDWARE_OCTETS)

_ETHER_ARP, _ETHER_IPV6 = 0x0806, 0x86DD
_ARP_ETHERNET, _ARP_IPV4 = 1, 0x0800
_ARP_REQUEST, _ARP_REPLY = 1, 2
_ICMPV6, _ADVERTISEMENT, _HOPS = 58, 136, 255
_OVERRIDE = 0x20000000
_TARGET_LINK_LAYER = 2


def gratuitous_arp(address: IPv4Address, hardware: bytes, to: bytes = EVERYBODY) -> tuple[bytes, bytes]:
    """The two frames by which *address* is at *hardware*: hosts differ in whether they heed a request or a reply.

    to: whom they are for. Nobody answers them: who asks for the address, and who has it, are the same.
    """

    def frame(operation: int, target: bytes) -> bytes:
        head = struct.pack(">HHHBBH", _ETHER_ARP, _ARP_ETHERNET, _ARP_IPV4, HARDWARE_OCTETS, 4, operation)
        return b"".join((to, hardware, head, hardware, address.packed, target, address.packed))

    return frame(_ARP_REQUEST, _NOBODY), frame(_ARP_REPLY, hardware)


def neighbour_advertisement(
    address: IPv6Address, hardware: bytes, to: bytes = ALL_NODES, whom: IPv6Address | None = None
) -> bytes:
    """The frame by which *address* is at *hardware*, whatever was said before. to, whom: the one host it is for."""
    target = whom or IPv6Address("ff02::1")
    body = struct.pack(">I16sBB6s", _OVERRIDE, address.packed, _TARGET_LINK_LAYER, 1, hardware)
    length = 4 + len(body)
    pseudo = address.packed + target.packed + struct.pack(">IxxxB", length, _ICMPV6)
    check = _checksum(pseudo + struct.pack(">BBH", _ADVERTISEMENT, 0, 0) + body)
    return (
        to
        + hardware
        + struct.pack(">HIHBB", _ETHER_IPV6, 6 << 28, length, _ICMPV6, _HOPS)
        + address.packed
        + target.packed
        + struct.pack(">BBH", _ADVERTISEMENT, 0, check)
        + body
    )


def _checksum(octets: bytes) -> int:
    """RFC 1071, of an even number of octets."""
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
