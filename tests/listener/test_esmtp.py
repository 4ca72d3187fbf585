"""SMTP sessions over loopback TCP: what is said, what is kept, how they end."""

from __future__ import annotations

import smtplib
from collections.abc import Callable

import pytest
import trio
from esmtp_host import BASIC, MESSAGE, conversation, host, talk_to

from momentum_trio import __version__
from momentum_trio.mail.record import Received
from momentum_trio.spool.fault import SpoolFull, SpoolSick


async def test_a_message_is_kept_and_named_in_the_250() -> None:
    async with conversation() as (at, talk):
        assert (await talk.ask("EHLO client.example")) == (
            "250-mx.example says EHLO to 127.0.0.1|250-PIPELINING|250-8BITMIME|250 ENHANCEDSTATUSCODES"
        )
        final = await talk.message()
        ((batch, content),) = at.spool.kept
        assert final == f"250 2.0.0 OK {batch.batch_id}"
        assert at.accepted == [batch]
        assert content.startswith(b"Received: from [127.0.0.1] ([127.0.0.1:")
        assert b" helo=client.example)\r\n\tby mx.example (envelope-from <a@b.example>)\r\n" in content
        assert b") with ESMTP\r\n" in content
        assert content.endswith(MESSAGE)
        assert [type(record) for record in at.records] == [Received]
        assert (await talk.ask("QUIT")) == "221 2.0.0 mx.example closing connection"
        assert await talk.line() == ""
        assert at.connections[0].why == "quit"


async def test_greeting() -> None:
    async with host() as at, talk_to(at, greeting=False) as talk:
        assert (await talk.reply()).startswith(f"220 mx.example ESMTP momentum-trio {__version__} ")
        assert (await talk.ask("HELO x")) == "250 mx.example says HELO to 127.0.0.1"
        await talk.message()
        assert b") with SMTP\r\n" in at.spool.kept[0][1]


def with_listener(*options: str) -> str:
    """The basic configuration with *options* in its listener."""
    return BASIC.replace("  Listen", "".join(f"  {option}\n" for option in options) + "  Listen", 1)


@pytest.mark.parametrize(
    ("text", "dialogue"),
    [
        (with_listener('Banner_Hostname = "other.example"'), [("", "220 other.example ESMTP momentum-trio")]),
        (with_listener('Static_Banner = "220 go ahead"'), [("", "220 go ahead")]),
        (BASIC.replace('Hostname = "mx.example"', ""), [("", "220 system.example ESMTP momentum-trio")]),
        (
            with_listener("Max_Message_Size = 1000"),
            [
                ("", "220"),
                ("EHLO x", "250-mx.example says EHLO to 127.0.0.1|250-PIPELINING|250-8BITMIME|250-SIZE 1000|250 ENH"),
                ("MAIL FROM:<a@b.example> SIZE=1001", "552 5.3.4 message size limit exceeded"),
                ("MAIL FROM:<a@b.example> SIZE=1000", "250"),
                ("RCPT TO:<c@d.example>", "250"),
                ("DATA", "354"),
                ("X: y\r\n\r\n" + ("x" * 70 + "\r\n") * 20 + ".", "552 5.3.4 message size limit exceeded"),
                ("MAIL FROM:<a@b.example>", "250"),
            ],
        ),
        (with_listener("Require_EHLO = true"), [("", "220"), ("MAIL FROM:<>", "550 5.5.1 RFC2821 HELO/EHLO needed")]),
        (
            BASIC,
            [
                ("", "220"),
                ("RCPT TO:<c@d.example>", "503 RCPT TO without MAIL FROM"),
                ("MAIL FROM:<a@b.example>", "250 2.1.0 MAIL FROM accepted"),
                ("RCPT TO:<c@elsewhere.example>", "550 5.7.1 relaying denied"),
                ("DATA", "503 5.5.1 DATA without RCPT TO"),
                ("RCPT TO:<c@d.example>", "250 2.1.5 RCPT TO accepted."),
                ("DATA", "354"),
                ("no header\r\n.", "550 5.6.0 Required headers not found (see RFC2822 section 3.6)"),
                ("MAIL FROM:<>", "250"),
                ("RSET", "250"),
                ("MAIL FROM:<>", "250"),
                ("EHLO again", "250-"),
                ("DATA", "503 5.5.1 DATA without MAIL FROM"),
                ("NOOP", "250"),
                ("VRFY a", "252"),
                ("EXPN a", "502"),
                ("HELP", "214"),
            ],
        ),
        (
            with_listener("Max_Recipients_Per_Message = 1"),
            [
                ("", "220"),
                ("MAIL FROM:<>", "250"),
                ("RCPT TO:<c@d.example>", "250"),
                ("RCPT TO:<e@d.example>", "452 4.5.3 Service unavailable, recipients per message limit reached"),
                ("DATA", "354"),
                ("X: y\r\n\r\n.", "250 2.0.0 OK "),
            ],
        ),
        (
            with_listener("Max_Receptions_Per_Connection = 1"),
            [
                ("", "220"),
                ("MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA", "250"),
                ("", "250"),
                ("", "354"),
                ("X: y\r\n\r\n.", "250 2.0.0 OK "),
                ("MAIL FROM:<>", "452 4.5.3 Service unavailable, batch limit reached"),
                ("NOOP", "250"),
            ],
        ),
        (
            with_listener("Max_Bad_Commands = 2"),
            [("", "220"), ("X", "500"), ("Y", "500"), ("Z", "421 4.7.0 too many bad commands")],
        ),
        (
            with_listener("Allow_Trailing_Whitespace_In_Commands = on"),
            [("", "220"), ("NOOP  ", "250"), ("MAIL FROM:< a@b.example >  ", "250")],
        ),
        (
            "RFC2821_Allow_Whitespace_In_Envelope = on\n" + BASIC,
            [("", "220"), ("RSET ", "501"), ("MAIL FROM:< a@b.example >", "501"), ("MAIL FROM:<>  ", "250")],
        ),
        ("RFC2821_Pedantic_Address_Rules = off\n" + BASIC, [("", "220"), ("MAIL FROM:<a..b@x.example>", "250")]),
        (BASIC, [("", "220"), ("MAIL FROM:<a..b@x.example>", "501 5.5.2 MAIL FROM syntax error")]),
        (with_listener("Open_Relay = on"), [("", "220"), ("MAIL FROM:<>", "250"), ("RCPT TO:<a@any.example>", "250")]),
        # a Peer of the Listen before the Listen before the listener
        (
            BASIC.replace("{}", '{ Peer "127.0.0.0/8" { Banner_Hostname = "p.example" } Banner_Hostname = "l" }'),
            [("", "220 p.example")],
        ),
    ],
)  # fmt: skip
async def test_dialogues(text: str, dialogue: list[tuple[str, str]]) -> None:
    async with host(text) as at, talk_to(at, greeting=False) as talk:
        for said, expected in dialogue:
            reply = await (talk.ask(said) if said else talk.reply())
            assert reply.startswith(expected), (said, reply)


async def test_all_replies_of_a_batch_of_commands_come_in_order() -> None:
    async with conversation() as (at, talk):
        batch = b"MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<c@elsewhere.example>\r\nDATA\r\n"
        await talk.say(batch)
        assert [(await talk.reply())[:3] for _ in range(4)] == ["250", "250", "550", "354"]
        await talk.say(MESSAGE + b".\r\n" + batch)
        assert [(await talk.reply())[:3] for _ in range(5)] == ["250", "250", "250", "550", "354"]
        assert len(at.spool.kept) == 1


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        (SpoolFull("no room"), "452 4.3.1 insufficient system storage"),
        (SpoolSick("EIO"), "451 4.3.0 transaction failed"),
    ],
)
async def test_no_250_without_custody(fault: Exception, reply: str) -> None:
    async with conversation() as (at, talk):
        at.spool.fault = fault
        assert await talk.message() == reply
        assert (at.spool.kept, at.accepted) == ([], [])
        assert [(r.code, r.module, r.phase) for r in at.rejected] == [(int(reply[:3]), "spool", "reading body")]
        at.spool.fault = None
        assert (await talk.message())[:3] == "250"


async def test_the_rejectlog_names_phase_and_module() -> None:
    async with conversation("Allow_NULL_Envelope_Sender = off\n" + BASIC) as (at, talk):
        for said in (
            "NONSENSE", "EHLO client.example", "RCPT TO:<c@d.example>", "MAIL FROM:<>", "MAIL FROM:<a@b.example>",
            "RCPT TO:<c@e.example>", "RCPT TO:<c@d.example>", "DATA", "no header\r\n.",
        ):  # fmt: skip
            await talk.ask(said)
        assert [(r.phase, r.code, r.module) for r in at.rejected] == [
            ("awaiting ehlo/helo", 500, "smtp"),
            ("awaiting mailfrom", 503, "smtp"),
            ("awaiting mailfrom", 550, "address"),
            ("awaiting rcptto", 550, "relay"),
            ("reading body", 550, "rfc2822"),
        ]
        assert at.rejected[3].text == "5.7.1 relaying denied"
        assert dict(at.rejected[3].connection_context)["ehlo_string"] == "EHLO client.example"


@pytest.mark.parametrize(
    ("scope", "hops", "reply"),
    [
        ("", 20, "250"),
        ("", 21, "554 5.4.6 mail loop: too many Received headers"),
        ('mail_loop "a" { max_received_headers = 2 }', 2, "250"),
        ('mail_loop "a" { max_received_headers = 2 }', 3, "554 5.4.6"),
        ('mail_loop "a" { max_received_headers = 30  code = 451 } mail_loop "b" { code = 550 }', 30, "250"),
        ('mail_loop "a" { max_received_headers = 30  code = 451 } mail_loop "b" { code = 550 }', 31, "451 4.4.6"),
        ('mail_loop "a" { code = 250 }', 21, "250"),
        ('mail_loop "a" { enabled = off max_received_headers = 2 }', 20, "250"),
        ('mail_loop { enabled = off } mail_loop "b" { max_received_headers = 2 }', 3, "554 5.4.6"),
    ],
)
async def test_mail_that_goes_in_a_circle(scope: str, hops: int, reply: str) -> None:
    async with conversation(f"{scope}\n{BASIC}") as (at, talk):
        assert (await talk.message(b"Received: x\r\n" * hops + MESSAGE)).startswith(reply)
        await talk.ask("NONSENSE")
        counted = dict(at.rejected[-1].connection_context).get("mail_loop_header_count")
        assert counted == ("21" if "250 " in scope else None)


@pytest.mark.parametrize("octets", [100_000, 3_000_000])
async def test_large_and_eight_bit_content_comes_back_as_it_was(octets: int) -> None:
    line = bytes(range(128, 256)).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n"
    body = b".first\r\n" + line * (octets // len(line)) + b"..\r\nlast\r\n"
    stuffed = b"\r\n".join(b"." + part if part.startswith(b".") else part for part in body.split(b"\r\n"))
    head = b"Date: x\r\nMessage-ID: y\r\n\r\n"
    async with conversation() as (at, talk):
        assert (await talk.message(head + stuffed))[:3] == "250"
        ((batch, content),) = at.spool.kept
        assert content.endswith(head + body)
        assert batch.octets == len(content)


async def test_a_client_that_leaves_in_mid_message_leaves_nothing() -> None:
    async with host() as at:
        async with talk_to(at) as talk:
            ended = at.ended
            await talk.envelope()
            await talk.ask("DATA")
            await talk.say(MESSAGE)
        with trio.fail_after(5):
            await ended.wait()
        assert (at.spool.kept, at.connections[0].why) == ([], "closed")


async def test_a_message_whose_session_dies_after_the_commit_is_kept() -> None:
    async with host() as at:
        at.spool.gate = trio.Event()
        async with talk_to(at) as talk:
            ended = at.ended
            await talk.envelope()
            await talk.ask("DATA")
            await talk.say(MESSAGE + b".\r\n")
            await at.spool.arrived.wait()
        at.spool.gate.set()
        with trio.fail_after(5):
            await ended.wait()
        assert len(at.accepted) == 1


def lines_with_smtplib(port: int, task: Callable[[smtplib.SMTP], None]) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        task(client)


async def test_smtplib() -> None:
    def task(client: smtplib.SMTP) -> None:
        client.ehlo("client.example")
        assert client.esmtp_features.keys() == {"pipelining", "8bitmime", "size", "enhancedstatuscodes"}
        for n in range(3):
            client.sendmail("a@b.example", [f"c{n}@d.example", "e@d.example"], MESSAGE + b".leading dot\r\n")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@b.example", ["c@elsewhere.example"], MESSAGE)

    async with host(with_listener("Max_Message_Size = 100000")) as at:
        await trio.to_thread.run_sync(lines_with_smtplib, at.port, task)
        assert [len(batch.messages) for batch, _ in at.spool.kept] == [2, 2, 2]
        assert all(content.endswith(MESSAGE + b".leading dot\r\n") for _, content in at.spool.kept)


async def test_octets_are_counted_both_ways() -> None:
    async with conversation() as (at, talk):
        await talk.ask("NOOP")
        connection = at.connections[0]
        assert connection.octets_received == len("NOOP\r\n")
        greeting = 0
        assert connection.octets_sent > len("250 2.0.0 OK\r\n") + greeting
