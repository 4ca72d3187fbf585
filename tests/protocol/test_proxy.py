"""The PROXY protocol: HAProxy's doc/proxy-protocol.txt, sections 2.1 and 2.2."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzz.proxy
from momentum_trio.protocol.proxy.header import SIGNATURE, V1_OCTETS_MAX, V2_REST_MAX, End, Header, Malformed
from momentum_trio.protocol.proxy.strategies import headers, read, version_2

CLIENT, LOCAL = End(ip_address("192.168.0.1"), 56324), End(ip_address("192.168.0.11"), 443)
CLIENT_6, LOCAL_6 = End(ip_address("2001:db8::1"), 1), End(ip_address("2001:db8::2"), 65535)
FOUR = bytes([192, 168, 0, 1, 192, 168, 0, 11]) + (56324).to_bytes(2) + (443).to_bytes(2)
SIX = CLIENT_6.address.packed + LOCAL_6.address.packed + (1).to_bytes(2) + (65535).to_bytes(2)
BEHIND = b"EHLO a\r\n"


@pytest.mark.parametrize(
    ("octets", "header"),
    [
        # section 2.1, its examples
        (b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", Header(CLIENT, LOCAL)),
        (
            b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            Header(*[End(ip_address("255.255.255.255"), 65535)] * 2),
        ),
        (b"PROXY TCP6 2001:db8::1 2001:DB8:0::2 1 65535\r\n", Header(CLIENT_6, LOCAL_6)),
        (b"PROXY TCP6 ::ffff:192.168.0.1 ::ffff:192.168.0.11 56324 443\r\n", Header(CLIENT, LOCAL)),
        (b"PROXY UNKNOWN\r\n", Header()),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", Header()),
        (b"PROXY UNKNOWN " + b"x" * (V1_OCTETS_MAX - 16) + b"\r\n", Header()),
        # section 2.2
        (version_2(FOUR), Header(CLIENT, LOCAL)),
        (version_2(SIX, family=0x21), Header(CLIENT_6, LOCAL_6)),
        (version_2(FOUR + b"\x03\0\x04abcd"), Header(CLIENT, LOCAL)),
        (version_2(FOUR, command=0x20), Header()),
        (version_2(b"", command=0x20, family=0), Header()),
        (version_2(b"\x04\0\x01x", family=0), Header()),
        (version_2(bytes(216), family=0x31), Header()),
        (version_2(FOUR + bytes(V2_REST_MAX - 12)), Header(CLIENT, LOCAL)),
    ],
)
def test_headers(octets: bytes, header: Header) -> None:
    for sizes in ([], [1] * len(octets), [3] * len(octets)):
        assert read(octets + BEHIND, sizes) == (header, len(octets))


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"PROXY",
        b"EHLO there, who are you\r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n",
        b"PROXY TCP4  192.168.0.1 192.168.0.11 56324 443\r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 \r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 056324 443\r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 65536 443\r\n",
        b"PROXY TCP4 192.168.0.256 192.168.0.11 1 443\r\n",
        b"PROXY TCP4 192.168.0.01 192.168.0.11 1 443\r\n",
        b"PROXY TCP4 ::1 ::1 1 443\r\n",
        b"PROXY TCP6 192.168.0.1 192.168.0.11 1 443\r\n",
        b"PROXY TCP5 192.168.0.1 192.168.0.11 1 443\r\n",
        b"proxy TCP4 192.168.0.1 192.168.0.11 1 443\r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 1 443\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 1 443\rx\r\n",
        b"PROXY UNKNOWN" + b"x" * 200,
        b"PROXY UNKNOWNx\r\n",
        b"PROXY UNKNOWN " + b"x" * (V1_OCTETS_MAX - 15) + b"\r\n",
        version_2(FOUR, command=0x11),
        version_2(FOUR, command=0x22),
        version_2(FOUR, family=0x12),
        version_2(FOUR, family=0x41),
        version_2(FOUR, family=0x10),
        version_2(FOUR[:-1]),
        version_2(FOUR, family=0x21),
        version_2(bytes(215), family=0x31),
        version_2(bytes(V2_REST_MAX + 1)),
        SIGNATURE + b"\x21\x11\0\x0c" + FOUR[:-1],
    ],
)
def test_what_is_no_header(octets: bytes) -> None:
    for sizes in ([], [1] * len(octets), [3] * len(octets)):
        outcome, _ = read(octets, sizes)
        assert isinstance(outcome, Malformed)


def test_what_cannot_become_one_is_not_waited_for() -> None:
    assert read(b"G", [1])[1] == 1
    assert read(b"PROXX TCP4", [1] * 20)[1] == 5


@settings(max_examples=100, deadline=None)
@given(headers, st.lists(st.integers(1, 40), max_size=60))
def test_nothing_behind_it_is_taken(header: tuple[bytes, Header], sizes: list[int]) -> None:
    octets, said = header
    assert read(octets + BEHIND * 30, sizes) == (said, len(octets))


@settings(max_examples=100, deadline=None)
@given(fuzz.proxy.strategy())
def test_the_fuzz_target(octets: bytes) -> None:
    fuzz.proxy.run(octets)
