"""Content: RFC 5321 sections 4.1.1.4 and 4.5.2; its parts, its size, what is held."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.content import CONTENT_PART_OCTETS, Content, stuffed
from momentum_trio.protocol.smtp.event import ContentEnd, ContentPart
from momentum_trio.protocol.smtp.strategies import clean_contents, cut, cuts, hostile_contents, large_contents
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms

TERMS = Terms("mx.example", Reply.of("220 mx.example ESMTP"))
LIMITED = replace(TERMS, message_octets_max=100)
IGNORING = replace(TERMS, lone_line_ends_in_body=LoneLineEnds.IGNORE)
PART = CONTENT_PART_OCTETS


def read(pieces: list[bytes], terms: Terms = TERMS) -> tuple[list[ContentPart], ContentEnd | None, bytes]:
    """The parts, the end, and what stands behind it."""
    content = Content(terms)
    parts: list[ContentPart] = []
    rest = b""
    for piece in pieces:
        if content.ended:
            rest += piece
            continue
        rest = content.receive(piece)
        while (event := content.next_event()) is not None:
            if isinstance(event, ContentEnd):
                break
            assert isinstance(event, ContentPart)
            parts.append(event)
        assert len(content._kept) <= PART
        assert len(content._held) <= 4
        assert not content._parts
    end = content.next_event()
    assert end is None or isinstance(end, ContentEnd)
    return parts, end, rest


@pytest.mark.parametrize(
    ("sent", "content"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        # section 4.5.2: a dot at the beginning of a line is taken away
        (b"..\r\n.\r\n", b".\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n"),
        (b"a\r\n...b\r\n..\r\n.\r\n", b"a\r\n..b\r\n.\r\n"),
        (b"..\r\n..\r\n..\r\n.\r\n", b".\r\n.\r\n.\r\n"),
        # ... and elsewhere it stays
        (b"a.\r\nb. .c\r\n.\r\n", b"a.\r\nb. .c\r\n"),
        # 8-bit octets are content like any other, declared or not
        (bytes(range(128, 256)) + b"\r\n.\r\n", bytes(range(128, 256)) + b"\r\n"),
    ],
)
def test_unstuffing(sent: bytes, content: bytes) -> None:
    for sizes in ([], [1] * len(sent)):
        assert read(cut(sent + b"QUIT\r\n", sizes)) == ([], ContentEnd(content), b"QUIT\r\n")


@pytest.mark.parametrize(
    ("octets", "parts"),
    [
        (PART - 2, []),
        (PART - 1, []),
        (PART, []),
        (PART + 1, [PART]),
        (2 * PART, [PART]),
        (2 * PART + 1, [PART, PART]),
        (5 * PART + 7, [PART] * 5),
    ],
)
def test_small_content_is_whole_large_content_comes_in_parts(octets: int, parts: list[int]) -> None:
    content = b"x" * (octets - 2) + b"\r\n"
    for sizes in ([], [1000] * 400, [PART - 1, 1, 1, PART, PART]):
        found, end, rest = read(cut(content + b".\r\n", sizes))
        sizes_found = [len(part.octets) for part in found]
        assert sizes_found == [
            size - (octets - sum(parts) == 1 and at == len(parts) - 1) for at, size in enumerate(parts)
        ]
        assert end is not None
        assert b"".join(part.octets for part in found) + end.octets == content
        assert rest == b""


def test_a_part_never_ends_between_cr_and_lf() -> None:
    content = b"x" * (PART - 1) + b"\r\n" + b"y\r\n"
    parts, end, _ = read([content + b".\r\n"])
    assert [part.octets for part in parts] == [b"x" * (PART - 1)]
    assert end == ContentEnd(b"\r\ny\r\n")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"x" * 98 + b"\r\n", None),
        (b"x" * 99 + b"\r\n", replies.MESSAGE_TOO_LARGE),
        (b".\r\n" * 33, None),  # RFC 1870 section 5: stuffing does not count
        (b"x" * 300_000 + b"\r\n", replies.MESSAGE_TOO_LARGE),
        (b"\n" * 200 + b"\r\n", replies.MESSAGE_TOO_LARGE),
    ],
)
def test_the_size_limit(content: bytes, fault: Reply | None) -> None:
    for sizes in ([], [7] * 50):
        assert read(cut(stuffed(content) + b"NOOP", sizes), LIMITED) == (
            [],
            ContentEnd(b"" if fault else content, fault),
            b"NOOP",
        )


def test_content_over_the_limit_is_dropped_to_its_end() -> None:
    content = Content(replace(TERMS, message_octets_max=200_000))
    passed = 0
    for _ in range(200):
        content.receive(b"x" * 9998 + b"\r\n")
        while isinstance(event := content.next_event(), ContentPart):
            passed += len(event.octets)
        assert len(content._kept) <= PART
    assert 0 < passed <= 200_000
    content.receive(b".\r\n")
    assert content.next_event() == ContentEnd(b"", replies.MESSAGE_TOO_LARGE)


@pytest.mark.parametrize("position", [0, PART - 1, PART, 2 * PART + 5, 3 * PART - 3])
@pytest.mark.parametrize("lone", [b"\r", b"\n"])
def test_a_lone_line_end_anywhere_in_large_content(position: int, lone: bytes) -> None:
    header = b"A: b\r\n\r\n"
    body = b"x" * position + lone + b"y" * (3 * PART - position) + b"\r\n.\r\n"
    for sizes in ([], [PART] * 5, [1, PART - 1, 1, PART - 1]):
        _, end, _ = read(cut(header + body, sizes))
        assert end == ContentEnd(b"", replies.LONE_IN_BODY)
        _, end, _ = read(cut(body, sizes), IGNORING)
        assert end == ContentEnd(b"", replies.LONE_IN_HEADERS)
        parts, end, _ = read(cut(header + body, sizes), IGNORING)
        assert end is not None
        assert b"".join(part.octets for part in parts) + end.octets == header + body[:-3]


def test_the_header_section_may_end_between_two_parts() -> None:
    header = b"A: " + b"x" * (PART - 5) + b"\r\n"
    for head in (header, header[1:] + b"\r\n", header[2:], header[3:]):
        content = head + b"\r\nbody\n\r\n"
        _, end, _ = read([content + b".\r\n"])
        assert end == ContentEnd(b"", replies.LONE_IN_BODY)


@given(clean_contents, cuts)
def test_stuffing_then_unstuffing_is_identity(content: bytes, sizes: list[int]) -> None:
    assert read(cut(stuffed(content), sizes)) == ([], ContentEnd(content), b"")


@settings(max_examples=50, deadline=None)
@given(large_contents, cuts)
def test_the_same_for_large_content(content: bytes, sizes: list[int]) -> None:
    content = content if content.endswith(b"\r\n") else content + b"\r\n"
    parts, end, rest = read(cut(stuffed(content), [size * 200 for size in sizes]))
    assert end is not None
    assert end.fault is None
    assert b"".join(part.octets for part in parts) + end.octets == content
    assert rest == b""


def by_line(octets: bytes) -> tuple[bytes, bytes] | None:
    """RFC 5321 section 4.5.2 to the letter, line by line: content and what is behind it, or None without an end."""
    lines = octets.split(b"\r\n")
    for at, line in enumerate(lines[:-1]):
        if line == b".":
            content = b"".join((line[1:] if line.startswith(b".") else line) + b"\r\n" for line in lines[:at])
            return content, b"\r\n".join(lines[at + 1 :])
    return None


@settings(max_examples=500)
@given(hostile_contents, cuts)
def test_the_searches_agree_with_reading_by_line(octets: bytes, sizes: list[int]) -> None:
    terms = replace(IGNORING, nul_in_content=True)
    octets = b"\r\n" + octets + b"\r\n.\r\n"
    _, end, rest = read(cut(octets, sizes), terms)
    expected = by_line(octets)
    assert expected
    assert end is not None
    assert (end.octets, rest) == expected
    assert end.fault is None


@given(hostile_contents, cuts)
def test_cutting_changes_nothing(octets: bytes, sizes: list[int]) -> None:
    octets += b"\r\n.\r\nNOOP\r\n"
    for terms in (TERMS, LIMITED, IGNORING):
        assert read(cut(octets, sizes), terms) == read([octets], terms)
