"""Faults that other servers had, one test each: what made them unsafe is refused, or means nothing, here.

Those of content's end are in ``test_smtp_smuggling.py``; those of the shell (a TLS session resumed at another Listen, a
chunk cut by the end of TLS over real sockets) beside it.
"""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from fuzz.sasl import IN_CLEAR, IN_TLS, PLAIN, Heard
from momentum_trio.mail.header import scan
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.chunks import SMALL_CHUNKS_MAX
from momentum_trio.protocol.smtp.content import CONTENT_PART_OCTETS
from momentum_trio.protocol.smtp.event import Auth, ContentEnd, Mail, Rcpt, Refusal, StartTls
from momentum_trio.protocol.smtp.server import Ending
from momentum_trio.protocol.smtp.strategies import Rehearsed, bdat, rehearse
from momentum_trio.protocol.smtp.terms import Injection, Terms

TERMS = Terms(
    "mx.example",
    Reply.of("220 mx.example ESMTP"),
    ("PIPELINING", "8BITMIME", "SIZE 1000", "CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN", "AUTH PLAIN"),
    message_octets_max=1000,
)
M, R = b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n"
READY = b"EHLO a\r\n" + M + R


def heard(octets: bytes, terms: Terms = TERMS, decisions: tuple[bool, ...] = ()) -> Rehearsed:
    """What comes of *octets*, the same whole and octet by octet."""
    whole = rehearse([octets], terms, decisions)
    pieces = rehearse([bytes([octet]) for octet in octets], terms, decisions)
    assert (whole.events, whole.octets, whole.messages) == (pieces.events, pieces.octets, pieces.messages)
    return whole


class TestStartTls:
    """CVE-2011-0411 (Postfix and others), CVE-2021-38371 (Exim), CVE-2021-33515 (Dovecot), CVE-2021-38542 (James)."""

    @pytest.mark.parametrize("policy", Injection)
    @pytest.mark.parametrize("behind", [b"RSET\r\nMAIL FROM:<eve@x>\r\n", b"AUTH PLAIN " + PLAIN + b"\r\n", b"M"])
    def test_what_came_in_clear_is_not_done_in_tls(self, policy: Injection, behind: bytes) -> None:
        shell = Heard(replace(IN_CLEAR, starttls_injection=policy))
        shell.flight([b"EHLO a\r\nSTARTTLS\r\n" + behind])
        if not shell.server.closed:
            shell.flight([b"EHLO b\r\nNOOP\r\n"])
        assert not any(isinstance(event, Mail | Auth) for event in shell.events)
        assert shell.codes == ([250, 501] if policy is Injection.REJECT else [250, 220, 250, 250])

    def test_a_transaction_begun_in_clear_does_not_go_on_in_tls(self) -> None:
        shell = Heard(IN_CLEAR)
        shell.flight([b"EHLO a\r\n" + M + b"STARTTLS\r\n"])
        assert shell.codes == [250, 250, 503]
        assert not any(isinstance(event, StartTls) for event in shell.events)

    def test_authentication_does_not_survive_it(self) -> None:
        shell = Heard(replace(IN_CLEAR, extensions=("AUTH PLAIN", "STARTTLS")))
        shell.flight([b"EHLO a\r\nAUTH PLAIN " + PLAIN + b"\r\n"])
        assert shell.server.authenticated
        shell.flight([b"STARTTLS\r\n"])
        assert not shell.server.authenticated


class TestAuth:
    @pytest.mark.parametrize("before", [M, M + R, M + R + bdat(b"x")])
    def test_inside_a_transaction(self, before: bytes) -> None:
        rehearsed = heard(b"EHLO a\r\n" + before + b"AUTH PLAIN " + PLAIN + b"\r\n")
        assert rehearsed.codes[-1] == 503
        assert not rehearsed.server.authenticated

    def test_twice(self) -> None:
        auth = b"AUTH PLAIN " + PLAIN + b"\r\n"
        assert heard(b"EHLO a\r\n" + auth + auth + b"RSET\r\n" + auth).codes == [220, 250, 235, 503, 250, 503]

    @pytest.mark.parametrize("line", [b"RSET", b"QUIT", b"NOOP", b"EHLO", b"DATA"])
    def test_a_command_as_a_response(self, line: bytes) -> None:
        # the mechanism that was begun is asked, or refused; the command is not done beside it
        shell = Heard(IN_TLS)
        shell.flight([b"EHLO a\r\nAUTH LOGIN\r\n" + line + b"\r\n"])
        assert not shell.server.closed
        assert shell.codes == [250, 334, 334]

    def test_another_mechanism_after_one_that_was_cancelled(self) -> None:
        # CVE-2011-1720 (Postfix): state of the first was used by the second
        shell = Heard(IN_TLS)
        shell.flight([b"EHLO a\r\nAUTH CRAM-MD5\r\n*\r\nAUTH PLAIN " + PLAIN + b"\r\n"])
        assert shell.codes == [250, 334, 501, 235]

    def test_without_end(self) -> None:
        shell = Heard(IN_TLS)
        shell.flight([b"EHLO a\r\n" + b"AUTH PLAIN AAAA\r\n" * 100])
        assert shell.codes == [250, 535, 535, 535, 421]

    @pytest.mark.parametrize("value", [b"a+0Ab", b"a+0D+0Ab", b"a+00b", b"a+0ab"])
    def test_line_ends_in_its_parameter(self, value: bytes) -> None:
        # CVE-2020-28021 (Exim): they came into the spool's own header
        assert heard(b"EHLO a\r\nMAIL FROM:<a@b> AUTH=" + value + b"\r\n").codes[-1] == 501


class TestChunks:
    """CVE-2017-16943, CVE-2017-16944 (Exim)."""

    @pytest.mark.parametrize("failing", [bdat(b"x" * 1001), bdat(b"x" * 1001, last=True)])
    def test_state_after_a_failure(self, failing: bytes) -> None:
        rehearsed = heard(READY + failing + bdat(b"Subject: x\r\n\r\n", last=True) + b"RSET\r\n" + M)
        assert rehearsed.codes[4:] == [552, 503, 250, 250]
        assert rehearsed.messages == ()

    def test_state_after_the_last(self) -> None:
        rehearsed = heard(READY + bdat(b"a\r\n", last=True) + bdat(b"b\r\n", last=True) + R)
        assert rehearsed.codes[4:] == [250, 503, 503]
        assert rehearsed.messages == (b"a\r\n",)

    def test_a_dot_is_no_end_of_it(self) -> None:
        rehearsed = heard(READY + bdat(b"a\r\n.\r\nMAIL FROM:<eve@x>\r\n") + bdat(b".\r\n", last=True))
        assert rehearsed.messages == (b"a\r\n.\r\nMAIL FROM:<eve@x>\r\n.\r\n",)

    @pytest.mark.parametrize("last", [True, False])
    def test_one_that_is_cut_by_the_end(self, last: bool) -> None:
        octets = READY + bdat(b"Subject: x\r\n\r\n", last=last)
        for left in range(1, 14):
            rehearsed = rehearse([octets[:-left]], TERMS, leave=True)
            assert rehearsed.server.interrupted
            assert not any(isinstance(event, ContentEnd) for event in rehearsed.events)

    def test_tiny_ones_without_end(self) -> None:
        rehearsed = rehearse([READY + bdat(b"x") * 10_000], replace(TERMS, message_octets_max=0))
        assert rehearsed.server.ending is Ending.BAD_COMMANDS
        assert len(rehearsed.codes) < SMALL_CHUNKS_MAX + 30

    @pytest.mark.parametrize("size", [b"99999999999999999999", b"-5", b"0x10", b"1 1", b"\xb2", b""])
    def test_a_size_that_is_none(self, size: bytes) -> None:
        rehearsed = heard(READY + b"BDAT " + size + b"\r\nMAIL FROM:<eve@x>\r\n")
        assert not any(isinstance(event, Mail) and "eve" in event.line for event in rehearsed.events)


class TestAddresses:
    def test_vrfy_beyond_ascii_without_smtputf8(self) -> None:
        # RFC 6531 section 3.7.4.2
        assert heard("VRFY ü\r\nVRFY ü SMTPUTF8\r\n".encode()).codes == [220, 553, 252]
        assert heard("VRFY ü\r\n".encode(), replace(TERMS, extensions=())).codes == [220, 500]

    @pytest.mark.parametrize(
        "line",
        [
            b'RCPT TO:<"a\r\nDATA"@d>',
            b'RCPT TO:<"a\nb"@d>',
            b'RCPT TO:<"a\\\rb"@d>',
            b"RCPT TO:<a\0@d>",
            b"RCPT TO:<a@d\0.example>",
            b'RCPT TO:<"\0"@d>',
            b"RCPT TO:<c@d> ORCPT=rfc822;a+0D+0Ab",
            b"RCPT TO:<c@d> ORCPT=rfc822;a+00",
            b"MAIL FROM:<a@b> ENVID=a+0Ab",
        ],
    )
    def test_line_ends_and_nul(self, line: bytes) -> None:
        rehearsed = heard(b"EHLO a\r\nMAIL FROM:<>\r\n" + line + b"\r\n")
        assert not any(isinstance(event, Rcpt) for event in rehearsed.events)
        assert all(code >= 500 for code in rehearsed.codes[3:])

    @pytest.mark.parametrize("local", ["${run{x}}", ";sleep 5;", "|sh", "`x`", "../../etc", "-oQ/tmp"])
    def test_what_shells_and_files_would_make_of_it(self, local: str) -> None:
        # CVE-2019-10149 (Exim), CVE-2020-7247 (OpenSMTPD): it is a local-part or none, and nothing else
        rehearsed = heard(f'MAIL FROM:<>\r\nRCPT TO:<{local}@d>\r\nRCPT TO:<"{local}"@d>\r\n'.encode())
        for event in rehearsed.events[1:]:
            assert isinstance(event, Refusal) or (isinstance(event, Rcpt) and local in event.forward_path)


def test_recipients_after_a_refused_data() -> None:
    # RFC 2920 section 3.1: the transaction is as it was, and what follows is commands
    rehearsed = heard(READY + b"DATA\r\nRSET\r\n" + M + b"DATA\r\n", decisions=(True, True, True, False))
    assert rehearsed.codes == [220, 250, 250, 250, 451, 250, 250, 503]


@pytest.mark.parametrize("method", ["POST / HTTP/1.1", "GET http://x/ HTTP/1.0", "OPTIONS * HTTP/1.1"])
def test_a_web_page_that_makes_a_browser_speak_smtp(method: str) -> None:
    octets = f"{method}\r\nHost: mx\r\n\r\nMAIL FROM:<eve@x>\r\n".encode()
    assert heard(octets).codes == [220, 421]


@pytest.mark.parametrize("line", [b"FOO", b"EHLO", b"\x80", b"RCPT TO:<a@b>", b"BDAT 0", b"x" * 5000])
def test_bad_commands_without_end(line: bytes) -> None:
    rehearsed = rehearse([(line + b"\r\n") * 100], TERMS)
    assert rehearsed.codes[-1] == 421
    assert len(rehearsed.codes) == 22


@pytest.mark.parametrize("octets", [b"x" * 65536, b"\n" * 65536, b"\r" * 65536, b"\0" * 65536])
def test_a_line_without_end(octets: bytes) -> None:
    assert rehearse([octets] * 40, TERMS).codes[-1] == 421


def test_a_response_without_end() -> None:
    shell = Heard(IN_TLS)
    shell.flight([b"EHLO a\r\nAUTH PLAIN\r\n", *[b"A" * 65536] * 40])
    assert shell.codes == [250, 334, 500, 421]


def test_content_without_end_is_not_held() -> None:
    server = rehearse(
        [READY + bdat(b"x" * 10)[:-10].replace(b"10", b"999999999999")], replace(TERMS, message_octets_max=0)
    ).server
    for _ in range(40):
        server.receive(b"x" * 65536)
        while server.next_event() is not None:
            assert server._chunks is not None
        assert server._chunks is not None
        assert len(server._chunks._kept) <= CONTENT_PART_OCTETS


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString", "hasOwnProperty"])
def test_names_that_mean_something_to_the_language(name: str) -> None:
    # Haraka: a header field, a parameter or a mechanism of such a name
    seen = scan(f"{name}: x\r\nSubject: y\r\n".encode())
    assert seen.well_formed
    assert heard(f"MAIL FROM:<a@b> {name}=x\r\nAUTH {name}\r\n{name}\r\n".encode()).codes[1:] == [
        501 if "_" in name else 555,
        503,
        500,
    ]


@pytest.mark.parametrize(
    "octets",
    [
        b"PROXY TCP4 10.0.0.1 10.0.0.2 1 25\r\n",
        b"PROXY UNKNOWN\r\n",
        b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c" + bytes(12),
    ],
)
def test_proxy_from_a_stranger(octets: bytes) -> None:
    rehearsed = heard(octets + b"EHLO a\r\n" + M)
    assert rehearsed.events[-1] == Refusal(rehearsed.events[-1].line, replies.NOT_PROXIED)  # type: ignore[attr-defined]
    assert rehearsed.server.closed


@pytest.mark.parametrize("line", ["XCLIENT ADDR=127.0.0.1", "XCLIENT LOGIN=root", "XREMOTEIP 127.0.0.1"])
def test_xclient_from_a_stranger(line: str) -> None:
    assert heard(f"EHLO a\r\n{line}\r\n".encode()).codes == [220, 250, 500]


def test_base64_that_is_read_two_ways() -> None:
    # padding, blanks and other alphabets that one reader skips and another does not
    for text in (PLAIN + b"=", PLAIN[:-1], b" " + PLAIN, PLAIN.replace(b"A", b"-"), PLAIN + base64.b64encode(b"x")):
        shell = Heard(IN_TLS)
        shell.flight([b"EHLO a\r\nAUTH PLAIN\r\n" + text + b"\r\n"])
        assert shell.codes[-1] in (501, 535)
        assert not shell.server.authenticated


@pytest.mark.parametrize(
    "between", ["XREMOTEIP 192.0.2.9", "XSETCONTEXT a=b", "XDUMPCONTEXT", "NOOP", "AUTH PLAIN", "VRFY x"]
)
def test_what_mail_declared_holds_for_all_of_its_transaction(between: str) -> None:
    """A fault of our own, found by a million steps beside the model: XREMOTEIP after MAIL took MAIL's place."""
    terms = replace(TERMS, extensions=(*TERMS.extensions, "XREMOTEIP", "XSETCONTEXT", "XDUMPCONTEXT"))
    lines = f"EHLO a\r\nMAIL FROM:<a@b> BODY=BINARYMIME SMTPUTF8\r\n{between}\r\nRCPT TO:<\u00fc@d>\r\nDATA\r\n"
    assert heard(lines.encode(), terms).codes[-2:] == [250, 503]
