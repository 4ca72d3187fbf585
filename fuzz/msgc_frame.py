"""Whatever an end of the bus is sent, however it is cut, its events are the same, and nothing follows its end."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.protocol.msgc.frame import Kind, Opener, RemoteProtocolError, joined
from momentum_trio.protocol.msgc.handshake import Hello, Role
from momentum_trio.protocol.msgc.link import Closed, Event, Link, Messages, State
from momentum_trio.protocol.msgc.payload import decode_asked, decode_events, encode, encode_event
from momentum_trio.protocol.msgc.strategies import feed, streams

STEPS = (1, 7, 1 << 20)
SECRET = b"sixteen octets.."
CALLER = Hello(Role.CLIENT, "ec0-1", 1, bytes(32), has_secret=False)
CALLED = Hello(Role.SERVER, "b", 2, bytes(32), has_secret=False)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: what callers say, and what those say whom they call."""
    return streams


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    for secrets in ((), (SECRET,)):
        caller, called = (hello._replace(has_secret=bool(secrets)) for hello in (CALLER, CALLED))
        assert len({repr(_ran(Link.calling(caller, secrets), octets, step)) for step in STEPS}) == 1
        assert len({repr(_ran(Link.called(called, secrets), octets, step)) for step in STEPS}) == 1


def _ran(link: Link, octets: bytes, step: int) -> tuple[list[Event], bytes]:
    events = feed(link, octets, step)
    said = link.octets_to_send()
    ends = [at for at, event in enumerate(events) if isinstance(event, Closed)]
    assert ends in ([], [len(events) - 1])
    assert bool(ends) == (link.state is State.CLOSED)
    for event in events:
        if isinstance(event, Messages):
            _decode(event.octets)
    if link.theirs is None:
        _look_at(said)
    return events, said


def _decode(octets: bytes) -> None:
    """What is understood is understood again once it is said anew."""
    try:
        asked = decode_asked(octets)
        assert not asked or decode_asked(joined([*map(encode, asked)])) == asked
    except RemoteProtocolError:
        pass
    try:
        events = decode_events(octets)
        assert not events or decode_events(joined([*map(encode_event, events)])) == events
    except RemoteProtocolError:
        pass


def _look_at(said: bytes) -> None:
    """What was said so far is whole frames; REFUSED, if any, is the last."""
    opener = Opener()
    opener.receive(said)
    if said.startswith(b"MSGC"):
        assert opener.preface()
    kinds = []
    while (frame := opener.next_frame()) is not None:
        kinds.append(frame.kind)
    assert Kind.REFUSED not in kinds[:-1]
