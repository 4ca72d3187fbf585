"""Command lines: RFC 5321 section 4.1.1, RFC 1870, RFC 6152, RFC 3461; replies of spec/listeners.md section 2.3."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from momentum_trio.mail.dsn import Notify, Returning, Wish
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.event import Event, Expn, Hello, Help, Mail, Noop, Rcpt, Refusal, Reset, Vrfy
from momentum_trio.protocol.smtp.strategies import rehearse
from momentum_trio.protocol.smtp.terms import Terms

TERMS = Terms(
    host="mx.example",
    greeting=Reply.of("220 mx.example ESMTP"),
    extensions=("PIPELINING", "8BITMIME", "SIZE 1000"),
    message_octets_max=1000,
    peer_text="192.0.2.7",
)
DSN = replace(TERMS, extensions=(*TERMS.extensions, "DSN"))
TOLERANT = replace(TERMS, trailing_whitespace=True)


def said(line: bytes, terms: Terms = TERMS, before: bytes = b"") -> tuple[Event, str]:
    """What the last command becomes, and the last line of what is said to it."""
    rehearsed = rehearse([before + line + b"\r\n"], terms)
    return rehearsed.events[-1], rehearsed.octets.splitlines()[-1].decode()


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b"EHLO there", Hello("EHLO", "there", "EHLO there")),
        (b"ehlo kubuntu", Hello("EHLO", "kubuntu", "ehlo kubuntu")),
        (b"HELO Mail.Example.COM", Hello("HELO", "Mail.Example.COM", "HELO Mail.Example.COM")),
        (b"EHLO [192.0.2.1]", Hello("EHLO", "[192.0.2.1]", "EHLO [192.0.2.1]")),
        (b"EHLO [IPv6:2001:db8::1]", Hello("EHLO", "[IPv6:2001:db8::1]", "EHLO [IPv6:2001:db8::1]")),
        (b"EHLO my_pc", Hello("EHLO", "my_pc", "EHLO my_pc")),  # not a domain, but what people's machines say
        (b"HELO 192.0.2.1", Hello("HELO", "192.0.2.1", "HELO 192.0.2.1")),
        (b"RSET", Reset()),
        (b"NOOP", Noop("")),
        (b"NOOP anything at all", Noop("anything at all")),
        (b"VRFY Smith", Vrfy("Smith")),
        (b"EXPN Example-People", Expn("Example-People")),
        (b"HELP", Help("")),
        (b"HELP MAIL", Help("MAIL")),
    ],
)
def test_commands(line: bytes, event: Event) -> None:
    assert said(line)[0] == event


@pytest.mark.parametrize(
    ("arguments", "event"),
    [
        ("<>", Mail("", {}, None, "", "")),
        ("<a@B.Example>", Mail("a@b.example", {}, None, "", "")),
        ('<"a b"@c>', Mail('"a b"@c', {}, None, "", "")),
        ('<">"@c> SIZE=1', Mail('">"@c', {"SIZE": "1"}, 1, "", "")),
        ("<@a,@b:c@d>", Mail("c@d", {}, None, "", "")),
        ("<a@[x:>]> SIZE=1", Mail("a@[x:>]", {"SIZE": "1"}, 1, "", "")),
        ("<a@b> SIZE=0", Mail("a@b", {"SIZE": "0"}, 0, "", "")),
        ("<a@b> size=1000 body=8bitmime", Mail("a@b", {"SIZE": "1000", "BODY": "8bitmime"}, 1000, "8BITMIME", "")),
        ("<a@b> BODY=7BIT", Mail("a@b", {"BODY": "7BIT"}, None, "7BIT", "")),
    ],
)
def test_mail(arguments: str, event: Mail) -> None:
    line = f"MAIL FROM:{arguments}"
    assert said(line.encode()) == (msgspec.structs.replace(event, line=line), "250 2.1.0 MAIL FROM accepted")


@pytest.mark.parametrize(
    ("arguments", "reply"),
    [
        # RFC 5321 section 4.1.1.2
        ("", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM:", "501 5.5.2 MAIL FROM syntax error"),
        (" TO:<a@b>", "501 5.5.2 MAIL FROM syntax error"),
        ("  FROM:<a@b>", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM: <a@b>", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM:a@b", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM:<a@b", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM:< a@b>", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM:<a..b@c>", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM:<a@b>SIZE=1", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM:<a@b> ", "501 5.5.2 MAIL FROM syntax error"),
        (" FROM:<user>", "501 5.5.2 MAIL FROM syntax error"),
        (f" FROM:<{'a' * 65}@b>", "501 5.5.2 MAIL FROM syntax error"),
        (f" FROM:<a@{'b' * 64}>", "501 5.5.2 MAIL FROM syntax error"),
        # section 4.1.1.11: a parameter that is not offered
        (" FROM:<a@b> X", "555 5.5.4 unsupported parameter"),
        (" FROM:<a@b> SMTPUTF8", "555 5.5.4 unsupported parameter"),
        (" FROM:<a@b> RET=HDRS", "555 5.5.4 unsupported parameter"),
        (" FROM:<a@b> AUTH=<>", "555 5.5.4 unsupported parameter"),
        (" FROM:<a@b> NOTIFY=NEVER", "555 5.5.4 unsupported parameter"),
        # ... one that is malformed, or given twice
        (" FROM:<a@b>  SIZE=1", "501 5.5.4 invalid parameter"),
        (" FROM:<a@b> SIZE=1 ", "501 5.5.4 invalid parameter"),
        (" FROM:<a@b> SIZE", "501 5.5.4 invalid parameter"),
        (" FROM:<a@b> SIZE=", "501 5.5.4 invalid parameter"),
        (" FROM:<a@b> SIZE=-1", "501 5.5.4 invalid parameter"),
        (" FROM:<a@b> SIZE=1 SIZE=2", "501 5.5.4 invalid parameter"),
        (" FROM:<a@b> SIZE=123456789012345678901", "501 5.5.4 invalid parameter"),
        (" FROM:<a@b> BODY=BINARYMIME", "501 5.5.4 invalid parameter"),
        (" FROM:<a@b> -X=1", "501 5.5.4 invalid parameter"),
        (" FROM:<a@b> =1", "501 5.5.4 invalid parameter"),
        # RFC 1870 section 6.1: the declared size is over the limit
        (" FROM:<a@b> SIZE=1001", "552 5.3.4 message size limit exceeded"),
        (" FROM:<a@b> SIZE=99999999999999999999", "552 5.3.4 message size limit exceeded"),
    ],
)
def test_mail_refused(arguments: str, reply: str) -> None:
    line = f"MAIL{arguments}"
    assert said(line.encode()) == (Refusal(line, Reply.of(reply)), reply)


@pytest.mark.parametrize(
    ("arguments", "forward_path"),
    [("<b@C>", "b@c"), ("<Postmaster>", "postmaster"), ("<@x:b@c>", "b@c"), ('<"b\\@"@c>', '"b@"@c')],
)
def test_rcpt(arguments: str, forward_path: str) -> None:
    line = f"RCPT TO:{arguments}"
    assert said(line.encode(), before=b"MAIL FROM:<>\r\n") == (
        Rcpt(forward_path, {}, line),
        "250 2.1.5 RCPT TO accepted.",
    )


@pytest.mark.parametrize(
    ("arguments", "reply"),
    [
        (" TO:<>", "501 5.5.2 RCPT TO syntax error"),
        (" TO:<b>", "501 5.5.2 RCPT TO syntax error"),
        (" TO:b@c", "501 5.5.2 RCPT TO syntax error"),
        (" FROM:<b@c>", "501 5.5.2 RCPT TO syntax error"),
        ("", "501 5.5.2 RCPT TO syntax error"),
        (" TO:<b@c> NOTIFY=NEVER", "555 5.5.4 unsupported parameter"),
        (" TO:<b@c> SIZE=1", "555 5.5.4 unsupported parameter"),
        (" TO:<b@c>  X", "501 5.5.4 invalid parameter"),
    ],
)
def test_rcpt_refused(arguments: str, reply: str) -> None:
    line = f"RCPT{arguments}"
    assert said(line.encode(), before=b"MAIL FROM:<>\r\n") == (Refusal(line, Reply.of(reply)), reply)


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"", "500 5.5.2 unrecognized command"),
        (b" ", "500 5.5.2 unrecognized command"),
        (b"FOO", "500 5.5.2 unrecognized command"),
        (b"EHLOthere", "500 5.5.2 unrecognized command"),
        (b"GET / HTTP/1.1", "421 4.7.0 this is SMTP, not HTTP"),
        (b"POST /" + b"x" * 5000 + b" HTTP/1.1", "421 4.7.0 this is SMTP, not HTTP"),
        (b"POSTAL", "500 5.5.2 unrecognized command"),
        (b"STARTTLS", "500 5.5.2 unrecognized command"),
        (b"EHLO", "501 5.5.2 invalid EHLO"),
        (b"EHLO ", "501 5.5.2 invalid EHLO"),
        (b"EHLO a b", "501 5.5.2 invalid EHLO"),
        (b"EHLO [foo]", "501 5.5.2 invalid EHLO"),
        (b"EHLO -", "501 5.5.2 invalid EHLO"),
        (b"EHLO <script>", "501 5.5.2 invalid EHLO"),
        (b"HELO", "501 5.5.2 invalid HELO"),
        (b"helo " + b"a" * 256, "501 5.5.2 invalid HELO"),
        (b"RSET now", "501 5.5.4 invalid arguments to RSET"),
        (b"RSET ", "501 5.5.4 invalid arguments to RSET"),
        (b"QUIT now", "501 5.5.4 Syntax error (no parameters allowed)"),
        (b"VRFY", "501 5.5.4 argument required"),
        (b"EXPN ", "501 5.5.4 argument required"),
        # RFC 5321 section 2.4: no octet above 127 in a command; section 2.3.8: neither CR nor LF alone; NUL never
        (b"EHLO \x80", "500 5.5.2 invalid character in command"),
        (b"MAIL FROM:<\xc3\xa9@b>", "500 5.5.2 invalid character in command"),
        (b"NOOP\x00", "500 5.5.2 invalid character in command"),
        (b"NOOP\nNOOP", "500 5.5.2 invalid character in command"),
        (b"NOOP\rNOOP", "500 5.5.2 invalid character in command"),
        (b"NOOP\r", "500 5.5.2 invalid character in command"),
        (b"\nNOOP", "500 5.5.2 invalid character in command"),
        (b"NOOP\x7f", "500 5.5.2 invalid character in command"),
        # section 4.5.3.1.4
        (b"NOOP " + b"x" * 2042, "500 5.5.2 line too long"),
        (b"x" * 100_000, "500 5.5.2 line too long"),
    ],
)
def test_refusals(line: bytes, reply: str) -> None:
    event, last = said(line)
    assert last == reply
    assert isinstance(event, Refusal)
    assert event.reply == Reply.of(reply)
    assert event.line.isascii()
    assert event.line.isprintable()


def test_the_longest_line() -> None:
    assert said(b"NOOP " + b"x" * 2041) == (Noop("x" * 2041), "250 2.0.0 OK")


def test_after_a_line_too_long_the_next_is_read() -> None:
    assert rehearse([b"x" * 5000 + b"\nNOOP\r\nNOOP\r\n"], TERMS).codes == [220, 500, 250]


def test_data_with_an_argument() -> None:
    before = b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"
    assert said(b"DATA x", before=before)[1] == "501 5.5.4 unexpected argument to DATA"
    assert said(b"DATA ", before=before)[1] == "501 5.5.4 unexpected argument to DATA"


@pytest.mark.parametrize(
    ("command", "parameters"),
    [
        (b"MAIL FROM:<a@b> RET=hdrs ENVID=QQ+2B1", {"RET": "hdrs", "ENVID": "QQ+2B1"}),
        (
            b"RCPT TO:<a@b> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@b",
            {"NOTIFY": "SUCCESS,FAILURE", "ORCPT": "rfc822;a@b"},
        ),
    ],
)
def test_parameters_of_an_extension_the_terms_offer(command: bytes, parameters: dict[str, str]) -> None:
    event, _ = said(command, DSN, b"" if command.startswith(b"MAIL") else b"MAIL FROM:<>\r\n")
    assert isinstance(event, Mail | Rcpt)
    assert event.parameters == parameters


@pytest.mark.parametrize(
    ("parameters", "returning"),
    [
        (b"RET=FULL", Returning("FULL", "")),  # RFC 3461 section 4.3
        (b"RET=hdrs", Returning("HDRS", "")),
        (b"ENVID=QQ+2B314+3D159", Returning("", "QQ+314=159")),  # section 4.4: xtext is decoded
        (b"ENVID=a+20b", Returning("", "a b")),
        (b"envid=" + b"x" * 100, Returning("", "x" * 100)),
        (b"SIZE=1 ENVID=a RET=FULL", Returning("FULL", "a")),
        (b"BODY=8BITMIME", Returning()),
    ],
)
def test_what_mail_asks_about_notifications(parameters: bytes, returning: Returning) -> None:
    event, _ = said(b"MAIL FROM:<a@b> " + parameters, DSN)
    assert isinstance(event, Mail)
    assert event.returning == returning


@pytest.mark.parametrize(
    ("parameters", "wish"),
    [
        (b"NOTIFY=NEVER", Wish(Notify.NEVER)),  # RFC 3461 section 4.1
        (b"notify=Success,failure,DELAY", Wish(Notify.SUCCESS | Notify.FAILURE | Notify.DELAY)),
        (b"ORCPT=rfc822;Bob+20Smith@b", Wish(Notify.UNSET, "rfc822;Bob Smith@b")),  # section 4.2: decoded
        (b"ORCPT=utf-8;b\\x{FC}b@b NOTIFY=DELAY", Wish(Notify.DELAY, "utf-8;b\\x{FC}b@b")),  # RFC 6533 section 3
        (b"ORCPT=x;" + b"a" * 498, Wish(Notify.UNSET, "x;" + "a" * 498)),
    ],
)
def test_what_rcpt_asks_about_notifications(parameters: bytes, wish: Wish) -> None:
    event, _ = said(b"RCPT TO:<a@b> " + parameters, DSN, b"MAIL FROM:<>\r\n")
    assert isinstance(event, Rcpt)
    assert event.wish == wish


@pytest.mark.parametrize(
    "parameter",
    [
        b"NOTIFY=NEVER,SUCCESS",  # RFC 3461 section 4.1: NEVER stands alone
        b"NOTIFY=SUCCESS,NEVER",
        b"NOTIFY=MAYBE",
        b"NOTIFY=SUCCESS,",
        b"NOTIFY=",
        b"NOTIFY",
        b"NOTIFY=DELAY NOTIFY=DELAY",
        b"ORCPT=bob@b",  # section 4.2: no type
        b"ORCPT=rfc822;",
        b"ORCPT=rfc822;a+2",  # section 4: no xtext
        b"ORCPT=rfc822;a+2b",
        b"ORCPT=rfc822;a+0Ab",  # what it stands for would end a header field
        b"ORCPT=rfc822;a+E9",
        b"ORCPT=x;" + b"a" * 499,
    ],
)
def test_what_rcpt_must_not_ask(parameter: bytes) -> None:
    assert said(b"RCPT TO:<a@b> " + parameter, DSN, b"MAIL FROM:<>\r\n")[1] == "501 5.5.4 invalid parameter"


@pytest.mark.parametrize(
    "parameter",
    [
        b"RET=ALL",  # RFC 3461 section 4.3
        b"RET",
        b"RET=FULL RET=HDRS",
        b"ENVID=",  # section 4.4
        b"ENVID=+0D",
        b"ENVID=a+",
        b"ENVID=" + b"x" * 101,
    ],
)
def test_what_mail_must_not_ask(parameter: bytes) -> None:
    assert said(b"MAIL FROM:<a@b> " + parameter, DSN)[1] == "501 5.5.4 invalid parameter"


@pytest.mark.parametrize("parameter", [b"SIZE=1", b"BODY=7BIT"])
def test_no_extension_no_parameter(parameter: bytes) -> None:
    terms = replace(TERMS, extensions=())
    assert said(b"MAIL FROM:<> " + parameter, terms)[1] == "555 5.5.4 unsupported parameter"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"MAIL FROM: <a@b>", "250 2.1.0 MAIL FROM accepted"),
        (b"MAIL FROM:< a@b >", "250 2.1.0 MAIL FROM accepted"),
        (b"MAIL FROM:<a@b> \t", "250 2.1.0 MAIL FROM accepted"),
        (b"MAIL FROM:<a@b> SIZE=1  ", "250 2.1.0 MAIL FROM accepted"),
        (b"RSET ", "250 2.0.0 OK"),
        (b"EHLO a ", "250 SIZE 1000"),
        (b"MAIL FROM:<a b@c>", "501 5.5.2 MAIL FROM syntax error"),
        (b"NOOP\r", "500 5.5.2 invalid character in command"),
    ],
)
def test_trailing_whitespace_tolerated(line: bytes, reply: str) -> None:
    assert said(line, TOLERANT)[1] == reply


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"MAIL FROM:<a@b> \t", "250 2.1.0 MAIL FROM accepted"),
        (b"mail from:<a@b> SIZE=1  ", "250 2.1.0 MAIL FROM accepted"),
        (b"MAIL FROM: <a@b>", "501 5.5.2 MAIL FROM syntax error"),
        (b"MAIL FROM:< a@b >", "501 5.5.2 MAIL FROM syntax error"),
        (b"RCPT TO:<a@b> ", "250 2.1.5 RCPT TO accepted."),
        (b"RCPT TO:<a@b >", "501 5.5.2 RCPT TO syntax error"),
        (b"RSET ", "501 5.5.4 invalid arguments to RSET"),
        (b"EHLO a ", "501 5.5.2 invalid EHLO"),
    ],
)
def test_whitespace_tolerated_at_the_end_of_an_envelope_command_alone(line: bytes, reply: str) -> None:
    before = b"MAIL FROM:<>\r\n" if line.startswith(b"RCPT") else b""
    assert said(line, replace(TERMS, whitespace_in_envelope=True), before)[1] == reply


def test_tolerant_addresses() -> None:
    terms = replace(TERMS, pedantic_addresses=False, unqualified_reverse_path=True)
    assert said(b"MAIL FROM:<a..b@c>", terms)[0] == Mail("a..b@c", {}, None, "", "MAIL FROM:<a..b@c>")
    assert said(b"MAIL FROM:<user>", terms)[0] == Mail("user", {}, None, "", "MAIL FROM:<user>")
    assert said(b"RCPT TO:<user>", terms, b"MAIL FROM:<>\r\n")[1] == "501 5.5.2 RCPT TO syntax error"
