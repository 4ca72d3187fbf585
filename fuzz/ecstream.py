"""Whatever a side of ECStream is sent, however it is cut, its events are the same, and nothing follows an error."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.protocol.ecstream import client, server
from momentum_trio.protocol.ecstream.batch import Batch, Encoded, Message, Recipient
from momentum_trio.protocol.ecstream.frame import HEADER, Kind
from momentum_trio.protocol.ecstream.strategies import client_streams, feed, joined, server_streams

TERMS = server.Terms(16384, 65536, 20, 4, 100, 9, 9)
STEPS = (1, 3, 1 << 20)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: what clients say, and what servers say."""
    return client_streams | server_streams


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    assert len({repr(_server(octets, step)) for step in STEPS}) == 1
    assert len({repr(_client(octets, step)) for step in STEPS}) == 1


def _server(octets: bytes, step: int) -> tuple[list[object], bytes]:
    side = server.Server(TERMS)
    events = feed(side, octets, step)
    said = joined(side.octets_to_send())
    _check_errors(said, closed=side.state is server.State.CLOSED)
    assert side.unanswered <= TERMS.batches
    return [_plain(event) for event in events], said


def _client(octets: bytes, step: int) -> tuple[list[object], bytes]:
    side = client.Client()
    side.octets_to_send()
    events = feed(side, octets, step)
    if side.may_send(100):
        side.batch(Encoded.of(Batch(1, (b"",), (Message(b"", (Recipient(b"a"),)),))))
        side.octets_to_send()
        events += feed(side, octets, step)
    said = joined(side.octets_to_send())
    _check_errors(said, closed=side.state is client.State.CLOSED)
    assert side.welcome is None or side.state is client.State.CLOSED or side.credit <= side.welcome.window_octets
    return events, said


def _plain(event: object) -> object:
    """*event* with octets for views of them, whose reprs differ."""
    if isinstance(event, server.ContentPart):
        return event._replace(octets=bytes(event.octets))
    return event


def _check_errors(said: bytes, *, closed: bool) -> None:
    """At most one error frame is said, and nothing after it."""
    at = 0
    while at < len(said):
        octets, kind, _ = HEADER.unpack_from(said, at)
        at += HEADER.size + octets
        assert kind != Kind.ERROR or (closed and at == len(said))
    assert at == len(said)
