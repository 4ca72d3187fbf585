"""RFC2822_Lone_LF_In_Body and RFC2822_Lone_LF_In_Headers: mended line ends, by a table and against a plain reading."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.content import CONTENT_PART_OCTETS, Content, has_whole_line_ends
from momentum_trio.protocol.smtp.event import ContentEnd
from momentum_trio.protocol.smtp.strategies import bdat, cut, cuts, hostile_contents, rehearse
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms

TERMS = Terms("mx.example", Reply.of("220 mx.example ESMTP"), ("CHUNKING", "BINARYMIME", "8BITMIME"))
FIX, IGNORE, PEDANTIC = LoneLineEnds.FIX, LoneLineEnds.IGNORE, LoneLineEnds.PEDANTIC
IN_HEADERS, IN_BODY = replies.LONE_IN_HEADERS, replies.LONE_IN_BODY
ENVELOPE = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"


def terms(headers: LoneLineEnds, body: LoneLineEnds) -> Terms:
    return replace(TERMS, lone_line_ends_in_headers=headers, lone_line_ends_in_body=body)


def read(pieces: list[bytes], given_terms: Terms) -> bytes | Reply:
    """What becomes of content sent by DATA in *pieces*, the last of which ends it."""
    content, octets = Content(given_terms), b""
    for piece in pieces:
        assert content.receive(piece) == b""
        while (event := content.next_event()) is not None:
            if isinstance(event, ContentEnd):
                return event.fault or octets + event.octets
            octets += event.octets  # type: ignore[attr-defined]
    raise AssertionError("the content has no end")


@pytest.mark.parametrize(
    ("headers", "body", "content", "expected"),
    [
        # RFC 5322 section 2.3: CR and LF only together; each alone is taken for both
        (PEDANTIC, FIX, b"A: b\r\n\r\nx\ny\rz\r\n", b"A: b\r\n\r\nx\r\ny\r\nz\r\n"),
        (PEDANTIC, FIX, b"A: b\r\n\r\n\n\r\n", b"A: b\r\n\r\n\r\n\r\n"),
        (PEDANTIC, FIX, b"A: b\r\n\r\nx\r\r\n", b"A: b\r\n\r\nx\r\n\r\n"),
        (PEDANTIC, FIX, b"A: b\r\n\r\nx\n\ry\r\n", b"A: b\r\n\r\nx\r\n\r\ny\r\n"),
        # section 2.2: the header section is another option's
        (PEDANTIC, FIX, b"A: b\nC: d\r\n\r\nx\r\n", IN_HEADERS),
        (PEDANTIC, FIX, b"A: b\r\n\nx\r\n", IN_HEADERS),
        (FIX, PEDANTIC, b"A: b\nC: d\r\r\nx\r\n", b"A: b\r\nC: d\r\n\r\nx\r\n"),
        (FIX, PEDANTIC, b"A: b\n\nx\ny\r\n", IN_BODY),
        (FIX, IGNORE, b"A: b\n\nx\ny\r\n", b"A: b\r\n\r\nx\ny\r\n"),
        (FIX, FIX, b"A: b\n\nx\ny\r\n", b"A: b\r\n\r\nx\r\ny\r\n"),
        (FIX, FIX, b"\nx\r\n", b"\r\nx\r\n"),
        (FIX, FIX, b"\r\n", b"\r\n"),
        # dots at the beginning of a line are stuffed behind CRLF alone, and no dot is lost
        (FIX, FIX, b"A: b\r\n\r\n..x\r\n..y\n..z\n.w\r\n", b"A: b\r\n\r\n.x\r\n.y\r\n..z\r\n.w\r\n"),
        (FIX, FIX, b"A: b\r\n\r\nx\r\n.\ny\r\n", IN_BODY),
        (FIX, FIX, b"A: b\r\n\r\nx\r\n.\ry\r\n", IN_BODY),
        (FIX, FIX, b".\nA: b\r\n\r\nx\r\n", IN_BODY),
        # a line of a single dot is one that the client meant, or none
        (FIX, FIX, b"A: b\r\n\r\nx\n\r\n..\r\ny\r\n", b"A: b\r\n\r\nx\r\n\r\n.\r\ny\r\n"),
        (FIX, FIX, b"A: b\r\n\r\nx\n.\r\ny\r\n", IN_BODY),
        (FIX, FIX, b"A: b\r\n\r\nx\r\n..\ny\r\n", IN_BODY),
        (FIX, FIX, b"..\nA: b\r\n\r\nx\r\n", IN_HEADERS),
        (FIX, FIX, b"A: b\n.\nC: d\n\nx\r\n", IN_HEADERS),
        (FIX, FIX, b"A: b\n\n.\nx\r\n", IN_BODY),
        (FIX, FIX, b"A: b\r\r.\r\nx\r\n", IN_BODY),
    ],
)  # fmt: skip
def test_what_becomes_of_lone_line_ends(
    headers: LoneLineEnds, body: LoneLineEnds, content: bytes, expected: bytes | Reply
) -> None:
    sent = content + b".\r\n"
    assert read([sent], terms(headers, body)) == expected
    assert read([sent[at : at + 1] for at in range(len(sent))], terms(headers, body)) == expected


_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")


def plainly(content: bytes, of: Terms) -> bytes | Reply:
    """The same, read line by line: *content* without its dots stuffed."""
    lines = [(match[1], match[2]) for match in _LINE.finditer(content) if match[0]]
    taken, is_header, before = b"", True, b"\r\n"
    fault: Reply | None = None
    for text, end in lines:
        wanted = of.lone_line_ends_in_headers if is_header else of.lone_line_ends_in_body
        is_lone = end in (b"\r", b"\n")
        is_hidden_dot = text == b"." and (before if before != b"" else end, end or b"\r\n") != (b"\r\n", b"\r\n")
        if wanted is not IGNORE and ((is_lone and wanted is PEDANTIC) or (is_hidden_dot and wanted is FIX)):
            fault = fault or (IN_HEADERS if is_header else IN_BODY)
        taken += text + (b"\r\n" if is_lone and wanted is FIX else end)
        is_header, before = is_header and not (text == b"" and end), end
    return fault or taken


@given(
    hostile_contents.filter(lambda octets: b"\0" not in octets),
    st.sampled_from([(FIX, FIX), (FIX, PEDANTIC), (FIX, IGNORE)]),
    cuts,
)
def test_the_law_of_mending(content: bytes, ends: tuple[LoneLineEnds, LoneLineEnds], sizes: list[int]) -> None:
    of = terms(*ends)
    ended = content + b"\r\n"
    sent = (b"\r\n" + ended).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
    assert read(cut(sent, sizes), of) == plainly(ended, of)


@given(hostile_contents.filter(lambda octets: b"\0" not in octets), cuts)
def test_chunks_are_mended_alike(content: bytes, sizes: list[int]) -> None:
    of = terms(FIX, FIX)
    chunks = b"".join(bdat(piece) for piece in cut(content, sizes)) + bdat(b"", last=True)
    end = rehearse([ENVELOPE + chunks], of)
    expected = plainly(content, of)
    assert end.messages == ((expected,) if isinstance(expected, bytes) else ())


LINE_ENDS = (b"\n", b"\r", b"\r\n")


@pytest.mark.parametrize(("before", "behind"), list(product(LINE_ENDS, LINE_ENDS)))
def test_the_seam_of_two_parts_hides_nothing(before: bytes, behind: bytes) -> None:
    head = b"A: b\r\n\r\n" + (b"y" * 98 + b"\r\n") * 650
    for shift in range(-5, 2):
        filler = b"z" * (CONTENT_PART_OCTETS - len(head) + shift)
        content = head + filler + before + b"." + behind + b"x" * 70_000 + b"\r\n"
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
        expected = content if before == behind == b"\r\n" else IN_BODY
        assert read([stuffed], terms(FIX, FIX)) == expected


def test_binary_content_is_left_alone_behind_its_header_section() -> None:
    dialogue = ENVELOPE.replace(b"<a@b>", b"<a@b> BODY=BINARYMIME") + bdat(b"A: b\n\nx\n.\r\0y", last=True)
    assert rehearse([dialogue], terms(FIX, PEDANTIC)).messages == (b"A: b\r\n\r\nx\n.\r\0y",)


@given(st.lists(st.sampled_from((b"\r", b"\n", b"\r\n", b"\0", b"x", b"\xe4", b"\r\r\n", b"\n\r"))).map(b"".join))
def test_whole_line_ends_are_seen_as_counting_sees_them(octets: bytes) -> None:
    counted = octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")
    assert has_whole_line_ends(octets) == counted
