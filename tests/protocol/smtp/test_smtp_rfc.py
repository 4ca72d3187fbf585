"""What RFC 5321 and its extensions ask of all commands and replies together (docs/rfc.md)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.client_extensions import NOTHING, Extensions
from momentum_trio.protocol.smtp.command import BDAT, COMMANDS
from momentum_trio.protocol.smtp.event import ContentEnd
from momentum_trio.protocol.smtp.strategies import rehearse
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.reception import address, content
from momentum_trio.reception.decision import Refused

TERMS = Terms("mx.example", Reply.of("220 mx.example ESMTP"), ("8BITMIME", "SIZE", "DSN"))
M, R = b"MAIL FROM:<>\r\n", b"RCPT TO:<b@c>\r\n"


@pytest.mark.parametrize(
    ("before", "command"),
    [
        (b"", b"EHLO a"),
        (b"", b"HELO a"),
        (b"EHLO a\r\n", b"MAIL FROM:<a@b>"),
        (M, b"RCPT TO:<a@b>"),
        (M + R, b"DATA"),
        (b"", b"RSET"),
        (b"", b"NOOP"),
        (b"", b"QUIT"),
        (b"", b"VRFY postmaster"),
    ],
)
def test_what_every_server_has(before: bytes, command: bytes) -> None:
    # RFC 5321 section 4.5.1, without any extension
    assert rehearse([before + command + b"\r\n"], replace(TERMS, extensions=())).codes[-1] < 400


def test_commands_are_registered() -> None:
    # section 4.1.5: those of RFC 5321, 3030, 3207, 4954; others begin with X
    registered = {"EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP"}
    registered |= {BDAT, "STARTTLS", "AUTH"}
    assert {verb for verb in COMMANDS if not verb.startswith("X")} | {BDAT} == registered


@pytest.mark.parametrize("line", ["TURN", "SEND FROM:<a@b>", "SOML FROM:<a@b>", "SAML FROM:<a@b>"])
def test_commands_of_the_past(line: str) -> None:
    # appendices F.1 and F.6
    assert rehearse([line.encode() + b"\r\n"], TERMS).codes == [220, 500]


@pytest.mark.parametrize("path", ["<a@b_c>", "<a@_b>", "<a@#16909060>", "<a@b!c>", "<a@b%c>"])
def test_domains_are_letters_digits_and_hyphens(path: str) -> None:
    # section 4.1.2, appendix F.4; what is wrong changes no state (section 4.1.4)
    octets = f"MAIL FROM:{path}\r\nMAIL FROM:<>\r\nRCPT TO:{path}\r\nRCPT TO:<a@b>\r\n".encode()
    assert rehearse([octets], TERMS).codes == [220, 501, 250, 501, 250]


LONGEST_DOMAIN = ".".join(["d" * 63] * 3 + ["d" * 60])  # with <a@> 256 octets of path
LEAST = [
    f"MAIL FROM:<{'a' * 64}@b>".encode(),  # section 4.5.3.1.1
    f"MAIL FROM:<a@{LONGEST_DOMAIN}>".encode(),  # sections 4.5.3.1.2 and 4.5.3.1.3
    b"NOOP " + b"x" * 505,  # section 4.5.3.1.4: 512 octets with CRLF
    M + R * 100 + b"DATA",  # section 4.5.3.1.8
    M + R + b"DATA\r\n" + b"x" * 998 + b"\r\n.",  # section 4.5.3.1.6: 1000 with CRLF
    M + R + b"DATA\r\n" + (b"x" * 62 + b"\r\n") * 1024 + b".",  # section 4.5.3.1.7: 64 KiB
]


@pytest.mark.parametrize("octets", LEAST, ids=lambda octets: octets[:15].decode())
def test_least_sizes(octets: bytes) -> None:
    codes = rehearse([octets + b"\r\n"], TERMS).codes
    assert max(codes) < 400, codes


# Replies

OF_5321 = {211, 214, 220, 221, 250, 251, 252, 354, 421, 450, 451, 452, 455}
OF_5321 |= {500, 501, 502, 503, 504, 550, 551, 552, 553, 554, 555}  # section 4.2.3
OF_AUTH = {235, 334, 432, 454, 530, 534, 535, 538}  # RFC 4954 section 6; 454 is RFC 3207's too

NAMED = {name: reply for name, reply in vars(replies).items() if isinstance(reply, Reply)}
NAMED |= {
    name: decision.reply
    for module in (address, content)
    for name, decision in vars(module).items()
    if isinstance(decision, Refused)
}
NAMED |= {"chunk_taken": replies.chunk_taken(1), "closing": replies.closing("mx"), "idle": replies.idle_timeout("mx")}
every_reply = pytest.mark.parametrize("name", NAMED)


@every_reply
def test_codes_are_those_of_the_rfcs(name: str) -> None:
    assert NAMED[name].code in OF_5321 | OF_AUTH
    assert all(NAMED[name].lines)


@every_reply
def test_replies_fit_a_line(name: str) -> None:
    # section 4.5.3.1.5
    assert max(map(len, NAMED[name].octets().split(b"\r\n"))) <= 510


@every_reply
def test_enhanced_codes(name: str) -> None:
    # RFC 2034 section 4: of the class of the code; none in 3yz
    reply = NAMED[name]
    if 300 <= reply.code < 400 or name == "RCPT_WITHOUT_MAIL":  # the manual's text has none
        assert reply.enhanced == ""
    else:
        kind, subject, detail = reply.enhanced.split(".")
        assert kind == str(reply.code)[0]
        assert 0 <= int(subject) <= 7  # RFC 3463 section 3
        assert int(detail) < 1000


# Extensions


@pytest.mark.parametrize("declared", [1, 900, 902, 1000])
def test_what_was_declared_is_taken(declared: int) -> None:
    # RFC 1870 section 6.3; more than that is taken too, within the limit
    terms = replace(TERMS, extensions=("SIZE 1000",), message_octets_max=1000)
    octets = f"MAIL FROM:<> SIZE={declared}\r\n".encode() + R + b"DATA\r\n" + b"x" * 900 + b"\r\n.\r\n"
    rehearsed = rehearse([octets], terms)
    assert rehearsed.codes == [220, 250, 250, 354, 250]
    assert isinstance(end := rehearsed.events[-1], ContentEnd)
    assert end.fault is None


def test_the_codes_of_smtputf8() -> None:
    # RFC 6531 section 3.5
    terms = replace(TERMS, extensions=("8BITMIME", "SMTPUTF8"))
    octets = "MAIL FROM:<ü@b>\r\nMAIL FROM:<>\r\nRCPT TO:<ü@b>\r\nVRFY ü\r\n".encode()
    said = rehearse([octets], terms).octets.decode().splitlines()[1:]
    assert [line[:9] for line in said] == ["553 5.6.7", "250 2.1.0", "553 5.6.7", "553 5.6.7"]


@pytest.mark.parametrize(
    ("before", "line", "wish"),
    [
        (b"", b"MAIL FROM:<a@b>", b"RET=HDRS ENVID=QQ"),
        (b"", b"MAIL FROM:<a..b@c>", b"RET=FULL"),
        (b"", b"MAIL FROM:<a@b> SIZE=1 X", b"ENVID=QQ"),
        (M, b"MAIL FROM:<a@b>", b"ENVID=QQ"),
        (M, b"RCPT TO:<a@b>", b"NOTIFY=NEVER"),
        (M, b"RCPT TO:<>", b"NOTIFY=SUCCESS ORCPT=rfc822;a@b"),
        (b"", b"RCPT TO:<a@b>", b"ORCPT=x;y"),
    ],
)
@pytest.mark.parametrize("accepted", [True, False])
def test_wishes_change_no_reply(before: bytes, line: bytes, wish: bytes, accepted: bool) -> None:
    # RFC 3461 section 5.1
    decisions = [True] * before.count(b"\n") + [accepted]
    plain = rehearse([before + line + b"\r\n"], TERMS, decisions).octets
    assert rehearse([before + line + b" " + wish + b"\r\n"], TERMS, decisions).octets == plain


@pytest.mark.parametrize("line", ["LIMITS", "LIMITS RCPTMAX=0", "LIMITS X=;=;", "LIMITS MAILMAX=10 UNHEARD"])
def test_a_client_overlooks_limits(line: str) -> None:
    # RFC 9422: those it does not know, or that make no sense
    assert Extensions.of((line,)) == NOTHING
