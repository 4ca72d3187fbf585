"""Frames of the bus, its opening and the vectors of docs/protocols/msgc.md: what is said, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.net.group import GroupView, Service, Told, ViewId
from momentum_trio.protocol.msgc.frame import (
    FRAME_OCTETS_MAX,
    HEADER,
    MAC_OCTETS,
    PREFACE,
    Code,
    Kind,
    Opener,
    RemoteProtocolError,
    Sealer,
    joined,
)
from momentum_trio.protocol.msgc.handshake import Hello, Role, decode_hello, encode_hello
from momentum_trio.protocol.msgc.link import Closed, Event, Knocked, Link, Messages, Noop, State, Welcomed
from momentum_trio.protocol.msgc.payload import (
    Join,
    Publish,
    decode_asked,
    decode_events,
    encode,
    encode_event,
)
from momentum_trio.protocol.msgc.peering import Established, Ours, is_let_in
from momentum_trio.protocol.msgc.strategies import asked, events, feed, hellos

VECTORS = json.loads((Path(__file__).parent / "frames.json").read_text())
SECRET, OTHER = b"a secret of the bus", b"another secret of it"
MEMBER = "#ec1-22787#labrat-1"
VIEW = ViewId(9, "labrat-1")


def hello_of(said: dict[str, Any]) -> Hello:
    return Hello(
        Role[said["role"]],
        said["name"],
        said["incarnation"],
        bytes.fromhex(said["nonce"]),
        bool(said["secrets"]),
        said.get("called", ""),
    )


def secrets_of(said: dict[str, Any]) -> list[bytes]:
    return [text.encode() for text in said["secrets"]]


@pytest.mark.parametrize("vector", VECTORS["conversations"], ids=lambda vector: vector["name"])
def test_conversations(vector: dict[str, Any]) -> None:
    """Both ends say exactly what the vector has, in turn, and understand it."""
    caller = Link.calling(hello_of(vector["caller"]), secrets_of(vector["caller"]))
    called = Link.called(hello_of(vector["called"]), secrets_of(vector["called"]))
    for number, (asks, answers) in enumerate(zip(vector["caller says"], vector["called says"], strict=True)):
        if number == 2:
            say_third(caller, called, "a client" in vector["name"])
        said = caller.octets_to_send()
        assert said.hex() == asks
        called.receive(said)
        if isinstance(event := called.next_event(), Knocked):
            called.welcome(vector["as"])
        said = called.octets_to_send()
        assert said.hex() == answers
        caller.receive(said)
        heard = caller.next_event()
        if number == 1:
            assert event == Knocked(hello_of(vector["caller"]))
            assert heard == Welcomed(hello_of(vector["called"]), vector["as"])
    assert isinstance(event, Noop | Messages)
    assert isinstance(heard, Noop | Messages)
    if isinstance(event, Messages) and isinstance(heard, Messages):
        assert decode_asked(event.octets) == [Join("ec_cluster"), Publish("ec_cluster", b"hi", Service.AGREED)]
        assert decode_events(heard.octets) == [
            GroupView("ec_cluster", VIEW, 3, (MEMBER,), transitional=False, primary=True, together=(MEMBER,)),
            Told("ec_cluster", MEMBER, b"hi", Service.AGREED, VIEW),
        ]


def say_third(caller: Link, called: Link, are_messages: bool) -> None:
    if not are_messages:
        caller.noop()
        called.noop()
        return
    caller.messages([encode(Join("ec_cluster")), encode(Publish("ec_cluster", b"hi", Service.AGREED))])
    view = GroupView("ec_cluster", VIEW, 3, (MEMBER,), transitional=False, primary=True, together=(MEMBER,))
    called.messages([encode_event(view), encode_event(Told("ec_cluster", MEMBER, b"hi", Service.AGREED, VIEW))])


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_refused(vector: dict[str, Any]) -> None:
    (closed,) = feed(end("b", called=True), bytes.fromhex(vector["octets"]), 1 << 20)
    assert isinstance(closed, Closed)
    assert (closed.code, closed.by_peer) == (Code[vector["code"]], False)


def end(name: str, *secrets: bytes, called: bool = False) -> Link:
    hello = Hello(Role.SERVER, name, 1, name.encode() * 32, bool(secrets))
    return Link.called(hello, secrets) if called else Link.calling(hello, secrets)


def converse(caller: Link, called: Link, wire: Callable[[bytes], bytes] = bytes) -> tuple[list[Event], list[Event]]:
    """All that both hear until they have nothing to say. wire: what becomes of the caller's octets."""
    heard: tuple[list[Event], list[Event]] = [], []
    while octets := caller.octets_to_send():
        heard[1].extend(feed(called, wire(octets), 1 << 20))
        heard[0].extend(feed(caller, called.octets_to_send(), 1 << 20))
    return heard


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        ([], [], True),
        ([SECRET], [SECRET], True),
        ([OTHER, SECRET], [SECRET], True),  # the caller has changed over, the called has not
        ([SECRET], [OTHER, SECRET], True),
        ([SECRET], [OTHER], False),
        ([SECRET], [], False),  # nobody is talked into saying things unproved
        ([], [SECRET], False),
    ],
)
def test_secrets(ours: list[bytes], theirs: list[bytes], agreed: bool) -> None:
    caller, called = end("a", *ours), end("b", *theirs, called=True)
    heard = converse(caller, called)
    assert (caller.state is State.OPEN, called.state is State.OPEN) == (agreed, agreed)
    if not agreed:
        codes = {event.code for side in heard for event in side if isinstance(event, Closed)}
        assert codes == {Code.UNPROVED}
        assert not any(isinstance(event, Knocked) for event in heard[1])


def test_who_is_called_without_the_secret_is_found_out() -> None:
    """It lets everybody in, but cannot prove that it knows what they prove."""
    caller, called = end("a", SECRET), end("b", OTHER, called=True)
    called.receive(caller.octets_to_send())
    called.next_event()
    caller.receive(called.octets_to_send())
    caller.next_event()
    sealer = Sealer()
    sealer.seal(Kind.HELLO, b"")
    caller.receive(sealer.seal(Kind.WELCOME, bytes(32)))
    assert caller.next_event() == Closed(Code.UNPROVED, "the other end does not know the secret", by_peer=False)


def test_what_one_connection_said_is_nothing_to_another() -> None:
    """A whole conversation replayed: the called has another nonce, so that the proof does not fit."""
    caller, called, said = end("a", SECRET), end("b", SECRET, called=True), bytearray()

    def kept(octets: bytes) -> bytes:
        said.extend(octets)
        return octets

    converse(caller, called, kept)
    assert called.state is State.OPEN
    other = Link.called(Hello(Role.SERVER, "b", 2, b"n" * 32, has_secret=True), [SECRET])
    assert feed(other, bytes(said), 1 << 20) == [
        Closed(Code.UNPROVED, "the other end does not know the secret", by_peer=False)
    ]


def opened() -> tuple[Link, Link]:
    caller, called = end("a", SECRET), end("b", SECRET, called=True)
    converse(caller, called)
    return caller, called


def test_a_proof_is_not_good_for_the_other_side() -> None:
    """What the caller says, said back to him: neither the keys nor the proofs of the two directions are the same."""
    caller, _ = opened()
    caller.messages([encode(Join("g"))])
    (closed,) = feed(caller, caller.octets_to_send(), 1 << 20)
    assert isinstance(closed, Closed)
    assert closed.code is Code.TAMPERED


@settings(max_examples=50)
@given(st.data())
def test_tampered(data: st.DataObject) -> None:
    """Of a frame one octet of which is another nothing is believed."""
    caller, called = opened()
    caller.messages([encode(Join("ec_cluster"))])
    octets = bytearray(caller.octets_to_send())
    octets[data.draw(st.integers(4, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    (closed,) = feed(called, bytes(octets), 1 << 20)
    assert isinstance(closed, Closed)
    assert closed.code in (Code.TAMPERED, Code.REPLAYED)


def test_replayed_lost_and_swapped_frames() -> None:
    for order in ((0, 0), (1,), (1, 0)):
        caller, called = opened()
        frames = []
        for group in ("one", "two"):
            caller.messages([encode(Join(group))])
            frames.append(caller.octets_to_send())
        last = feed(called, b"".join(frames[at] for at in order), 1 << 20)[-1]
        assert isinstance(last, Closed), order
        assert last.code is Code.REPLAYED


@settings(max_examples=30)
@given(st.lists(asked, min_size=1, max_size=5), st.integers(1, 40))
def test_what_is_sent_arrives_however_it_is_cut(messages: list[Any], step: int) -> None:
    caller, called = opened()
    caller.messages([encode(message) for message in messages])
    caller.noop()
    first, second = feed(called, caller.octets_to_send(), step)
    assert isinstance(first, Messages)
    assert decode_asked(first.octets) == messages
    assert second == Noop()


@settings(max_examples=30)
@given(st.lists(events, min_size=1, max_size=5))
def test_events(said: list[Any]) -> None:
    assert decode_events(joined([encode_event(event) for event in said])) == said


@settings(max_examples=50)
@given(hellos)
def test_hellos(hello: Hello) -> None:
    octets = encode_hello(hello) + b"of a later version"
    if hello.lowest <= 1 <= hello.highest:
        assert decode_hello(octets) == hello
        return
    with pytest.raises(RemoteProtocolError) as raised:
        decode_hello(octets)
    assert raised.value.code is Code.VERSION


def test_bounds() -> None:
    opener = Opener()
    opener.octets_max = FRAME_OCTETS_MAX
    opener.receive(HEADER.pack(FRAME_OCTETS_MAX + 1, 0, Kind.MESSAGES))
    with pytest.raises(RemoteProtocolError) as raised:
        opener.next_frame()
    assert raised.value.code is Code.TOO_LARGE
    with pytest.raises(RemoteProtocolError):
        decode_asked(b"\xdc\xff\xff")
    sealer = Sealer()
    sealer.key = SECRET
    assert len(sealer.seal(Kind.NOOP, b"")) == HEADER.size + MAC_OCTETS
    assert not PREFACE.startswith((b"EHLO", b"GET", b"POST"))


@pytest.mark.parametrize(
    ("us", "them", "attempt", "established", "let_in"),
    [
        ("a", "b", Ours.NONE, None, True),
        ("a", "b", Ours.BEGUN, None, True),  # ours may never come about: theirs works
        ("b", "a", Ours.ANSWERED, None, True),
        ("a", "b", Ours.ANSWERED, None, False),  # ours is the lower name's, and works
        ("a", "b", Ours.NONE, Established(by_us=True, incarnation=1), False),
        ("b", "a", Ours.NONE, Established(by_us=True, incarnation=1), True),
        ("a", "b", Ours.NONE, Established(by_us=False, incarnation=1), True),  # they began it, and have lost it
        ("a", "b", Ours.NONE, Established(by_us=True, incarnation=0), True),  # they have begun a new life
    ],
)
def test_which_of_two_connections_stays(
    us: str, them: str, attempt: Ours, established: Established | None, let_in: bool
) -> None:
    assert is_let_in(us, them, 1, attempt, established) is let_in
