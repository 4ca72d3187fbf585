"""SMTP smuggling: whatever stands around the dot, only CRLF "." CRLF ends content.

Each test sends one message with another transaction hidden in it behind a sequence that some server took for the end of
content. One message must result, which is refused, and nothing of the hidden transaction may become a command.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.event import ContentEnd, Data, Hello, Mail, Rcpt
from momentum_trio.protocol.smtp.strategies import bdat, cut, rehearse
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms

TERMS = Terms("mx.example", Reply.of("220 mx.example ESMTP"), ("PIPELINING", "8BITMIME", "SIZE 100000"), 100_000)
LENIENT = replace(TERMS, lone_line_ends_in_body=LoneLineEnds.IGNORE, nul_in_content=True)
MENDING = replace(TERMS, lone_line_ends_in_headers=LoneLineEnds.FIX, lone_line_ends_in_body=LoneLineEnds.FIX)

OUTER = b"EHLO a\r\nMAIL FROM:<outer@a>\r\nRCPT TO:<b@c>\r\nDATA\r\n"
TEXT = b"Subject: outer\r\n\r\nouter"
DOTTED = b"Subject: outer\r\n\r\n..outer\r\n.outer"  # what is searched for differs behind a stuffed line
HIDDEN = b"MAIL FROM:<hidden@a>\r\nRCPT TO:<victim@c>\r\nDATA\r\nSubject: hidden\r\n\r\nhidden"
END = b"\r\n.\r\n"
AFTER = b"RSET\r\nQUIT\r\n"


def named(variant: bytes) -> str:
    return repr(variant)[2:-1]


def assert_one_message(variant: bytes, fault: Reply | None) -> None:
    """One message results, the hidden commands are its content, and the conversation goes on behind it.

    Terms that mend line ends make no difference.
    """
    for text, terms in ((TEXT, TERMS), (DOTTED, TERMS), (DOTTED, MENDING)):
        assert_one_message_behind(text, variant, fault, terms)


def assert_one_message_behind(text: bytes, variant: bytes, fault: Reply | None, terms: Terms) -> None:
    octets = OUTER + text + variant + HIDDEN + END + AFTER
    around = len(OUTER + text)
    content = (text + variant + HIDDEN + b"\r\n").replace(b"\r\n.", b"\r\n")
    cuts: list[list[int]] = [[], [1] * len(octets)]
    cuts += [[around + at] for at in range(-2, len(variant) + 2)]
    cuts += [[around, 1, 1, 1]]
    for sizes in cuts:
        rehearsed = rehearse(cut(octets, sizes), terms)
        hello, mail, rcpt, data, end, *_ = rehearsed.events
        assert isinstance(hello, Hello)
        assert isinstance(mail, Mail)
        assert mail.reverse_path == "outer@a"
        assert isinstance(rcpt, Rcpt)
        assert isinstance(data, Data)
        assert isinstance(end, ContentEnd)
        assert end.fault == fault
        assert len(rehearsed.events) == 7
        assert rehearsed.codes == [220, 250, 250, 250, 354, fault.code if fault else 250, 250, 221]
        assert rehearsed.messages == (() if fault else (content,))


def assert_never_an_end(variant: bytes) -> None:
    """Where the operator lets such content through, it still is one message."""
    for text in (TEXT, DOTTED):
        rehearsed = rehearse([OUTER + text + variant + HIDDEN + END + AFTER], LENIENT)
        assert len(rehearsed.messages) == 1
        assert rehearsed.messages[0].endswith(HIDDEN + b"\r\n")
        assert sum(isinstance(event, Mail) for event in rehearsed.events) == 1


@pytest.mark.parametrize("variant", [b"\n.\r\n", b"\n.\n"], ids=named)
def test_cve_2023_51764_postfix(variant: bytes) -> None:
    assert_one_message(variant, replies.LONE_IN_BODY)
    assert_never_an_end(variant)


@pytest.mark.parametrize("variant", [b"\n.\r\n", b"\r.\r\n", b"\n.\n", b"\r\n.\n"], ids=named)
def test_cve_2023_51765_sendmail(variant: bytes) -> None:
    assert_one_message(variant, replies.LONE_IN_BODY)
    assert_never_an_end(variant)


@pytest.mark.parametrize("variant", [b"\n.\r\n", b"\n.\n", b"\r\n.\n"], ids=named)
def test_cve_2023_51766_exim(variant: bytes) -> None:
    assert_one_message(variant, replies.LONE_IN_BODY)
    assert_never_an_end(variant)


@pytest.mark.parametrize("variant", [b"\n.\n", b"\n.\r\n", b"\r\n.\n"], ids=named)
def test_cve_2024_27305_aiosmtpd(variant: bytes) -> None:
    assert_one_message(variant, replies.LONE_IN_BODY)
    assert_never_an_end(variant)


LONE = [b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\n", b"\r\n\r", b"\n\r\n", b"\r\r", b"\n\n"]
WITH_LONE = sorted({b"".join(v) for v in product([*LONE, b"\r\n"], [b"."], [*LONE, b"\r\n"])} - {b"\r\n.\r\n"})
ENDS_FIRST = [v for v in WITH_LONE if b"\r\n.\r\n" in v]


@pytest.mark.parametrize("variant", [v for v in WITH_LONE if v not in ENDS_FIRST], ids=named)
def test_every_other_line_end_around_the_dot(variant: bytes) -> None:
    assert_one_message(variant, replies.LONE_IN_BODY)
    assert_never_an_end(variant)


NUL = [b"\x00\r\n.\r\n"[:1] + b"\r\n\x00.\r\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\x00.\x00\r\n", b"\r\n.\x00"]


@pytest.mark.parametrize("variant", NUL, ids=named)
def test_nul_octets_around_the_dot(variant: bytes) -> None:
    assert_one_message(variant, replies.NUL_IN_CONTENT)
    assert_never_an_end(variant)


@pytest.mark.parametrize(
    "variant", [b"\r\x00\n.\r\n", b"\r\n.\r\x00\n", b"\n.\x00\n", b"\x00\n.\n", b"\n\x00.\n"], ids=named
)
def test_nul_octets_inside_line_ends(variant: bytes) -> None:
    assert_one_message(variant, replies.NUL_IN_CONTENT)
    assert_never_an_end(variant)


@pytest.mark.parametrize(
    "variant",
    [
        b"\r\n. \r\n",
        b"\r\n .\r\n",
        b"\r\n\t.\r\n",
        b"\r\n.\t\r\n",
        b"\r\n..\r\n",
        b"\r\n...\r\n",
        b"\r\n.\x0b\r\n",
        b"\r\n\x85.\r\n",
    ],
    ids=named,
)
def test_what_only_looks_like_an_end_is_content(variant: bytes) -> None:
    assert_one_message(variant, None)


@pytest.mark.parametrize("variant", ENDS_FIRST, ids=named)
def test_what_stands_behind_a_true_end_is_commands(variant: bytes) -> None:
    # The first CRLF "." CRLF ends content; a lone CR or LF behind it spoils the command it stands in.
    before, _, behind = variant.partition(b"\r\n.\r\n")
    rehearsed = rehearse([OUTER + TEXT + variant + b"NOOP\r\n" + AFTER], TERMS)
    assert rehearsed.codes == [220, 250, 250, 250, 354, 550 if before else 250, 500 if behind else 250, 250, 221]


@pytest.mark.parametrize("separator", [b"\n", b"\r", b"\x00", b"\n\n", b"\r\r", b"\n\r"], ids=named)
def test_commands_are_not_smuggled_behind_commands(separator: bytes) -> None:
    for command in (b"NOOP", b"EHLO a", b"MAIL FROM:<a@b>", b"RSET"):
        rehearsed = rehearse([command + separator + b"MAIL FROM:<hidden@a>\r\nQUIT\r\n"], TERMS)
        assert rehearsed.codes == [220, 500, 221]


def test_data_ends_in_crlf_too() -> None:
    # A DATA that another server reads as DATA and a first line of content.
    dialogue = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\n.\r\nQUIT\r\n"
    assert rehearse([dialogue], TERMS).codes == [220, 250, 250, 500, 221]


def test_lone_line_ends_in_the_header_section() -> None:
    for content in (
        b"Subject: a\nX: b\r\n\r\ntext\r\n",
        b"\n",
        b"Subject: a\r",
        b"A: b\r\nC: d\r\n\n",
        b"A: b\r\r\n\r\n",
    ):
        rehearsed = rehearse([OUTER + content + END], LENIENT)
        end = rehearsed.events[-1]
        assert isinstance(end, ContentEnd)
        assert end.fault is replies.LONE_IN_HEADERS
        assert rehearsed.octets.endswith(b"550 5.6.0 Lone CR or LF in headers (see RFC2822 section 2.2)\r\n")


@pytest.mark.parametrize("variant", [v for v in WITH_LONE if v not in ENDS_FIRST], ids=named)
def test_a_dot_is_not_hidden_in_a_header_section_that_is_mended(variant: bytes) -> None:
    for text in (b"Subject: outer", b""):
        end = rehearse([OUTER + text + variant + HIDDEN + END], MENDING).events[-1]
        assert isinstance(end, ContentEnd)
        assert end.fault in (replies.LONE_IN_HEADERS, replies.LONE_IN_BODY)


@pytest.mark.parametrize("variant", [v for v in WITH_LONE if v not in ENDS_FIRST], ids=named)
def test_a_dot_is_not_hidden_in_a_chunk(variant: bytes) -> None:
    terms = replace(MENDING, extensions=("CHUNKING",))
    for at in range(len(variant) + 1):
        first, second = TEXT + variant[:at], variant[at:] + HIDDEN
        octets = OUTER.removesuffix(b"DATA\r\n") + bdat(first) + bdat(second, last=True)
        end = rehearse([octets], terms).events[-1]
        assert isinstance(end, ContentEnd)
        assert end.fault is replies.LONE_IN_BODY


def test_the_refusal_of_the_body() -> None:
    rehearsed = rehearse([OUTER + b"\r\na\nb" + END], TERMS)
    assert rehearsed.octets.endswith(b"550 5.6.0 Lone CR or LF in body (see RFC2822 section 2.3)\r\n")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "HEAD", "CONNECT"])
@pytest.mark.parametrize("path", ["/", "/" + "x" * 5000])
def test_a_web_page_cannot_send_mail_through_a_browser(method: str, path: str) -> None:
    # The few bad commands that a request's head makes are within what is tolerated; its body is the page's own.
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:2525\r\nContent-Type: text/plain\r\n\r\n".encode()
    rehearsed = rehearse([head + OUTER + TEXT + END + AFTER], TERMS)
    assert rehearsed.codes == [220, 421]
    assert rehearsed.messages == ()
    assert rehearsed.server.closed
