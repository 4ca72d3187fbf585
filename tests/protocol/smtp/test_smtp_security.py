"""STARTTLS and AUTH, as far as the core has them: RFC 3207 section 4, RFC 4954 section 4."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzz.sasl
from fuzz.sasl import IN_CLEAR, IN_TLS, PLAIN, Heard
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.authentication import RESPONSE_OCTETS_MAX
from momentum_trio.protocol.smtp.event import (
    AuthResponse,
    Hello,
    Mail,
    Noop,
    Refusal,
    StartTls,
)
from momentum_trio.protocol.smtp.server import Ending, Server
from momentum_trio.protocol.smtp.strategies import cut, cuts, dialogues
from momentum_trio.protocol.smtp.terms import Injection, Terms

M, R = b"MAIL FROM:<>\r\n", b"RCPT TO:<b@c>\r\n"
ANN, WRONG = base64.b64encode(b"ann"), base64.b64encode(b"wrong")


def heard(*flights: bytes, terms: Terms = IN_CLEAR, tls: Terms = IN_TLS) -> Heard:
    whole, octet_by_octet = Heard(terms, tls), Heard(terms, tls)
    for flight in flights:
        whole.flight([flight])
        octet_by_octet.flight([bytes([octet]) for octet in flight])
    assert (whole.events, whole.octets) == (octet_by_octet.events, octet_by_octet.octets)
    return whole


@pytest.mark.parametrize(
    "dialogue", [b"AUTH PLAIN\r\n", b"EHLO a\r\n" + M + b"AUTH PLAIN\r\n", b"EHLO a\r\n" + M + b"STARTTLS\r\n"]
)
def test_order_in_the_manuals_words(dialogue: bytes) -> None:
    assert heard(dialogue).octets.endswith(b"\r\n503 5.5.1 bad sequence of commands\r\n")


# ---- RFC 3207


@pytest.mark.parametrize(
    ("flights", "codes"),
    [
        # section 4: 220, then a new beginning
        ((b"EHLO a\r\nSTARTTLS\r\n", b"EHLO a\r\n" + M), [250, 220, 250, 250]),
        # section 4: before the hello
        ((b"STARTTLS\r\n", b"EHLO a\r\n"), [220, 250]),
        # section 4: no parameters
        ((b"EHLO a\r\nSTARTTLS now\r\n",), [250, 501]),
        # section 4.2: not while TLS is active
        ((b"EHLO a\r\nSTARTTLS\r\n", b"EHLO a\r\nSTARTTLS\r\n"), [250, 220, 250, 503]),
        # not in a mail transaction, which goes on
        ((b"EHLO a\r\n" + M + b"STARTTLS\r\n" + R,), [250, 250, 503, 250]),
        ((b"EHLO a\r\n" + M + R + b"STARTTLS\r\nDATA\r\n",), [250, 250, 250, 503, 354]),
        ((b"EHLO a\r\n" + M + b"RSET\r\nSTARTTLS\r\n", M), [250, 250, 250, 220, 250]),
    ],
)
def test_starttls(flights: tuple[bytes, ...], codes: list[int]) -> None:
    assert heard(*flights).codes == codes


def test_what_was_said_in_clear_is_forgotten() -> None:
    # section 4.2: the hello too, so that Require_EHLO wants another
    required = replace(IN_TLS, require_ehlo=True)
    assert heard(b"EHLO a\r\nSTARTTLS\r\n", M + b"EHLO a\r\n" + M, tls=required).codes == [250, 220, 550, 250, 250]


def test_starttls_is_offered_by_the_terms_alone() -> None:
    assert heard(b"EHLO a\r\nSTARTTLS\r\n", terms=replace(IN_CLEAR, extensions=())).codes == [250, 500]
    with pytest.raises(AssertionError):
        replace(IN_TLS, extensions=("STARTTLS",))


def test_a_refused_starttls_changes_nothing() -> None:
    server = Server(IN_CLEAR)
    server.begin()
    server.receive(b"STARTTLS\r\n")
    assert server.next_event() == StartTls()
    server.answer(replies.TLS_UNAVAILABLE)
    server.receive(b"NOOP\r\n")
    assert server.next_event() == Noop("")
    assert b"454 4.7.0" in server.octets_to_send()


@pytest.mark.parametrize("behind", [b"NOOP\r\n", b"RSET\r\nMAIL FROM:<a@b>\r\n", b"N", b"\n"])
def test_octets_behind_starttls_end_the_conversation(behind: bytes) -> None:
    shell = Heard(IN_CLEAR)
    shell.flight([b"EHLO a\r\nSTARTTLS\r\n" + behind])
    assert shell.codes == [250, 501]
    assert shell.events[1:] == [Refusal("STARTTLS", replies.STARTTLS_INJECTION)]
    assert shell.server.ending is Ending.BAD_COMMANDS


@pytest.mark.parametrize("behind", [b"NOOP\r\n", b"MAIL FROM:<a@b>\r\n", b"N"])
def test_octets_behind_starttls_are_dropped(behind: bytes) -> None:
    shell = Heard(replace(IN_CLEAR, starttls_injection=Injection.IGNORE))
    shell.flight([b"EHLO a\r\nSTARTTLS\r\n" + behind])
    shell.flight([b"HELO b\r\n"])
    assert shell.codes == [250, 220, 250]
    assert [type(event) for event in shell.events] == [Hello, StartTls, Hello]


def test_nothing_is_received_between_220_and_tls() -> None:
    server = Server(IN_CLEAR)
    server.begin()
    server.receive(b"STARTTLS\r\n")
    server.next_event()
    server.answer()
    server.receive(b"NOOP\r\n")
    with pytest.raises(AssertionError):
        server.secured(IN_TLS)


# ---- RFC 4954


@pytest.mark.parametrize(
    ("dialogue", "codes"),
    [
        # section 4: with an initial response, or with a challenge
        (b"AUTH PLAIN " + PLAIN + b"\r\n", [235]),
        (b"auth plain " + PLAIN + b"\r\n", [235]),
        (b"AUTH PLAIN\r\n" + PLAIN + b"\r\n", [334, 235]),
        (b"AUTH LOGIN\r\n" + ANN + b"\r\n" + base64.b64encode(b"hunter2") + b"\r\n", [334, 334, 235]),
        (b"AUTH LOGIN " + ANN + b"\r\n" + base64.b64encode(b"hunter2") + b"\r\n", [334, 235]),
        (b"AUTH LOGIN\r\n" + ANN + b"\r\n" + WRONG + b"\r\nNOOP\r\n", [334, 334, 535, 250]),
        # section 4: no other AUTH after one that succeeded, also after RSET and EHLO
        (b"AUTH PLAIN " + PLAIN + b"\r\nAUTH PLAIN " + PLAIN + b"\r\n", [235, 503]),
        (b"AUTH PLAIN " + PLAIN + b"\r\nRSET\r\nEHLO a\r\nAUTH LOGIN\r\nNOOP\r\n", [235, 250, 250, 503, 250]),
        # section 4: not in a mail transaction, which goes on
        (M + b"AUTH PLAIN " + PLAIN + b"\r\n" + R, [250, 503, 250]),
        (M + R + b"AUTH LOGIN\r\nDATA\r\n", [250, 250, 503, 354]),
        # section 4: a mechanism that is not offered; one that has no initial response; none at all
        (b"AUTH GSSAPI\r\nNOOP\r\n", [504, 250]),
        (b"AUTH CRAM-MD5 " + ANN + b"\r\nNOOP\r\n", [501, 250]),
        (b"AUTH CRAM-MD5 =\r\nNOOP\r\n", [501, 250]),
        (b"AUTH\r\nAUTH \r\nAUTH PLAIN x y\r\nNOOP\r\n", [501, 501, 501, 250]),
        # section 4: an empty initial response
        (b"AUTH PLAIN =\r\n" + PLAIN + b"\r\n", [334, 235]),
        # section 4: cancelled
        (b"AUTH PLAIN\r\n*\r\nNOOP\r\n", [334, 501, 250]),
        (b"AUTH LOGIN\r\n" + ANN + b"\r\n*\r\nAUTH PLAIN " + PLAIN + b"\r\n", [334, 334, 501, 235]),
        # section 4: what is no base64, here with blanks, line ends and padding
        (b"AUTH PLAIN a\r\nNOOP\r\n", [501, 250]),
        (b"AUTH PLAIN\r\n" + PLAIN + b" \r\nNOOP\r\n", [334, 501, 250]),
        (b"AUTH PLAIN\r\nYWE\r\nNOOP\r\n", [334, 501, 250]),
        (b"AUTH PLAIN\r\nYW\nE=\r\nNOOP\r\n", [334, 501, 250]),
        (b"AUTH PLAIN\r\n\x80\0\r\nNOOP\r\n", [334, 501, 250]),
        (b"AUTH PLAIN\r\n=\r\nNOOP\r\n", [334, 501, 250]),
        # whatever a response looks like, it is one
        (b"AUTH PLAIN\r\nRSET\r\nNOOP\r\n", [334, 535, 250]),
        (b"AUTH LOGIN\r\nQUIT\r\nRSET\r\nNOOP\r\n", [334, 334, 535, 250]),
        (b"AUTH PLAIN\r\nSTARTTLS\r\nNOOP\r\n", [334, 535, 250]),
        (b"AUTH PLAIN\r\nGET / HTTP/1.1\r\nNOOP\r\n", [334, 501, 250]),
    ],
)
def test_auth(dialogue: bytes, codes: list[int]) -> None:
    assert heard(b"EHLO a\r\n" + dialogue, terms=IN_TLS).codes == [250, *codes]


@pytest.mark.parametrize("before", [b"", b"MAIL FROM:<>\r\nRSET\r\n"])
def test_auth_needs_a_hello(before: bytes) -> None:
    assert heard(before + b"AUTH PLAIN " + PLAIN + b"\r\n", terms=IN_TLS).codes[-1] == 503


def test_a_mechanism_that_needs_tls() -> None:
    # section 4: PLAIN has to be refused in clear where TLS is wanted for it
    dialogue = b"AUTH PLAIN " + PLAIN + b"\r\nAUTH CRAM-MD5\r\n*\r\nSTARTTLS\r\n"
    assert heard(b"EHLO a\r\n" + dialogue).codes == [250, 538, 334, 501, 220]
    in_tls_alone = replace(IN_CLEAR, extensions=("STARTTLS",))
    assert heard(b"EHLO a\r\nAUTH PLAIN\r\nAUTH X\r\n", terms=in_tls_alone).codes == [250, 538, 504]
    assert heard(
        b"EHLO a\r\nAUTH PLAIN\r\n", terms=replace(IN_CLEAR, extensions=(), mechanisms_in_tls=frozenset())
    ).codes == [250, 500]


def test_authentication_does_not_survive_starttls() -> None:
    # RFC 3207 section 4.2
    terms = replace(IN_CLEAR, extensions=("AUTH PLAIN", "STARTTLS"))
    shell = heard(b"EHLO a\r\nAUTH PLAIN " + PLAIN + b"\r\nSTARTTLS\r\n", b"EHLO a\r\n", terms=terms)
    assert shell.codes == [250, 235, 220, 250]
    assert not shell.server.authenticated
    shell.flight([b"AUTH PLAIN " + PLAIN + b"\r\n"])
    assert shell.server.authenticated


def test_the_line_of_a_response_is_bounded() -> None:
    # section 4: 12288 octets, CRLF included
    longest = base64.b64encode(b"\0ann\0" + b"x" * (RESPONSE_OCTETS_MAX // 4 * 3 - 8))
    assert len(longest) + 2 in range(RESPONSE_OCTETS_MAX - 2, RESPONSE_OCTETS_MAX + 1)
    assert heard(b"EHLO a\r\nAUTH PLAIN\r\n" + longest + b"\r\nNOOP\r\n", terms=IN_TLS).codes == [250, 334, 535, 250]
    too_long = b"x" * (RESPONSE_OCTETS_MAX - 1)
    assert heard(b"EHLO a\r\nAUTH PLAIN\r\n" + too_long + b"\r\nNOOP\r\n", terms=IN_TLS).codes == [250, 334, 500, 250]
    # the bound of commands holds again behind it
    command = b"NOOP " + b"x" * 2042 + b"\r\n"
    assert heard(b"EHLO a\r\nAUTH PLAIN\r\n*\r\n" + command, terms=IN_TLS).codes == [250, 334, 501, 500]


@pytest.mark.parametrize("end", [b"*", b"x", WRONG, b"y" * 20_000])
def test_tries_are_bounded(end: bytes) -> None:
    one = b"AUTH PLAIN\r\n" + end + b"\r\n"
    shell = heard(b"EHLO a\r\nNOOP\r\n" + one * 3 + b"RSET\r\n" + one, terms=IN_TLS)
    assert shell.codes[-3:] == [shell.codes[3], 250, 421]
    assert shell.events[-1] == Refusal("AUTH ***", replies.TOO_MANY_TRIES)
    assert heard(b"EHLO a\r\n" + one * 9, terms=replace(IN_TLS, auth_tries_max=0)).codes.count(334) == 9


def test_starttls_gives_no_tries_back() -> None:
    tried = b"AUTH CRAM-MD5\r\n*\r\n"
    assert heard(b"EHLO a\r\n" + tried * 3 + b"STARTTLS\r\n", b"EHLO a\r\n" + tried).codes[-2:] == [250, 421]


@pytest.mark.parametrize(
    "line",
    [b"AUTH PLAIN c2VjcmV0 x", b"auth c2VjcmV0 c2VjcmV0", b"AUTH\xa0c2VjcmV0", b"AUTH PLAIN " + b"c2VjcmV0" * 999],
)
def test_no_secret_is_in_a_refusal(line: bytes) -> None:
    shell = heard(b"EHLO a\r\n" + line + b"\r\nAUTH PLAIN\r\n@c2VjcmV0\r\n", terms=IN_TLS)
    assert [event.line for event in shell.events if isinstance(event, Refusal)] == [f"{line[:4].decode()} ***", ""]
    assert "c2VjcmV0" not in repr(shell.events) + repr(AuthResponse(b"c2VjcmV0"))


def test_the_auth_parameter_of_mail() -> None:
    # section 5: xtext; nothing is believed because of it
    known = b"EHLO a\r\nMAIL FROM:<a@b> AUTH="
    for value, code in [(b"<>", 250), (b"e+3Dmc2@example.com", 250), (b"a+0Ab", 501), (b"x" * 501, 501), (b"", 501)]:
        assert heard(known + value + b"\r\n", terms=IN_TLS).codes == [250, code]
    assert heard(known + b"<>\r\n", terms=replace(IN_CLEAR, extensions=())).codes == [250, 555]
    shell = heard(known + b"ann@b\r\n", terms=IN_TLS)
    assert isinstance(mail := shell.events[-1], Mail)
    assert (mail.parameters, shell.server.authenticated) == ({"AUTH": "ann@b"}, False)


@settings(max_examples=50, deadline=None)
@given(st.lists(dialogues.filter(lambda octets: b"STARTTLS" not in octets), min_size=1, max_size=3), cuts)
def test_cutting_the_octets_changes_nothing(flights: list[bytes], sizes: list[int]) -> None:
    cutters: list[Callable[[bytes], list[bytes]]] = [lambda octets: [octets], lambda octets: cut(octets, sizes)]
    shells = []
    for cutter in cutters:
        shell = Heard(IN_CLEAR)
        for flight in flights:
            shell.flight(cutter(b"RSET\r\n" + flight + b"RSET\r\nSTARTTLS\r\n"))
        shells.append(shell)
    one, other = shells
    assert (one.events, one.octets) == (other.events, other.octets)
    assert one.server._state is other.server._state


@settings(max_examples=50, deadline=None)
@given(fuzz.sasl.strategy())
def test_the_fuzz_target(octets: bytes) -> None:
    fuzz.sasl.run(octets)
