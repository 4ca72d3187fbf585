"""Whatever a client of the event stream says is a subscription, a ping or a ValueError, and means the same again."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from momentum_trio.mail.record import Received
from momentum_trio.protocol.events.cursor import Cursor, parse_cursor
from momentum_trio.protocol.events.filter import VALUES_MAX, Sieve
from momentum_trio.protocol.events.message import Ping, Subscribe, parse
from momentum_trio.protocol.events.strategies import octets

RECORD = Received(1.0, "m", "b", "c", "a@b.example", "", "g", "b", "192.0.2.1", 5, "esmtp")


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying."""
    return octets


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    try:
        said = parse(octets)
    except ValueError:
        return
    assert parse(msgspec.json.encode(said)) == said
    if isinstance(said, Subscribe):
        _check(said)
    else:
        assert isinstance(said, Ping)


def _check(said: Subscribe) -> None:
    assert all(len(values) <= VALUES_MAX for values in msgspec.structs.astuple(said.filter))
    try:
        cursor = parse_cursor(said.cursor) if said.cursor else Cursor("", 0)
        sieve = Sieve(said.filter)
    except ValueError:
        return
    assert str(cursor) == said.cursor or not said.cursor
    assert sieve.wants(RECORD) in (True, False)
