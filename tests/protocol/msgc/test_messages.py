"""Messages of servers are the octets that docs/protocols/msgc.md says, and no others are taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given

from momentum_trio.net.group import Service
from momentum_trio.protocol.msgc import message as messages
from momentum_trio.protocol.msgc.frame import RemoteProtocolError
from momentum_trio.protocol.msgc.message import (
    EPOCH_MAX,
    INCARNATION_MAX,
    MESSAGE_OCTETS_MAX,
    Act,
    Life,
    Message,
    Ordered,
    Sending,
    ViewKey,
    decode,
    encode,
)
from momentum_trio.protocol.msgc.order import batches
from momentum_trio.protocol.msgc.strategies import server_messages

VECTORS = json.loads((Path(__file__).parent / "messages.json").read_text("utf-8"))
LIVES = (Life("a", 1), Life("b", 2))


def plain(value: Any) -> Any:
    """As the file writes it."""
    if isinstance(value, bytes):
        return {"octets": value.hex()}
    return [plain(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_vectors(vector: dict[str, Any]) -> None:
    octets = bytes.fromhex(vector["octets"])
    message = decode(octets)
    assert type(message).__name__ == vector["name"]
    assert encode(message) == octets
    assert plain(msgspec.msgpack.decode(octets)) == [vector["number"], *vector["fields"]]


def test_every_message_has_a_vector() -> None:
    kinds = [kind.__name__ for kind in messages.Message.__args__]
    assert sorted(kinds) == sorted(vector["name"] for vector in VECTORS)


@given(server_messages(ViewKey.first(LIVES[0]), LIVES))
def test_what_is_said_is_understood(message: Message) -> None:
    octets = encode(message)
    assert encode(decode(octets)) == octets


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x90",
        b"\x91\x63",  # no such message
        b"\x92\x08\xa1a",  # READY of no number
        msgspec.msgpack.encode([8, -1]),
        msgspec.msgpack.encode([8, EPOCH_MAX]),
        msgspec.msgpack.encode([10, ["", 1], [2, "a", 1], [4, "a", 1]]),
        msgspec.msgpack.encode([11, 2, 0, [[0, 2, "#c#a", "g", bytes(65_537)]]]),
        msgspec.msgpack.encode([11, 2, 0, [[0, 2, "#c#a", "g", b""]] * 257]),
        msgspec.msgpack.encode([11, 2, 0, [[5, 2, "#c#a", "g", b""]]]),
        b"\x92\x08" + b"\x91" * 5000,
    ],
)
def test_what_is_none(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(octets)


def test_the_largest_batch_fits_a_message() -> None:
    names = "é" * 32
    small = [(0, Sending(Act.PUBLISH, Service.SAFE, names, names, bytes(511)))] * 255
    large = (0, Sending(Act.PUBLISH, Service.SAFE, names, names, bytes(65_536)))
    for origins, sendings in batches([*small, large]):
        assert len(encode(Ordered(EPOCH_MAX - 1, 2**53 - 1, 2**53 - 1, origins, sendings))) < MESSAGE_OCTETS_MAX


def test_epochs_grow_are_even_and_tell_the_life() -> None:
    one, other = Life("a", 1_700_000_000_000), Life("a", 1_700_000_000_001)
    first = ViewKey.first(one)
    second = ViewKey.after(first.epoch, one)
    assert first.epoch < second.transitional.epoch < second.epoch < EPOCH_MAX
    assert first.epoch % 2 == second.epoch % 2 == 0
    assert ViewKey.after(first.epoch, other).epoch != second.epoch
    assert ViewKey.first(Life("a", INCARNATION_MAX - 1)).epoch < 2**53
