"""Content made 7bit: what a reader decodes is the same, and 7-bit transport carries it."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from momentum_trio.mail.mime.seven_bit import LINE_OCTETS_MAX, NESTING_MAX, Unconvertible, seven_bit, stripped
from momentum_trio.mail.mime.strategies import messages

EIGHT = "caf\xe9 au lait, caf\xe9 noir et encore du texte\r\n".encode()
QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n"
UNKNOWN = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"  # RFC 1428 section 3


def shown(octets: bytes) -> list[tuple[str, bytes]]:
    """The parts of a message as a reader sees them: type, and of a leaf the decoded content."""
    found = []
    for part in message_from_bytes(octets).walk():
        assert isinstance(part, Message)
        leaf = b"" if part.is_multipart() else part.get_payload(decode=True)
        assert isinstance(leaf, bytes)
        found.append((part.get_content_type(), leaf))
    return found


def converted(octets: bytes) -> bytes:
    made = seven_bit(octets)
    assert isinstance(made, bytes), made
    return made


CUT_WITHIN = (
    b'Content-Type: multipart/mixed; charset=x;\r\n boundary="b"\r\n\r\n--b\r\n\r\n\r\n--b\r\n\r\n\r\n--b\r\n\r\n'
    b"--b\r\ncaf\xc3\xa9\r\n--b--\r\n"
)


@settings(deadline=None)
@example(CUT_WITHIN)
@given(messages)
def test_conversion_keeps_what_is_said(octets: bytes) -> None:
    made = seven_bit(octets)
    if isinstance(made, Unconvertible):
        # What holds the delimiter of a multipart around it is cut there: its rest begins somewhere, or there is none.
        endings = ("multipart without parts", "does not begin with a header section", "that cannot be encoded")
        assert made.why.endswith(endings)
        return
    assert made.isascii()
    assert max(map(len, made.split(b"\r\n"))) <= LINE_OCTETS_MAX
    assert made.count(b"\r") == made.count(b"\n") == made.count(b"\r\n")
    assert shown(made) == shown(octets)
    assert seven_bit(made) == made


@given(st.binary(max_size=300) | messages)
def test_nothing_raises(octets: bytes) -> None:
    for made in (seven_bit(octets), stripped(octets)):
        assert isinstance(made, Unconvertible) or made.isascii() or made == octets


@pytest.mark.parametrize(
    ("head", "made_head"),
    [
        (
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nMIME-Version: 1.0\r\n",
            b"Content-Type: text/plain; charset=utf-8\r\n" + QUOTED + b"MIME-Version: 1.0\r\n",
        ),
        (b"To: b\r\n", b"To: b\r\n" + QUOTED + UNKNOWN),  # no MIME at all
        (b"", QUOTED + UNKNOWN),
        (b"Content-Type: text/html\r\n", b"Content-Type: text/html\r\n" + QUOTED + b"MIME-Version: 1.0\r\n"),
    ],
)
def test_header_sections(head: bytes, made_head: bytes) -> None:
    section, _, body = converted(head + b"\r\n" + EIGHT).partition(b"\r\n\r\n")
    assert section + b"\r\n" == made_head
    assert body == b"caf=C3=A9 au lait, caf=C3=A9 noir et encore du texte\r\n"


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"Subject: caf\xc3\xa9\r\n\r\nx\xff\r\n", "header section"),
        (b"A: b\nC: d\r\n\r\nx\xff\r\n", "header section"),
        (b"Content-Transfer-Encoding: base64\r\n\r\nx\xff\r\n", "labelled base64 and is not"),
        (b"Content-Transfer-Encoding: x-uu\r\n\r\nx\xff\r\n", "labelled x-uu and is not"),
        (b"Content-Type: message/partial\r\n\r\nx\xff\r\n", "message/partial"),
        (b"Content-Type: multipart/mixed\r\n\r\nx\xff\r\n", "without a boundary"),
        (b"Content-Type: multipart/mixed; boundary=a\r\n\r\nx\xff\r\n", "without parts"),
        (b"Content-Type: multipart/signed; boundary=a\r\n\r\n--a\r\n\r\nx\xff\r\n--a--\r\n", "signed part"),
        (b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx\xff\r\n", "more than one content-type"),
        (b"Content-Type: message/rfc822\r\n\r\n" * (NESTING_MAX + 1) + b"\r\nx\xff\r\n", "nested"),
    ],
)
def test_what_cannot_be_converted(octets: bytes, why: str) -> None:
    made = seven_bit(octets)
    assert isinstance(made, Unconvertible)
    assert why in made.why


def test_a_signed_part_that_is_7bit_stays_beside_one_that_is_converted() -> None:
    signed = b'Content-Type: multipart/signed; boundary="s"\r\n\r\n--s\r\n\r\nx \r\n--s\r\n\r\nsig\r\n--s--\r\n'
    octets = (
        b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n' + signed + b"--m\r\n\r\n" + EIGHT + b"--m--\r\n"
    )
    made = converted(octets)
    assert signed in made
    assert shown(made) == shown(octets)


def test_a_line_that_is_broken_before_a_delimiter_makes_no_part() -> None:
    line = b"\xe9" + b"x" * 72 + b"--m\r\n"
    octets = b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n\r\n' + line + b"z" * 60 + b"\r\n--m--\r\n"
    assert shown(converted(octets)) == shown(octets)


def test_much_that_is_not_ascii_becomes_base64() -> None:
    made = converted(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "жук\r\n".encode() * 50)
    assert b"Content-Transfer-Encoding: base64\r\n" in made
    assert max(map(len, made.split(b"\r\n"))) <= 76


@given(st.lists(st.sampled_from([b"x" * 73, b"x" * 74, b" ", b"\t", b"\xe9", b"\r\n", b"xy" * 40])).map(b"".join))
def test_encoded_lines_are_short(body: bytes) -> None:
    made = converted(b"Content-Type: text/plain; charset=latin-1\r\n\r\nplain text to begin with\r\n" + body + b"\xe9")
    assert max(map(len, made.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76


@pytest.mark.parametrize(
    ("octets", "made"),
    [
        (b"S: caf\xe9\r\n\r\ncaf\xc3\xa9\r\n", b"S: cafi\r\n\r\ncafC)\r\n"),
        (b"S: a\r\n\r\n\xc4\x8a.\xc4\x8d\x80\r\n", b"S: a\r\n\r\nD?.D??\r\n"),  # no line ends come about
    ],
)
def test_stripped(octets: bytes, made: bytes) -> None:
    assert stripped(octets) == made


def test_what_stripping_does_not_help() -> None:
    assert isinstance(stripped(b"a: b\r\n\r\nx\ny\r\n"), Unconvertible)
    assert isinstance(stripped(b"a: b\r\n\r\n" + b"\xff" * 999 + b"\r\n"), Unconvertible)
