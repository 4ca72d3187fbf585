"""The octets of publications about floating addresses: those of docs/protocols/duravip.md, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given

from momentum_trio.protocol.cluster.duravip_message import (
    OCTETS_MAX,
    Announced,
    Claim,
    Elect,
    Key,
    Message,
    Move,
    Released,
    announcements,
    decode,
    encode,
)
from momentum_trio.protocol.cluster.strategies import ownership

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("duravip.json").read_text())
VIEW = Key(7, "labrat-1", 3)
MESSAGES: dict[str, Message] = {
    "announced": Announced(
        VIEW,
        (
            Claim("10.1.1.1", ("ESMTP:25", "multivip"), ("news", "group/alerts"), "labrat-1"),
            Claim("fd01::9", ("ESMTP:25",), follows="10.1.1.1"),
        ),
        ("10.1.1.1",),
        first=True,
        last=True,
    ),
    "released": Released(VIEW, ("10.1.1.1", "fd01::9")),
    "elect what nobody has": Elect(VIEW, is_mature=False),
    "elect and balance": Elect(VIEW, is_mature=True, moves=4),
    "move an address": Move(VIEW, ("10.1.1.1",), "", "labrat-2"),
    "move all of a node": Move(VIEW, (), "labrat-1", "labrat-2"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_vectors(name: str) -> None:
    octets = bytes.fromhex(VECTORS["publications"][name])
    assert encode(MESSAGES[name]) == octets
    assert decode(octets) == MESSAGES[name]


def test_every_vector_is_run() -> None:
    assert VECTORS["publications"].keys() == MESSAGES.keys()


@pytest.mark.parametrize("name", VECTORS["refused"])
def test_refused(name: str) -> None:
    with pytest.raises(ValueError, match=VECTORS["refused"][name]["why"]):
        decode(bytes.fromhex(VECTORS["refused"][name]["octets"]))


@given(ownership)
def test_what_is_said_is_heard(message: Message) -> None:
    assert decode(encode(message)) == message


def test_a_long_announcement_comes_in_parts_that_each_are_allowed() -> None:
    claims = {
        f"10.1.{n // 250}.{n % 250}": Claim(f"10.1.{n // 250}.{n % 250}", ("multivip",), ("b" * 200,))
        for n in range(999)
    }
    parts = announcements(VIEW, claims, claims)
    assert len(parts) > 3
    assert [part.first for part in parts] == [True] + [False] * (len(parts) - 1)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(len(encode(part)) <= OCTETS_MAX for part in parts)
    assert {claim.address: claim for part in parts for claim in part.claims} == claims
    assert {address for part in parts for address in part.holds} == claims.keys()


def test_too_much_is_refused() -> None:
    with pytest.raises(ValueError, match="octets"):
        decode(b"\x01" + bytes(OCTETS_MAX))
    assert msgspec.msgpack.decode(encode(MESSAGES["released"])[1:])[0] == 2
