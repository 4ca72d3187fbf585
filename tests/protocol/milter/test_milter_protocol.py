"""The milter protocol: packets by hand from libmilter's mfdef.h, and the laws of the conversation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from milter_server import ALL_MUTE, MilterServer

import fuzz.milter_reply
from momentum_trio.protocol.milter import reply
from momentum_trio.protocol.milter.client import TRANSITIONS, Client, Phase
from momentum_trio.protocol.milter.command import (
    MANNERS,
    Abort,
    Body,
    Command,
    Connect,
    Data,
    EndOfContent,
    EndOfHeader,
    Family,
    HeaderField,
    Hello,
    Mail,
    Quit,
    Rcpt,
    macros_packet,
    packet_of,
)
from momentum_trio.protocol.milter.header import HeaderFields
from momentum_trio.protocol.milter.macros import chosen
from momentum_trio.protocol.milter.negotiation import Negotiated, Stage, agreed, answer, offer
from momentum_trio.protocol.milter.packet import PACKET_OCTETS_MAX, Packet, PacketReader, RemoteProtocolError
from momentum_trio.protocol.milter.reply import (
    AddHeader,
    AddRecipient,
    ChangeFrom,
    ChangeHeader,
    DeleteRecipient,
    InsertHeader,
    Quarantine,
    ReplaceBody,
    Reply,
    Say,
    decoded,
)
from momentum_trio.protocol.milter.strategies import agreements, hostile, names, values


@pytest.mark.parametrize(
    ("command", "octets"),
    [
        (Connect(b"h", Family.INET, 25, b"192.0.2.1"), b"\0\0\0\x10Ch\x004\0\x19192.0.2.1\0"),
        (Connect(b"h", Family.INET6, 25, b"::1"), b"\0\0\0\x0aCh\x006\0\x19::1\0"),
        (Connect(b"h", Family.UNIX, 0, b"/s"), b"\0\0\0\x09Ch\0L\0\0/s\0"),
        (Connect(b"h", Family.UNKNOWN), b"\0\0\0\x04Ch\0U"),
        (Hello(b"c"), b"\0\0\0\x03Hc\0"),
        (Mail(b"<>", (b"BODY=8BITMIME",)), b"\0\0\0\x12M<>\0BODY=8BITMIME\0"),
        (Rcpt(b"<a@b>"), b"\0\0\0\x07R<a@b>\0"),
        (Data(), b"\0\0\0\x01T"),
        (HeaderField(b"A", b"b\n c"), b"\0\0\0\x08LA\0b\n c\0"),
        (EndOfHeader(), b"\0\0\0\x01N"),
        (Body(b"x\r\n"), b"\0\0\0\x04Bx\r\n"),
        (EndOfContent(), b"\0\0\0\x01E"),
        (Abort(), b"\0\0\0\x01A"),
        (Quit(), b"\0\0\0\x01Q"),
    ],
)
def test_commands(command: Command, octets: bytes) -> None:
    assert packet_of(command).octets() == octets


def test_the_offer_and_macros() -> None:
    assert offer().octets() == b"\0\0\0\x0dO\0\0\0\6\0\0\1\xdf\0\x1f\xf7\xff"
    assert macros_packet(b"M", {"i": "1", "{a}": "b\0c"}).octets() == b"\0\0\0\x0eDMi\x001\0{a}\0b?c\0"


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        (b"a", b"", reply.Accept()),
        (b"c", b"\0", reply.Continue()),
        (b"d", b"", reply.Discard()),
        (b"f", b"", reply.Shutdown()),
        (b"4", b"", reply.Shutdown()),
        (b"p", b"", reply.Progress()),
        (b"r", b"", reply.Reject()),
        (b"s", b"", reply.Skip()),
        (b"t", b"", reply.TempFail()),
        (b"y", b"550 5.7.1 no\0", Say(550, "5.7.1", "no")),
        (b"y", b"550\0", Say(550, "", "")),
        (b"y", b"450 no\0", Say(450, "", "no")),
        (b"y", b"450 5.7.1 no\0", Say(450, "", "no")),
        (b"y", b"550-5.7.1 a\r\n550-b\r\n550 5.7.1 c%%\r\n\0", Say(550, "5.7.1", "a b c%")),
        (b"y", b"550 " + b"x" * 900 + b"\0", Say(550, "", "x" * 400)),
        (b"y", b"550 a\tb\xff\0", Say(550, "", "a?b?")),
        (b"y", b"250 2.0.0 ok\0", None),
        (b"y", b"\0", None),
        (b"h", b"A\0b\0", AddHeader(b"A", b"b")),
        (b"h", b"A\0\0", AddHeader(b"A", b"")),
        (b"h", b"A\0b", None),
        (b"h", b"A b\0c\0", None),
        (b"h", b"A:\0c\0", None),
        (b"h", b"\0c\0", None),
        (b"h", b"A\0b\0c\0", None),
        (b"h", b"A" * 257 + b"\0b\0", None),
        (b"i", b"\0\0\1\0A\0b\0", InsertHeader(256, b"A", b"b")),
        (b"i", b"\0\0", None),
        (b"m", b"\0\0\0\2A\0\0", ChangeHeader(2, b"A", b"")),
        (b"b", b"", ReplaceBody(b"")),
        (b"b", b"x\0y", ReplaceBody(b"x\0y")),
        (b"+", b"<a@b>\0", AddRecipient(b"<a@b>")),
        (b"+", b"<a@b>\0x\0", None),
        (b"+", b"", None),
        (b"+", b"x" * 1025 + b"\0", None),
        (b"2", b"<a@b>\0NOTIFY=NEVER\0", AddRecipient(b"<a@b>", b"NOTIFY=NEVER")),
        (b"2", b"<a@b>\0", AddRecipient(b"<a@b>")),
        (b"-", b"<a@b>\0", DeleteRecipient(b"<a@b>")),
        (b"e", b"<>\0", ChangeFrom(b"<>")),
        (b"e", b"<a@b>\0x\0", ChangeFrom(b"<a@b>", b"x")),
        (b"q", b"why\0", Quarantine(b"why")),
        (b"Z", b"", None),
    ],
)
def test_replies(kind: bytes, payload: bytes, expected: Reply | None) -> None:
    """None: the milter broke the protocol."""
    if expected is None:
        with pytest.raises(RemoteProtocolError):
            decoded(Packet(kind, payload))
    else:
        assert decoded(Packet(kind, payload)) == expected


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0\0\0\1" + bytes(8),  # version 1
        b"\0\0\0\7" + bytes(8),
        b"\0\0\0\6" + bytes(8) + b"\0\0\0\1i",  # a list without its end
        b"\0\0\0\6" + bytes(8) + b"\0\0\0\7i\0",  # for no stage
        b"\0\0\0\6" + bytes(8) + b"\0\0",
        b"\0\0\0\6" + bytes(8) + b"\0\0\0\1" + b"i " * 101 + b"\0",
    ],
)
def test_no_agreement(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        agreed(Packet(b"O", payload))


@pytest.mark.parametrize("length", [0, PACKET_OCTETS_MAX + 1, 2**32 - 1])
def test_a_length_that_no_packet_has(length: int) -> None:
    reader = PacketReader()
    reader.receive(length.to_bytes(4))
    with pytest.raises(RemoteProtocolError):
        reader.next_packet()


@given(agreements)
@settings(max_examples=50)
def test_what_is_agreed_is_what_was_said(wanted: Negotiated) -> None:
    assert agreed(answer(wanted)) == wanted


@given(hostile)
@settings(max_examples=100)
def test_cutting_the_octets_changes_nothing(octets: bytes) -> None:
    fuzz.milter_reply.run(octets)


@given(st.lists(st.tuples(names, values, st.integers(0, 5)), max_size=6), st.booleans())
@settings(max_examples=50)
def test_a_header_section_stays_one(given_fields: list[tuple[bytes, bytes, int]], leading_space: bool) -> None:
    """Whatever is given as a value begins no other field, and our own field stays."""
    fields = HeaderFields(fuzz.milter_reply.SECTION, 1, leading_space=leading_space)
    for name, value, index in given_fields:
        fields.change(AddHeader(name, value))
        fields.change(InsertHeader(index, name, value))
        fields.change(ChangeHeader(index, name, value))
        lines = fields.section().removesuffix(b"\r\n").split(b"\r\n")
        assert not any(b"\n" in line or b"\r" in line for line in lines)
        assert not any(line.startswith(b"Bcc") for line in lines)
        assert not any(line.strip(b" \t") == b"" for line in lines)
    assert fuzz.milter_reply.RECEIVED in fields.section()


@pytest.mark.parametrize(
    ("changes", "section"),
    [
        # a place counts all fields, ours included; the number of a name counts those that the milter knows of
        ([InsertHeader(0, b"N", b"1")], b"N: 1\r\nReceived: ours\r\nA: 1\r\nb: 2\r\nReceived: theirs\r\nA: 3\r\n"),
        ([InsertHeader(1, b"N", b"1")], b"Received: ours\r\nN: 1\r\nA: 1\r\nb: 2\r\nReceived: theirs\r\nA: 3\r\n"),
        ([ChangeHeader(1, b"received", b"")], b"Received: ours\r\nA: 1\r\nb: 2\r\nA: 3\r\n"),
        ([ChangeHeader(2, b"a", b"x")], b"Received: ours\r\nA: 1\r\nb: 2\r\nReceived: theirs\r\na: x\r\n"),
        ([ChangeHeader(3, b"A", b"")], b"Received: ours\r\nA: 1\r\nb: 2\r\nReceived: theirs\r\nA: 3\r\n"),
        ([ChangeHeader(1, b"A", b""), ChangeHeader(1, b"A", b"")], b"Received: ours\r\nb: 2\r\nReceived: theirs\r\n"),
        (
            [InsertHeader(0, b"A", b"0"), ChangeHeader(1, b"A", b"")],
            b"Received: ours\r\nA: 1\r\nb: 2\r\nReceived: theirs\r\nA: 3\r\n",
        ),
    ],
)
def test_places_in_a_header_section(changes: list[AddHeader | InsertHeader | ChangeHeader], section: bytes) -> None:
    fields = HeaderFields(b"Received: ours\r\nA: 1\r\nb: 2\r\nReceived: theirs\r\nA: 3\r\n", 1)
    for change in changes:
        fields.change(change)
    assert fields.section() == section


def test_what_is_told_of_a_header_section() -> None:
    section = b"Received: ours\r\nA: 1\r\n\t2\r\nB:3\r\nno field\r\nC :  4\r\n"
    assert list(HeaderFields(section, 1).told()) == [(b"A", b"1\n\t2"), (b"B", b"3"), (b"C", b" 4")]
    assert next(HeaderFields(section, 0, leading_space=True).told()) == (b"Received", b" ours")


def test_macros_that_were_asked_for() -> None:
    known = {"i": "1", "j": "host", "{auth_type}": "PLAIN", "{mail_addr}": ""}
    assert chosen(Stage.DATA, known, {}) == {"i": "1"}
    asked = {Stage.DATA: frozenset(("j", "auth_type", "{mail_addr}", "nobody"))}
    assert chosen(Stage.DATA, known, asked) == {"j": "host", "{auth_type}": "PLAIN"}
    assert chosen(Stage.DATA, known, {Stage.DATA: frozenset()}) == {}


SAMPLES: dict[type[Command], Command] = {
    Connect: Connect(b"a", Family.INET, 1, b"192.0.2.1"),
    Hello: Hello(b"a"),
    Mail: Mail(b"<>"),
    Rcpt: Rcpt(b"<a@b>"),
    Data: Data(),
    HeaderField: HeaderField(b"A", b"b"),
    EndOfHeader: EndOfHeader(),
    Body: Body(b"x"),
    EndOfContent: EndOfContent(),
    Abort: Abort(),
    Quit: Quit(),
}


@given(st.data(), st.sampled_from([0, ALL_MUTE, 0x3FF, 0x1F, 0x2AA, 0xFF3FF]))
@settings(max_examples=60)
def test_any_order_that_the_table_permits_is_understood(data: st.DataObject, steps: int) -> None:
    """Our client against a milter that shares no code with it: an answer comes exactly where one is said to."""
    client, server = Client(), MilterServer(steps=steps)
    client.receive(server.receive(client.octets_to_send()))
    assert isinstance(client.next_reply(), Negotiated)
    told = []
    for _ in range(data.draw(st.integers(0, 20))):
        permitted = sorted(TRANSITIONS[client.phase], key=lambda kind: kind.__name__)
        if not permitted:
            break
        kind = data.draw(st.sampled_from(permitted))
        told.append(kind)
        is_answered = client.tell(SAMPLES[kind], {"i": "1"})
        client.receive(server.receive(client.octets_to_send()))
        assert client.next_reply() == (reply.Continue() if is_answered else None)
        assert client.awaiting is None
    wanted = "".join(MANNERS[kind].kind.decode() for kind in told if not MANNERS[kind].unwanted & steps)
    assert server.kinds() == wanted
    assert (client.phase is Phase.CLOSED) is (Quit in told)
