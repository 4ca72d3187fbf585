"""Blocks of addresses and the most specific match (spec: config-language, sections 6 and 10)."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.net.netblock import Netblock, NetblockTable, parse_address


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),  # host bits are cleared
        ("10.0.0.1", "10.0.0.1/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("0.0.0.0", "0.0.0.0/32"),  # an address without a mask is a host
        ("fd82:7796:815b:af9d::", "fd82:7796:815b:af9d::/128"),
        ("FD82::/16", "fd82::/16"),
        ("[fd82::1]", "fd82::1/128"),
        ("[fd82::]/32", "fd82::/32"),
        ("[fd82::/32]", "fd82::/32"),
        ("[10.0.0.1]", "10.0.0.1/32"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),  # IPv4-mapped: unmapped first
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::/0", "::/0"),
    ],
)
def test_spellings(text: str, canonical: str) -> None:
    assert str(Netblock.parse(text)) == canonical
    assert Netblock.parse(canonical) == Netblock.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "fd82::/129",
        "10.0.0",
        "010.0.0.1",
        "fe80::1%eth0/64",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Netblock.parse(text)


def test_families_do_not_mix() -> None:
    # pytricia keeps one key for these two and answers the IPv6 entry for 10.1.1.1 (LIBRARIES.md 2.1)
    table = NetblockTable([(Netblock.parse("10.0.0.0/8"), "four"), (Netblock.parse("0a00::/8"), "six")])
    assert table.most_specific(parse_address("10.1.1.1")) == "four"
    assert table.most_specific(parse_address("::ffff:10.1.1.1")) == "four"
    assert table.most_specific(parse_address("0a01::")) == "six"
    assert NetblockTable([(Netblock.parse("::/0"), "six")]).most_specific(parse_address("10.1.1.1")) is None


def test_longest_prefix_first() -> None:
    blocks = ["0.0.0.0/0", "10.0.0.1", "10.0.0.0/16", "10.0.0.0/8", "192.0.2.0/24"]
    table = NetblockTable((Netblock.parse(text), text) for text in blocks)
    assert list(table.matches(parse_address("10.0.0.1"))) == ["10.0.0.1", "10.0.0.0/16", "10.0.0.0/8", "0.0.0.0/0"]
    assert list(table.matches(parse_address("10.9.0.1"))) == ["10.0.0.0/8", "0.0.0.0/0"]


@pytest.mark.parametrize(
    ("text", "address"), [("[::1]", "::1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1", "192.0.2.1")]
)
def test_address(text: str, address: str) -> None:
    assert parse_address(text) == ipaddress.ip_address(address)


versions = st.sampled_from([4, 6])
small = st.integers(0, 255)  # few distinct addresses, so that blocks nest


@st.composite
def blocks(draw: st.DrawFn) -> Netblock:
    version = draw(versions)
    bits = 32 if version == 4 else 128
    address = (
        ipaddress.ip_address(draw(small) << (bits - 8)) if version == 4 else ipaddress.IPv6Address(draw(small) << 120)
    )
    return Netblock.parse(f"{address}/{draw(st.sampled_from([0, 1, 3, 7, 8, bits - 1, bits]))}")


@given(st.lists(blocks(), max_size=12), versions, small, small)
def test_the_table_agrees_with_a_slow_search(entries: list[Netblock], version: int, first: int, last: int) -> None:
    bits = 32 if version == 4 else 128
    number = first << (bits - 8) | last
    address = ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number)
    slow = [
        block
        for block in {*entries}
        if ipaddress.ip_network(str(block)).version == version and address in ipaddress.ip_network(str(block))
    ]
    slow.sort(key=lambda block: -block.prefix)
    table = NetblockTable((block, block) for block in entries)
    assert list(table.matches(address)) == slow
    assert table.most_specific(address) == (slow[0] if slow else None)
    assert all(block.contains(address) for block in slow)
