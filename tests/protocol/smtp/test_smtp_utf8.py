"""SMTPUTF8: RFC 6531; ORCPT beyond ASCII: RFC 6533."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from momentum_trio.mail import path
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.event import Mail, Rcpt, Refusal, Vrfy
from momentum_trio.protocol.smtp.strategies import cut, cuts, international, rehearse
from momentum_trio.protocol.smtp.terms import Terms

TERMS = Terms("mx.example", Reply.of("220 mx.example ESMTP"), ("8BITMIME", "SMTPUTF8", "DSN"))
PLAIN = replace(TERMS, extensions=("8BITMIME", "DSN"))
DECLARED = "MAIL FROM:<a@b> SMTPUTF8\r\n"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("<ü@b>", "ü@b"),
        ("<Ü.é@b>", "Ü.é@b"),
        ('<"ü é"@b>', '"ü é"@b'),
        ('<"ü"@b>', "ü@b"),
        ("<用户@例え.テスト>", "用户@xn--r8jz45g.xn--zckzah"),
        ("<a@Bücher.example>", "a@xn--bcher-kva.example"),
        ("<a@bu\u0308cher.example>", "a@xn--bcher-kva.example"),  # decomposed
        ("<a@faß.example>", "a@xn--fa-hia.example"),  # IDNA 2008: another domain than fass.example
        ("<" + "ü" * 32 + "@b>", "ü" * 32 + "@b"),
    ],
)
def test_paths(text: str, canonical: str) -> None:
    # RFC 6531 section 3.3
    assert path.reverse_path(text, international=True) == canonical
    assert path.forward_path(text, international=True) == canonical
    with pytest.raises(ValueError, match="a"):
        path.forward_path(text)
    assert path.mailbox(canonical, international=True) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "<ü>",
        "<ü..é@b>",
        "<a@ü_.example>",
        "<a@-ü>",
        "<@ü.example:a@b>",  # source routes are not to be made any more
        "<a@[ü]>",
        "<a@[x:ü]>",
        "<a@ü..example>",
        "<a@☃.example>",
        "<a@\u200d.example>",
        "<" + "ü" * 33 + "@b>",
        "<a@" + "ü" * 64 + ">",
        "<a@" + ".".join(["ü" * 30] * 5) + ">",
    ],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        path.forward_path(text, international=True)


@pytest.mark.parametrize(
    ("dialogue", "codes"),
    [
        (DECLARED + "RCPT TO:<ü@bücher.example>\r\n", [250, 250]),
        ("MAIL FROM:<ü@b> SMTPUTF8\r\n", [250]),
        ("MAIL FROM:<ü@b> BODY=8BITMIME smtputf8\r\n", [250]),
        ("MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<ü@b>\r\n", [250, 250]),
        # section 3.4: the parameter has to be given, and has no value
        ("MAIL FROM:<ü@b>\r\nMAIL FROM:<ü@b> BODY=8BITMIME\r\n", [553, 553]),
        ("MAIL FROM:<a@b> SMTPUTF8=x\r\n", [501]),
        ("MAIL FROM:<a@b>\r\nRCPT TO:<ü@b>\r\nRCPT TO:<c@b>\r\n", [250, 553, 250]),
        # ... for each transaction
        (DECLARED + "RSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<ü@b>\r\n", [250, 250, 250, 553]),
        # order comes before it
        ("RCPT TO:<ü@b>\r\n", [503]),
        # section 3.7.4.2
        ("VRFY ü\r\nVRFY ü SMTPUTF8\r\nEXPN ü\r\nEXPN ü smtputf8\r\n", [553, 252, 553, 502]),
        # section 3.7.1: domains of EHLO are ASCII; other commands as well
        ("EHLO bücher.example\r\nNOOP ü\r\nHELP ü\r\nÜ\r\n", [500, 500, 500, 500]),
        # no controls, no line or paragraph separators, nothing that turns the text around
        (DECLARED + "RCPT TO:<\u0085@b>\r\nRCPT TO:<\u2028@b>\r\nRCPT TO:<\u202e@b>\r\n", [250, 500, 500, 500]),
    ],
)
def test_dialogues(dialogue: str, codes: list[int]) -> None:
    octets = dialogue.encode()
    assert rehearse([octets], TERMS).codes == [220, *codes]
    assert rehearse([bytes([octet]) for octet in octets], TERMS).codes == [220, *codes]


def test_it_is_not_known_unless_it_is_offered() -> None:
    octets = (DECLARED + "MAIL FROM:<a@b>\r\nRCPT TO:<ü@b>\r\nVRFY ü SMTPUTF8\r\n").encode()
    assert rehearse([octets], PLAIN).codes == [220, 555, 250, 500, 500]


@pytest.mark.parametrize("octets", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"])
def test_octets_that_are_no_utf8(octets: bytes) -> None:
    # RFC 3629: surrogates, overlong forms, beyond U+10FFFF
    rehearsed = rehearse([DECLARED.encode() + b"RCPT TO:<" + octets + b"@b>\r\n"], TERMS)
    assert rehearsed.codes == [220, 250, 500]
    assert isinstance(refusal := rehearsed.events[-1], Refusal)
    assert refusal.line.isascii()


def test_events() -> None:
    mail, rcpt, vrfy = rehearse([(DECLARED + "RCPT TO:<ü@b>\r\nVRFY ü SMTPUTF8\r\n").encode()], TERMS).events
    assert isinstance(mail, Mail)
    assert (mail.smtputf8, mail.parameters) == (True, {"SMTPUTF8": None})
    assert rcpt == Rcpt("ü@b", {}, "RCPT TO:<ü@b>")
    assert vrfy == Vrfy("ü SMTPUTF8")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("utf-8;ü@b", "utf-8;\\x{FC}@b"),
        ("UTF-8;a+2Bé@b", "UTF-8;a+\\x{E9}@b"),
        ("utf-8;\\x{FC}@b", "utf-8;\\x{FC}@b"),
        ("rfc822;a@b", "rfc822;a@b"),
    ],
)
def test_orcpt(sent: str, kept: str) -> None:
    # RFC 6533 section 3
    event = rehearse([(DECLARED + f"RCPT TO:<c@d> ORCPT={sent}\r\n").encode()], TERMS).events[-1]
    assert isinstance(event, Rcpt)
    assert event.wish.original_recipient == kept


def test_orcpt_of_another_type_is_ascii() -> None:
    assert rehearse([(DECLARED + "RCPT TO:<c@d> ORCPT=rfc822;ü@b\r\n").encode()], TERMS).codes[-1] == 501


@settings(max_examples=100, deadline=None)
@given(international, cuts)
def test_cutting_the_octets_changes_nothing(line: str, sizes: list[int]) -> None:
    octets = (DECLARED + line + "\r\n").encode()
    whole, pieces = rehearse([octets], TERMS), rehearse(cut(octets, sizes), TERMS)
    assert (whole.events, whole.octets) == (pieces.events, pieces.octets)
    assert whole.octets.isascii()
    assert all(event.line.isascii() for event in whole.events if isinstance(event, Refusal))
