"""The simulator's letters: known by their content alone."""

from __future__ import annotations

import pytest

from sim.letter import LINE_OCTETS, content_of, name_in, unchanged
from sim.scenario import Mail

TRACE = (
    b"Return-Path: <sender@client.example>\r\nReceived: from client (10.0.0.7)\r\n\tby mx with ESMTP\r\n id 1; now\r\n"
)


def mail(name: str = "m-1", octets: int = 5000) -> Mail:
    return Mail(name, 0.0, "client", "mx", 25, ("bob@example.com",), octets=octets)


def arrived(octets: bytes) -> bytes:
    """As a Maildir keeps it."""
    return (TRACE + octets).replace(b"\r\n", b"\n")


@pytest.mark.parametrize("octets", [0, 400, 5000, 20_000])
def test_a_letter_is_as_long_as_it_was_ordered_and_has_lines_that_begin_with_dots(octets: int) -> None:
    content = content_of(mail(octets=octets))
    assert len(content) >= octets
    assert octets < 400 or len(content) < octets + LINE_OCTETS
    assert b"\r\n.\r\n" in content
    assert b"\r\n.." in content
    assert content.count(b"\n") == content.count(b"\r") == content.count(b"\r\n")
    assert max(map(len, content.splitlines())) < 998


def test_what_arrived_is_known_by_its_content() -> None:
    assert name_in(arrived(content_of(mail("m-7")))) == "m-7"
    assert name_in(TRACE + content_of(mail("m-7"))) == "m-7"
    assert name_in(b"Subject: other\n\nMessage-ID: <m-7@sim>\n") is None
    assert name_in(b"") is None


def test_trace_fields_and_line_ends_are_no_change_and_everything_else_is() -> None:
    content = content_of(mail())
    assert unchanged(mail(), arrived(content))
    assert unchanged(mail(), TRACE * 2 + content)
    for wrong in (content[:-1], content + b"\n", content.replace(b"\r\n..", b"\r\n."), b"X-Added: 1\r\n" + content):
        assert not unchanged(mail(), arrived(wrong))
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    assert not unchanged(mail(), arrived(bytes(flipped)))
    assert not unchanged(mail("m-2"), arrived(content))
