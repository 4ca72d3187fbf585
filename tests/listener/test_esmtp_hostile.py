"""What a hostile client tries, over loopback TCP and end to end: what is kept, what is said, what it costs others."""

from __future__ import annotations

import socket as stdlib_socket
import struct

import pytest
import trio
from esmtp_host import BASIC, MESSAGE, Host, Talk, conversation, host, talk_to

from momentum_trio.reception.reception_options import FORWARD_PATHS_MAX

ENVELOPE = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
HIDDEN = b"MAIL FROM:<hidden@b.example>\r\nRCPT TO:<victim@d.example>\r\nDATA\r\nSubject: hidden\r\n\r\nhidden\r\n.\r\n"


async def everything(talk: Talk) -> list[str]:
    """The codes of all replies until the server closes."""
    codes = []
    while reply := await talk.reply():
        codes.append(reply[:3])
    return codes


async def ended(at: Host) -> None:
    """Wait until no session is open."""
    with trio.fail_after(5):
        while any(connection.socket.fileno() >= 0 for connection in at.connections):  # noqa: ASYNC110
            await trio.sleep(0.01)


@pytest.mark.parametrize("lone", ["pedantic", "ignore"])
@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r\n.\r",
        b"\r.\r\n",
        b"\r\n\x00.\r\n",
        b"\n\n.\n\n",
        b"\r\n.\r\r\n",
    ],
)
async def test_nothing_is_smuggled(end: bytes, lone: str) -> None:
    """One message or none; never the hidden one. (CVE-2023-51764 and its kin.)"""
    text = f"RFC2822_Lone_LF_In_Body = {lone}\n{BASIC}"
    async with host(text) as at, talk_to(at) as talk:
        await talk.say(ENVELOPE + MESSAGE + b"x" + end + HIDDEN + b"QUIT\r\n")
        codes = await everything(talk)
        assert codes[:3] == ["250", "250", "354"]
        assert codes[3:] == [("250" if lone == "ignore" and b"\0" not in end else "550"), "221"]
        assert [batch.reverse_path for batch in at.accepted] == ["a@b.example"] * (codes[3] == "250")


async def test_content_behind_a_refused_data_is_read_as_commands_and_counted() -> None:
    async with conversation() as (at, talk):
        refused = ENVELOPE.replace(b"d.example", b"elsewhere.example")
        await talk.say(refused + MESSAGE + b"filler\r\n" * 100 + b".\r\n" + ENVELOPE + MESSAGE + b".\r\nQUIT\r\n")
        codes = await everything(talk)
        assert codes[:3] == ["250", "550", "503"]
        assert codes[-1] == "421"
        assert at.accepted == []


async def test_nothing_behind_a_421_is_heard() -> None:
    async with conversation() as (at, talk):
        await talk.say(b"X\r\n" * 21 + ENVELOPE + MESSAGE + b".\r\n")
        assert await everything(talk) == ["500"] * 20 + ["421"]
        assert at.accepted == []


async def test_half_a_connection_is_enough_for_the_250() -> None:
    """The client has sent everything and closed its direction: its reply is still on the way."""
    async with conversation() as (at, talk):
        await talk.say(ENVELOPE + MESSAGE + b".\r\n")
        await talk.stream.send_eof()
        assert await everything(talk) == ["250", "250", "354", "250"]
        assert len(at.accepted) == 1


@pytest.mark.parametrize("cut", [b"", b".", b".\r"])
async def test_an_end_of_stream_is_no_end_of_content(cut: bytes) -> None:
    async with conversation() as (at, talk):
        await talk.say(ENVELOPE + MESSAGE + cut)
        await talk.stream.send_eof()
        assert await everything(talk) == ["250", "250", "354"]
        await ended(at)
        assert at.accepted == []


async def test_a_reset_while_the_commit_is_under_way_changes_nothing_about_it() -> None:
    async with host() as at:
        at.spool.gate = trio.Event()
        async with talk_to(at) as talk:
            await talk.say(ENVELOPE + MESSAGE + b".\r\n" + ENVELOPE + MESSAGE)
            await at.spool.arrived.wait()
            talk.stream.socket.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_LINGER, struct.pack("ii", 1, 0))
        at.spool.gate.set()
        await ended(at)
        assert len(at.accepted) == 1
        async with talk_to(at) as talk:
            assert (await talk.message())[:3] == "250"


async def test_a_generation_that_comes_amid_a_pipeline_holds_from_the_next_mail() -> None:
    async with conversation() as (at, talk):
        at.spool.gate = trio.Event()
        await talk.say(ENVELOPE + MESSAGE + b".\r\n" + ENVELOPE + b"QUIT\r\n")
        await at.spool.arrived.wait()
        at.configure(BASIC.replace('"d.example"', '"other.example"'))
        at.spool.gate.set()
        assert await everything(talk) == ["250", "250", "354", "250", "250", "550", "503", "221"]


async def test_recipients_without_end() -> None:
    async with conversation() as (at, talk), trio.open_nursery() as nursery:
        paths = b"".join(b"RCPT TO:<u%d@d.example>\r\n" % number for number in range(FORWARD_PATHS_MAX + 5))
        nursery.start_soon(talk.say, b"MAIL FROM:<>\r\n" + paths + b"DATA\r\n" + MESSAGE + b".\r\nQUIT\r\n")
        talk.patience_seconds = 20
        codes = await everything(talk)
        assert codes == ["250"] * (FORWARD_PATHS_MAX + 1) + ["452"] * 5 + ["354", "250", "221"]
        (batch,) = at.accepted
        assert len(batch.messages) == FORWARD_PATHS_MAX


@pytest.mark.parametrize(
    "path",
    [
        # a source route is dropped, so it cannot lend its domains
        "@d.example:u@evil.example", "@d.example,@d.example:u@evil.example",
        '"u@d.example"@evil.example', "u%d.example@evil.example", "u@[192.0.2.1]", "u@[x:d.example]",
        "u@d.example.evil.example",
        "u@xd.example", "u@evil.example",
    ],
)  # fmt: skip
async def test_nobody_relays_through_us(path: str) -> None:
    async with conversation() as (_, talk):
        await talk.ask("MAIL FROM:<u@d.example>")
        assert await talk.ask(f"RCPT TO:<{path}>") == "550 5.7.1 relaying denied"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (b"EHLO [x:a)(b]", b" helo=[x:a\\)\\(b])"),
        (b"EHLO [x:a]\r", None),
        (b"EHLO a\nX-Evil: y", None),
        (b"EHLO a\x00b", None),
        (b"EHLO " + b"a" * 300, None),
    ],
)
async def test_what_a_client_calls_itself_stays_in_its_comment(said: bytes, field: bytes | None) -> None:
    async with conversation() as (at, talk):
        assert (await talk.ask(said + b"\r\n"))[:3] == ("250" if field else "500" if len(said) < 300 else "501")
        await talk.message()
        ((_, content),) = at.spool.kept
        assert content.count(b"\r\nX-Evil") == 0
        assert content.index(b"\r\n\tby mx.example (") < 350
        if field:
            assert field in content


async def test_a_sender_cannot_leave_the_received_field() -> None:
    async with conversation() as (at, talk):
        assert (await talk.ask(r'MAIL FROM:<"a>) x\\(\"b"@b.example>'))[:3] == "250"
        await talk.ask("RCPT TO:<c@d.example>")
        await talk.ask("DATA")
        assert (await talk.ask(MESSAGE + b".\r\n"))[:3] == "250"
        ((_, content),) = at.spool.kept
        assert rb'(envelope-from <"a>\)?x\\\\\(\\"b"@b.example>)' in content
