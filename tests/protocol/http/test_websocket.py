"""WebSocket without I/O: what begins one (RFC 6455 section 4.2), frames that are refused, messages."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import CLIENT, Connection
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from momentum_trio.protocol.http import upgrade
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.websocket import FRAMES_MAX, Closed, Conversation, Event, Message, Sign

MASK = bytes(4)
GOOD = {
    "connection": "keep-alive, Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def asks(method: str = "GET", version: str = "1.1", **fields: str) -> Request:
    changed = {name.replace("_", "-"): value for name, value in fields.items()}
    return Request(method, "/", "/", (), {**GOOD, **changed}, version)


def test_the_example_of_the_rfc() -> None:
    assert upgrade.is_asked(asks())
    assert upgrade.fault(asks()) is None
    assert ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in upgrade.accepted(asks())


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asks("POST"), 400),
        (asks(version="1.0"), 400),
        (asks(connection="keep-alive"), 400),
        (asks(sec_websocket_version="8"), 426),
        (asks(sec_websocket_version=""), 426),
        (asks(sec_websocket_key=""), 400),
        (asks(sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ"), 400),
        (asks(sec_websocket_key="dGhlIHNhbXBsZQ=="), 400),
        (asks(sec_websocket_key="dGhlIHNhbXBsZSBub25jZR=="), 400),  # not what base64 makes of sixteen octets
        (asks(sec_websocket_key="!" * 24), 400),
    ],
)
def test_a_bad_handshake_is_refused(request_: Request, status: int) -> None:
    answer = upgrade.fault(request_)
    assert answer is not None
    assert (answer.status, answer.closes) == (status, True)
    assert (("sec-websocket-version", "13") in answer.fields) == (status == 426)


def frame(first: int, payload: bytes = b"", *, declared: int | None = None, masked: bool = True) -> bytes:
    octets = len(payload) if declared is None else declared
    head = bytes((first, (0x80 if masked else 0) | (octets if octets < 126 else 126 if octets < 65536 else 127)))
    long = b"" if octets < 126 else struct.pack(">H" if octets < 65536 else ">Q", octets)
    return head + long + (MASK if masked else b"") + payload


def heard(octets: bytes, octets_max: int = 1000) -> tuple[list[Event], bytes]:
    core, events = Conversation(octets_max), list[Event]()
    core.receive(octets)
    while (event := core.next_event()) is not None:
        events.append(event)
    return events, core.octets_to_send()


REFUSED = {
    "an unmasked frame": (frame(0x81, b"a", masked=False), 1002),
    "a frame of 2^62 octets": (frame(0x82, declared=2**62), 1009),
    "a frame of 2^63 octets": (b"\x82\xff" + struct.pack(">Q", 2**63), 1002),
    "a text of one octet too many": (frame(0x81, declared=1001), 1009),
    "fragments of too many octets": (frame(0x01, b"a" * 600) + frame(0x80, declared=401), 1009),
    "fragments without end": (frame(0x01) + frame(0x00) * FRAMES_MAX, 1009),
    "a length in more octets than it needs": (b"\x81\xfe\x00\x05" + MASK, 1002),
    "a reserved bit": (frame(0xC1, b"a"), 1002),
    "an opcode that is none": (frame(0x83), 1002),
    "a control frame in fragments": (frame(0x09), 1002),
    "a long ping": (frame(0x89, declared=126), 1002),
    "a continuation of nothing": (frame(0x80, b"a"), 1002),
    "a message in a message": (frame(0x01, b"a") + frame(0x81, b"b"), 1002),
    "text that is not UTF-8": (frame(0x81, b"\xff"), 1007),
    "text that ends in a character": (frame(0x81, b"\xc3"), 1007),
    "a close of one octet": (frame(0x88, b"\x03"), 1002),
    "a close with a code of nobody's": (frame(0x88, struct.pack(">H", 1005)), 1002),
    "a close whose reason is not UTF-8": (frame(0x88, struct.pack(">H", 1000) + b"\xff"), 1007),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_breach_is_told_and_ends_it(name: str) -> None:
    octets, code = REFUSED[name]
    events, said = heard(octets + frame(0x81, b"more"))
    assert isinstance(events[-1], Closed)
    assert (events[-1].code, events[-1].by_client) == (code, False)
    assert not any(isinstance(event, Message) and event.content == "more" for event in events)
    assert said[:1] == b"\x88"
    assert said[2:4] == struct.pack(">H", code)


@pytest.mark.parametrize(
    ("octets", "events"),
    [
        (frame(0x81, "ü".encode()), [Message("ü")]),
        (frame(0x82, b"\xff"), [Message(b"\xff")]),
        (frame(0x81), [Message("")]),
        (frame(0x01, b"\xc3") + frame(0x89, b"x") + frame(0x80, b"\xbc"), [Sign(), Message("ü")]),
        (frame(0x8A), [Sign()]),
        (frame(0x88, struct.pack(">H", 1001) + b"bye"), [Closed(1001, "bye", by_client=True)]),
        (frame(0x88), [Closed(1005, "", by_client=True)]),
        (frame(0x82, b"a" * 1000), [Message(b"a" * 1000)]),
    ],
)
def test_what_a_client_may_say(octets: bytes, events: list[Event]) -> None:
    assert heard(octets)[0] == events


def test_a_ping_is_answered_with_what_it_says() -> None:
    assert heard(frame(0x89, b"hello"))[1] == b"\x8a\x05hello"


def test_an_end_without_a_word_is_an_end() -> None:
    core = Conversation(10)
    core.receive(b"")
    assert core.next_event() == Closed(1006, "", by_client=True)
    assert core.next_event() is None


def test_who_has_said_that_it_is_over_says_nothing_more() -> None:
    core = Conversation(10)
    assert core.close(1000, "done") == b"\x88\x06\x03\xe8done"
    assert core.close(1000, "again") == b""
    core.receive(frame(0x89, b"x") + frame(0x88, struct.pack(">H", 1000)))
    assert core.next_event() == Sign()
    assert core.next_event() == Closed(1000, "", by_client=True)
    assert core.octets_to_send() == b""


contents = st.one_of(st.text(max_size=20), st.binary(max_size=200))


@settings(max_examples=40, deadline=None)
@given(st.lists(contents, max_size=4), st.integers(1, 50))
def test_both_sides_hear_what_the_other_says(said: list[str | bytes], step: int) -> None:
    """wsproto's client is the other side: his masks are random."""
    client, core = Connection(CLIENT), Conversation(1000)
    sent = b"".join(
        bytes(client.send(TextMessage(content) if isinstance(content, str) else BytesMessage(content)))
        for content in said
    )
    messages: list[Event] = []
    for at in range(0, len(sent), step):
        core.receive(sent[at : at + step])
        while (event := core.next_event()) is not None:
            messages.append(event)
    assert messages == [Message(content) for content in said]
    client.receive_data(b"".join(core.message(content) for content in said) + core.close(1000, ""))
    heard = [event.data for event in client.events() if not isinstance(event, CloseConnection)]  # type: ignore[attr-defined]
    assert heard == said
