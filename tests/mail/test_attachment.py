"""Files as parts of a message: what the standard library reads of them is what they were made of."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail.mime.attachment import attached, is_content_id, is_media_type, shown

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=255)


def read(part: bytes) -> EmailMessage:
    assert part.endswith(b"\r\n")
    message = message_from_bytes(part, policy=default)
    assert isinstance(message, EmailMessage)
    return message


@given(NAMES | st.text("%'*\"\\;= é", min_size=1, max_size=255), st.binary(max_size=300))
def test_a_file_comes_out_as_it_went_in(name: str, octets: bytes) -> None:
    part = attached(name, "application/x-thing", octets)
    assert part.isascii()
    assert max(map(len, part.split(b"\r\n"))) <= 78
    message = read(part)
    assert (message.get_filename(), message.get_content_disposition()) == (name.strip(), "attachment")
    assert message.get_content_type() == "application/x-thing"
    assert message.get_payload(decode=True) == octets


@given(st.binary(max_size=300))
def test_no_line_of_a_file_can_be_a_boundary(octets: bytes) -> None:
    assert not any(line.startswith(b"--") for line in attached("--a", "a/b", octets).split(b"\r\n"))


def test_an_image_has_the_id_by_which_it_is_shown() -> None:
    image = read(shown("logo@a.example", "image/png", b"\x89PNG"))
    assert (image["content-id"], image.get_content_disposition()) == ("<logo@a.example>", "inline")
    assert image.get_content() == b"\x89PNG"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("application/pdf", True),
        ("text/csv; charset=utf-8", True),
        ('text/csv;charset="utf 8" ; header=present', True),
        ("application/vnd.ms-excel.sheet.macroEnabled.12", True),
        ("", False),
        ("pdf", False),
        ("a/b;", False),
        ("a/b; c", False),
        ('a/b; c="', False),
        ("a/b\r\nBcc: x", False),
        ("a/b\n", False),
        ("é/b", False),
        ("a/b" + ";c=d" * 6, False),
    ],
)
def test_media_types(text: str, is_one: bool) -> None:
    assert is_media_type(text) is is_one


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("a", True),
        ("a.b-1@c.example", True),
        ("", False),
        ("a b", False),
        ("a>", False),
        ("a..b", False),
        ("a\n", False),
    ],
)
def test_content_ids(text: str, is_one: bool) -> None:
    assert is_content_id(text) is is_one
