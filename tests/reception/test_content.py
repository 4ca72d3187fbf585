"""Content on its way into the spool: what is put in front, what is refused, what the spool's faults become."""

from __future__ import annotations

import pytest
from reception_given import NOW, Entrance, Scope, client, scope

from momentum_trio import __version__
from momentum_trio.mail.header import HEADER_OCTETS_MAX
from momentum_trio.mail.record import Received
from momentum_trio.reception.context import Context
from momentum_trio.reception.decision import Accepted, Deferred
from momentum_trio.spool.fault import SpoolFull, SpoolSick
from momentum_trio.spool.message import Receipt

RELAY = scope("global", Relay_Domains=["d.example"], Hostname="mx.example")
FULL = b"Date: Tue, 1 Jan 2019 00:00:00 +0000\r\nMessage-ID: <1@x>\r\nSubject: x\r\n\r\nbody\r\n"
LONG_TO = b"To: " + b"a@b,\r\n " * 500 + b"c@d\r\n"
FIRST_ID = "00/00-00007-C6DD1CA4"
RECEIVED = (
    "Received: from [192.0.2.7] ([192.0.2.7:4711]{helo})\r\n"
    "\tby mx.example (envelope-from <a@b.example>)\r\n"
    f"\t(momentum-trio {__version__}) with {{protocol}}\r\n"
    f"\tid {FIRST_ID}; Tue, 29 Sep 2009 10:11:56 +0000\r\n"
)
TRACE = RECEIVED.format(helo="", protocol="ESMTP").encode()
DATE = b"Date: Tue, 29 Sep 2009 10:11:56 +0000\r\n"
MESSAGE_ID = b"Message-ID: <00.00.00007.C6DD1CA4@mx.example>\r\n"


async def stored(content: bytes, **settings: str) -> bytes:
    """What the spool keeps of *content*."""
    entrance = Entrance(scope("pathway", **settings), RELAY)
    answer = await entrance.message(content)
    assert isinstance(answer, Receipt), answer
    assert answer.batch.octets == len(entrance.spool.content_of_last)
    return entrance.spool.content_of_last


@pytest.mark.parametrize(
    ("settings", "content", "expected"),
    [
        ({}, FULL, TRACE + FULL),
        ({"RFC2822_Trace_Headers": "off"}, FULL, FULL),
        # what is missing is added, in front
        ({}, b"Subject: x\r\n\r\nbody\r\n", TRACE + DATE + MESSAGE_ID + b"Subject: x\r\n\r\nbody\r\n"),
        ({"RFC2822_Date_Header": "ignore"}, b"X: y\r\n\r\n", TRACE + MESSAGE_ID + b"X: y\r\n\r\n"),
        ({"RFC2822_MessageID_Header": "ignore"}, b"X: y\r\n\r\n", TRACE + DATE + b"X: y\r\n\r\n"),
        ({"RFC2822_Trace_Headers": "off"}, b"X: y\r\n\r\n", DATE + MESSAGE_ID + b"X: y\r\n\r\n"),
        # Return-Path goes (final delivery sets its own), other people's Received stay
        ({}, b"Return-Path: <old@x>\r\nReceived: from there\r\n" + FULL, TRACE + b"Received: from there\r\n" + FULL),
        ({"RFC2822_Trace_Headers": "off"}, b"Return-Path: <old@x>\r\n" + FULL, b"Return-Path: <old@x>\r\n" + FULL),
        # RFC 5321 sections 3.3, 3.7.2 and 4.5.3.1.8: nothing is refused for its Resent and trace fields, nor for its To
        ({}, b"Resent-To: a@b\r\nResent-To: c@d\r\n" + FULL, TRACE + b"Resent-To: a@b\r\nResent-To: c@d\r\n" + FULL),
        ({}, b"Received: (;;<\r\n" + FULL, TRACE + b"Received: (;;<\r\n" + FULL),
        ({}, LONG_TO + FULL, TRACE + LONG_TO + FULL),
        # a header section alone is a message
        ({}, b"Date: x\r\nMessage-ID: y\r\n", TRACE + b"Date: x\r\nMessage-ID: y\r\n"),
        # no headers, allowed: all of it is body
        (
            {"RFC2822_Missing_Headers": "allow"}, b"hello\r\nDate: x\r\n",
            TRACE + DATE + MESSAGE_ID + b"\r\nhello\r\nDate: x\r\n",
        ),
        ({"RFC2822_Missing_Headers": "allow"}, b"\r\nhello\r\n", TRACE + DATE + MESSAGE_ID + b"\r\nhello\r\n"),
        ({"RFC2822_Missing_Headers": "allow"}, b"", TRACE + DATE + MESSAGE_ID),
        # 8-bit octets and long lines pass as they are
        ({}, FULL + b"\xff\x00\x80" + b"x" * 5000 + b"\r\n", TRACE + FULL + b"\xff\x00\x80" + b"x" * 5000 + b"\r\n"),
    ],
)  # fmt: skip
async def test_what_is_kept(settings: dict[str, str], content: bytes, expected: bytes) -> None:
    assert await stored(content, **settings) == expected


@pytest.mark.parametrize(
    ("settings", "content", "expected"),
    [
        ({}, b"hello\r\n", "550 5.6.0 Required headers not found (see RFC2822 section 3.6) [rfc2822]"),
        ({}, b"\r\nhello\r\n", "550 5.6.0 Required headers not found (see RFC2822 section 3.6) [rfc2822]"),
        ({}, b"", "550 5.6.0 Required headers not found (see RFC2822 section 3.6) [rfc2822]"),
        ({}, b"X: y\r\nhello\r\n", "550 5.6.0 Invalid header found (see RFC2822 section 3.6) [rfc2822]"),
        (
            {"RFC2822_Date_Header": "pedantic"}, b"X: y\r\n\r\nDate: z\r\n",
            "550 5.6.0 Missing required RFC2822 Date field (see RFC2822 section 3.6) [rfc2822]",
        ),
        ({}, b"Received: x\r\n" * 21 + FULL, "554 5.4.6 mail loop: too many Received headers [mail_loop]"),
    ],
)  # fmt: skip
async def test_what_is_refused(settings: dict[str, str], content: bytes, expected: str) -> None:
    entrance = Entrance(scope("pathway", **settings), RELAY)
    answer = await entrance.message(content)
    assert not isinstance(answer, Receipt | Accepted)
    assert f"{answer.reply} [{answer.module}]" == expected
    assert (entrance.spool.kept, entrance.accepted) == ([], [])


async def test_twenty_hops_are_no_loop() -> None:
    assert await stored(b"Received: x\r\n" * 20 + FULL)


async def test_hello_shows_in_the_trace_and_cannot_leave_its_comment() -> None:
    entrance = Entrance(RELAY)
    entrance.reception.hello("evil)\r\nX: y (", "HELO evil", extended=False)
    await entrance.message(FULL)
    expected = RECEIVED.format(helo=" helo=evil\\)??X:?y?\\(", protocol="SMTP").encode()
    assert entrance.spool.content_of_last == expected + FULL


async def test_received_hostname_and_ipv6() -> None:
    entrance = Entrance(scope("peer", Received_Hostname="name.example"), RELAY, who=client("2001:db8::1"))
    await entrance.message(FULL)
    assert b"Received: from [IPv6:2001:db8::1] (" in entrance.spool.content_of_last
    assert b"\tby name.example (" in entrance.spool.content_of_last


@pytest.mark.parametrize("cut", [1, 7, 100, len(FULL) - 1])
async def test_parts_make_the_same_message_as_the_whole(cut: int) -> None:
    content = FULL + b"x" * 300 + b"\r\n"
    entrance = Entrance(RELAY)
    entrance.mail()
    entrance.recipient()
    parts = [content[at : at + cut] for at in range(0, len(content), cut)]
    for part in parts[:-1]:
        await entrance.reception.write(part)
    assert isinstance(await entrance.reception.finish(parts[-1]), Receipt)
    assert entrance.spool.content_of_last == TRACE + content


async def test_an_endless_header_section_is_refused_and_not_held() -> None:
    entrance = Entrance(RELAY)
    entrance.mail()
    entrance.recipient()
    line = b"X: " + b"y" * 1019 + b"\r\n"
    for _ in range(2 * HEADER_OCTETS_MAX // len(line)):
        await entrance.reception.write(line)
    answer = await entrance.reception.finish(b"\r\nbody\r\n")
    assert not isinstance(answer, Receipt | Accepted)
    assert str(answer.reply) == "552 5.3.4 message header size limit exceeded"
    assert entrance.spool.entries == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"RFC2822_Missing_Headers": "allow"}, None),
        ({}, "550 5.6.0 Required headers not found (see RFC2822 section 3.6)"),
    ],
)
async def test_a_long_body_without_header_section_is_no_long_header_section(
    settings: dict[str, str], expected: str | None
) -> None:
    entrance = Entrance(scope("pathway", **settings), RELAY)
    entrance.mail()
    entrance.recipient()
    line = b"y" * 1022 + b"\r\n"
    count = 2 * HEADER_OCTETS_MAX // len(line)
    for _ in range(count):
        await entrance.reception.write(line)
    answer = await entrance.reception.finish(b"")
    if expected is None:
        assert isinstance(answer, Receipt)
        assert entrance.spool.content_of_last == TRACE + DATE + MESSAGE_ID + b"\r\n" + line * count
    else:
        assert not isinstance(answer, Receipt | Accepted)
        assert str(answer.reply) == expected


@pytest.mark.parametrize("where", ["write_fault", "commit_fault"])
@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        (SpoolFull("no room"), "452 4.3.1 insufficient system storage"),
        (SpoolSick("EIO"), "451 4.3.0 transaction failed"),
    ],
)
async def test_faults_of_the_spool_leave_custody_with_the_client(where: str, fault: Exception, reply: str) -> None:
    entrance = Entrance(RELAY)
    setattr(entrance.spool, where, fault)
    answer = await entrance.message(FULL)
    assert isinstance(answer, Deferred)
    assert str(answer.reply) == reply
    assert (entrance.spool.kept, entrance.accepted, entrance.records) == ([], [], [])
    assert entrance.spool.discarded == 1
    setattr(entrance.spool, where, None)
    assert isinstance(await entrance.message(FULL), Receipt)


async def test_what_the_spool_would_not_take_is_discarded_at_once() -> None:
    """Not when the client has sent the rest: he may take his time, and the disk is full."""
    entrance = Entrance(RELAY)
    entrance.mail()
    entrance.recipient()
    await entrance.reception.write(FULL)
    entrance.spool.write_fault = SpoolFull("no room")
    await entrance.reception.write(b"more\r\n")
    assert entrance.spool.discarded == 1
    entrance.spool.write_fault = None
    await entrance.reception.write(b"more\r\n")
    assert isinstance(await entrance.reception.finish(b""), Deferred)
    assert entrance.spool.discarded == 1


async def test_each_recipient_is_a_message_of_one_batch() -> None:
    entrance = Entrance(RELAY)
    receipt = await entrance.message(FULL, "c@d.example", "e@d.example", "c@d.example")
    assert isinstance(receipt, Receipt)
    (batch,) = entrance.accepted
    assert batch is receipt.batch
    assert [m.forward_path for m in batch.messages] == ["c@d.example", "e@d.example", "c@d.example"]
    assert len({m.message_id for m in batch.messages}) == 3
    assert batch.messages[0].message_id == batch.batch_id == FIRST_ID
    received = [record for record in entrance.records if isinstance(record, Received)]
    assert [r.message_id for r in received] == [m.message_id for m in batch.messages]
    assert {(r.batch_id, r.octets, r.protocol, r.peer_address, r.at) for r in received} == {
        (FIRST_ID, len(entrance.spool.content_of_last), "esmtp", "192.0.2.7", NOW)
    }


@pytest.mark.parametrize(
    ("scope_of_client", "context"),
    [
        (scope("global", Relay_Hosts=["192.0.2.7"]), (("can_relay", "true"),)),
        (scope("global", Relay_Domains=["d.example"]), ()),
    ],
)
async def test_that_a_client_may_relay_is_told_of_the_message(scope_of_client: Scope, context: Context) -> None:
    entrance = Entrance(scope_of_client)
    await entrance.message(FULL, "c@d.example")
    assert entrance.accepted[0].context == context


async def test_an_abandoned_transaction_keeps_nothing() -> None:
    entrance = Entrance(RELAY)
    entrance.mail()
    entrance.recipient()
    await entrance.reception.write(FULL)
    await entrance.reception.abandon()
    await entrance.reception.abandon()
    assert (entrance.spool.kept, entrance.spool.discarded) == ([], 1)
    assert isinstance(await entrance.message(FULL), Receipt)
