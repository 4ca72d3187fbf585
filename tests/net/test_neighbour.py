"""Frames that tell a link where an address is, octet by octet as the RFCs draw them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.net.neighbour import gratuitous_arp, neighbour_advertisement

HARDWARE = bytes.fromhex("02005e0001ff")

# RFC 826; RFC 5227 section 3: sender and target address are the same
REQUEST = "ffffffffffff02005e0001ff0806" + "0001080006040001" + "02005e0001ffc0000209" + "000000000000c0000209"
REPLY = "ffffffffffff02005e0001ff0806" + "0001080006040002" + "02005e0001ffc0000209" + "02005e0001ffc0000209"
# RFC 2464, RFC 8200: version 6, 32 octets of ICMPv6, hop limit 255; RFC 4861 section 4.4: override, target's link layer
ADVERTISEMENT = (
    "33330000000102005e0001ff86dd" + "60000000" + "0020" + "3aff"
    + "20010db8000000000000000000000009" + "ff020000000000000000000000000001"
    + "8800" + "{check}" + "20000000" + "20010db8000000000000000000000009" + "0201" + "02005e0001ff"
)  # fmt: skip


def test_arp() -> None:
    assert [frame.hex() for frame in gratuitous_arp(IPv4Address("192.0.2.9"), HARDWARE)] == [REQUEST, REPLY]


def test_advertisement() -> None:
    frame = neighbour_advertisement(IPv6Address("2001:db8::9"), HARDWARE).hex()
    assert frame == ADVERTISEMENT.format(check=frame[112:116])


@pytest.mark.parametrize("whom", [None, IPv6Address("2001:db8::1")])
@given(st.integers(0, 2**128 - 1).map(IPv6Address), st.binary(min_size=6, max_size=6))
def test_the_checksum_is_right(whom: IPv6Address | None, address: IPv6Address, hardware: bytes) -> None:
    """RFC 4443 section 2.3: the sum over pseudo header and message, checksum included, is all ones."""
    frame = neighbour_advertisement(address, hardware, whom=whom)
    message = frame[14 + 40 :]
    summed = frame[22:54] + len(message).to_bytes(4, "big") + b"\0\0\0\x3a" + message
    total = sum(int.from_bytes(summed[i : i + 2], "big") for i in range(0, len(summed), 2))
    assert total % 0xFFFF == 0
    assert frame[38:54] == (whom or IPv6Address("ff02::1")).packed
