"""Extensions of SMTP over loopback TCP: what SMTP_Extensions offers, and what then is kept in the spool."""

from __future__ import annotations

from itertools import pairwise

import pytest
from esmtp_host import BASIC, MESSAGE, conversation

from momentum_trio.protocol.smtp.strategies import bdat

OTHERS = '"ENHANCEDSTATUSCODES"'


def offering(*words: str, options: str = "") -> str:
    """The basic configuration that offers *words*."""
    listed = " ".join(f'"{word}"' for word in words)
    return BASIC.replace(f"( {OTHERS} )", f"( {listed} )\n  {options}")


@pytest.mark.parametrize(
    ("words", "options", "offered"),
    [
        (["CHUNKING"], "", "CHUNKING"),
        (["BINARYMIME", "CHUNKING"], "", "CHUNKING|BINARYMIME"),
        (["BINARYMIME"], "", ""),
        (["SMTPUTF8", "DSN"], "", "DSN|SMTPUTF8"),
        # RFC 9422: what is refused beyond it anyway
        (["LIMITS"], "", "LIMITS RCPTMAX=10000"),
        (
            ["LIMITS"],
            "Max_Recipients_Per_Message = 50 Max_Receptions_Per_Connection = 7",
            "LIMITS MAILMAX=7 RCPTMAX=50",
        ),
        (["LIMITS"], "Max_Recipients_Per_Message = 20000", "LIMITS RCPTMAX=10000"),
        (["LIMITS"], "Max_Receptions_Per_Connection = 2000000", "LIMITS MAILMAX=999999 RCPTMAX=10000"),
        (["UNHEARD"], "", ""),
    ],
)
async def test_what_is_offered(words: list[str], options: str, offered: str) -> None:
    async with conversation(offering(*words, options=options)) as (_, talk):
        lines = (await talk.ask("EHLO a")).split("|")
        assert "|".join(line[4:] for line in lines[3:]) == offered


async def test_the_limits_are_those_that_are_told() -> None:
    options = "Max_Recipients_Per_Message = 2 Max_Receptions_Per_Connection = 1"
    async with conversation(offering("LIMITS", options=options)) as (_, talk):
        assert (await talk.ask("EHLO a")).endswith("250 LIMITS MAILMAX=1 RCPTMAX=2")
        await talk.ask("MAIL FROM:<>")
        codes = [(await talk.ask("RCPT TO:<c@d.example>"))[:3] for _ in range(3)]
        assert codes == ["250", "250", "452"]
        await talk.ask("DATA")
        assert (await talk.ask(MESSAGE + b".\r\n")).startswith("250")
        assert (await talk.ask("MAIL FROM:<>")).startswith("452")


async def test_content_in_chunks_is_kept_whole() -> None:
    async with conversation(offering("CHUNKING")) as (at, talk):
        await talk.ask("EHLO a")
        for cuts in ([], [1], [10, 40], [0, len(MESSAGE)]):
            await talk.envelope()
            edges = [0, *cuts, len(MESSAGE)]
            for start, end in pairwise(edges):
                reply = await talk.ask(bdat(MESSAGE[start:end]))
                assert reply == f"250 2.0.0 {end - start} octets received"
            assert (await talk.ask(bdat(b"", last=True))).startswith("250 2.0.0 OK ")
            batch, content = at.spool.kept.pop()
            assert content.endswith(MESSAGE)
            assert content.startswith(b"Received: ")
            assert batch.messages[0].forward_path == "c@d.example"


async def test_large_chunks_and_pipelined_ones() -> None:
    body = b"x" * 70 + b"\r\n"
    large = MESSAGE + body * 3000
    async with conversation(offering("CHUNKING")) as (at, talk):
        await talk.ask("EHLO a")
        envelope = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
        await talk.say(envelope + bdat(large[:100_000]) + bdat(large[100_000:], last=True) + envelope)
        codes = [(await talk.reply())[:3] for _ in range(6)]
        assert codes == ["250"] * 6
        assert at.spool.kept[0][1].endswith(large)


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"no header\r\n", "550 5.6.0 Required headers not found (see RFC2822 section 3.6)"),
        (b"Subject: a\nb\r\n\r\n", "550 5.6.0 Lone CR or LF in headers (see RFC2822 section 2.2)"),
        (MESSAGE + b"\0", "550 5.6.0 NUL octet in message (see RFC2822 section 2.2)"),
        (b"Received: x\r\n" * 21 + MESSAGE, "554 5.4.6 mail loop: too many Received headers"),
        (b"x" * 200_000, "552 5.3.4 message size limit exceeded"),
    ],
)
async def test_content_in_chunks_meets_the_same_checks(content: bytes, reply: str) -> None:
    text = offering("CHUNKING", options="Max_Message_Size = 100000")
    async with conversation(text) as (at, talk):
        await talk.ask("EHLO a")
        await talk.envelope()
        assert await talk.ask(bdat(content, last=True)) == reply
        assert at.spool.kept == []
        rejected = at.rejected[-1]
        assert (rejected.phase, f"{rejected.code} {rejected.text}") == ("reading body", reply)
        assert (await talk.ask("RSET")).startswith("250")
        await talk.envelope()
        assert (await talk.ask(bdat(MESSAGE, last=True))).startswith("250")


async def test_a_session_that_leaves_between_chunks_keeps_nothing() -> None:
    async with conversation(offering("CHUNKING")) as (at, talk):
        await talk.ask("EHLO a")
        await talk.envelope()
        await talk.ask(bdat(MESSAGE))
        ended = at.ended
        await talk.stream.aclose()
        await ended.wait()
        assert at.spool.kept == []


async def test_binary_content_is_kept_as_it_is() -> None:
    content = MESSAGE + bytes(range(256)) + b"\r\r\n\n\0"
    async with conversation(offering("CHUNKING", "BINARYMIME")) as (at, talk):
        await talk.ask("EHLO a")
        await talk.ask("MAIL FROM:<a@b.example> BODY=BINARYMIME")
        await talk.ask("RCPT TO:<c@d.example>")
        assert (await talk.ask("DATA")).startswith("503 5.5.1 ")
        assert (await talk.ask(bdat(content, last=True))).startswith("250 2.0.0 OK ")
        batch, kept = at.spool.kept[0]
        assert kept.endswith(content)
        assert batch.body == "BINARYMIME"


async def test_mail_with_addresses_beyond_ascii() -> None:
    async with conversation(offering("SMTPUTF8")) as (at, talk):
        await talk.ask("EHLO a")
        assert (await talk.ask("MAIL FROM:<ü@bücher.example> SMTPUTF8")).startswith("250")
        assert (await talk.ask("RCPT TO:<é@D.example>")).startswith("250")
        assert (await talk.ask("RCPT TO:<é@bücher.example>")).startswith("550 5.7.1 relaying denied")
        await talk.ask("DATA")
        assert (await talk.ask("Subject: größe\r\n\r\n.")).startswith("250")
        batch, content = at.spool.kept[0]
        assert (batch.reverse_path, batch.messages[0].forward_path) == ("ü@xn--bcher-kva.example", "é@d.example")
        assert batch.smtputf8
        assert "(envelope-from <ü@xn--bcher-kva.example>)".encode() in content
        assert b") with UTF8SMTP\r\n" in content
        assert content.endswith("Subject: größe\r\n\r\n".encode())
        assert ("rcptto_string", "RCPT TO:<é@bücher.example>") in at.rejected[0].message_context


async def test_a_domain_is_the_same_in_both_spellings() -> None:
    text = offering("SMTPUTF8").replace('"d.example"', '"xn--bcher-kva.example"')
    async with conversation(text) as (_, talk):
        await talk.ask("MAIL FROM:<> SMTPUTF8")
        assert (await talk.ask("RCPT TO:<a@bücher.example>")).startswith("250")
        assert (await talk.ask("RCPT TO:<a@XN--BCHER-KVA.example>")).startswith("250")
