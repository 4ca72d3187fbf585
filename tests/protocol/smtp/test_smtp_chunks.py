"""BDAT and BINARYMIME: RFC 3030."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

import fuzz.bdat
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.chunks import CHUNK_OCTETS_MIN, SMALL_CHUNKS_MAX
from momentum_trio.protocol.smtp.content import CONTENT_PART_OCTETS
from momentum_trio.protocol.smtp.event import ChunkEnd, ContentEnd, ContentPart, Mail, Refusal
from momentum_trio.protocol.smtp.server import Ending
from momentum_trio.protocol.smtp.strategies import Rehearsed, bdat, chunk_lists, cut, cuts, rehearse
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms

TERMS = Terms(
    host="mx.example",
    greeting=Reply.of("220 mx.example ESMTP"),
    extensions=("PIPELINING", "8BITMIME", "SIZE 1000", "CHUNKING", "BINARYMIME"),
    message_octets_max=1000,
)
ANY_SIZE = replace(TERMS, message_octets_max=0)
M, R = b"MAIL FROM:<>\r\n", b"RCPT TO:<b@c>\r\n"
BINARY = b"EHLO a\r\nMAIL FROM:<> BODY=BINARYMIME\r\n" + R
READY = b"EHLO a\r\n" + M + R
HEADER = b"Subject: x\r\n\r\n"


def heard(octets: bytes, terms: Terms = TERMS, decisions: tuple[bool, ...] = (), *, leave: bool = False) -> Rehearsed:
    """What comes of *octets*, the same whole and octet by octet."""
    whole = rehearse([octets], terms, decisions, leave=leave)
    pieces = rehearse([bytes([octet]) for octet in octets], terms, decisions, leave=leave)
    assert (whole.events, whole.octets, whole.messages) == (pieces.events, pieces.octets, pieces.messages)
    return whole


def codes(octets: bytes, terms: Terms = TERMS, decisions: tuple[bool, ...] = ()) -> list[int]:
    """The codes after the greeting and READY."""
    return heard(READY + octets, terms, decisions).codes[4:]


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        # section 4.1: one chunk
        (bdat(HEADER, last=True), [250]),
        # section 4.2: several, pipelined; the next transaction behind them
        (bdat(HEADER) + bdat(b"a\r\n") + bdat(b"b\r\n", last=True) + M + R + bdat(b"", last=True), [250] * 6),
        # section 2: a last chunk of nothing ends it
        (bdat(HEADER) + bdat(b"", last=True), [250, 250]),
        (bdat(b"") + bdat(b"", last=True), [250, 250]),
        # section 2: a BDAT behind the last one is out of order
        (bdat(HEADER, last=True) + bdat(b"x") + bdat(b"", last=True) + M, [250, 503, 503, 250]),
        # section 2: no DATA in the same transaction, and no recipient more
        (bdat(HEADER) + b"DATA\r\n" + R + bdat(b"", last=True), [250, 503, 503, 250]),
        # ... nor another transaction, TLS or AUTH
        (bdat(HEADER) + M + b"STARTTLS\r\nNOOP\r\n" + bdat(b"", last=True), [250, 501, 500, 250, 250]),
        # section 2: RSET drops what came, as EHLO does
        (bdat(HEADER) + b"RSET\r\n" + bdat(b"", last=True), [250, 250, 503]),
        (bdat(HEADER) + b"RSET\r\n" + M + R + bdat(b"", last=True), [250, 250, 250, 250, 250]),
        (bdat(HEADER) + b"EHLO b\r\n" + M + b"DATA\r\n", [250, 250, 250, 503]),
        # case does not matter
        (b"bdat 3 last\r\nx\r\n", [250]),
        # the octets of a chunk are no commands
        (bdat(b"QUIT\r\n.\r\nRSET\r\n") + bdat(b"RSET\r\n", last=True), [250, 250]),
    ],
)
def test_chunks(octets: bytes, expected: list[int]) -> None:
    assert codes(octets) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        # section 2: what was refused is read all the same, and then answered
        (b"EHLO a\r\n" + bdat(b"QUIT\r\n") + b"NOOP\r\n", [250, 503, 250]),
        (b"EHLO a\r\n" + M + bdat(b"QUIT\r\n", last=True) + R + bdat(b"", last=True), [250, 250, 503, 250, 250]),
        (bdat(b"QUIT\r\n") + b"NOOP\r\n", [503, 250]),
        # one that was not offered too
        (b"EHLO a\r\n" + bdat(b"QUIT\r\n") + b"NOOP\r\n", [250, 500, 250]),
    ],
)
def test_a_refused_chunk_is_read(octets: bytes, expected: list[int]) -> None:
    terms = replace(TERMS, extensions=()) if 500 in expected else TERMS
    assert heard(octets, terms).codes[1:] == expected


def test_require_ehlo() -> None:
    assert heard(bdat(b"QUIT\r\n"), replace(TERMS, require_ehlo=True)).codes[1:] == [550]


@pytest.mark.parametrize(
    "argument", [b"", b" ", b" x", b" -1", b" 1 x", b" 1 LAST x", b"  1", b" 1e3", b" " + b"9" * 19]
)
def test_a_chunk_without_a_size_ends_the_conversation(argument: bytes) -> None:
    # what follows could be content or commands
    rehearsed = heard(READY + b"BDAT" + argument + b"\r\nQUIT\r\n")
    assert rehearsed.codes[4:] == [421]
    assert rehearsed.server.ending is Ending.BAD_COMMANDS


@pytest.mark.parametrize("last", [True, False])
def test_after_a_failure_only_reset_helps(last: bool) -> None:
    # section 2: the state is indeterminate, RSET must be sent
    behind = bdat(b"QUIT\r\n") + bdat(b"", last=True) + R + b"DATA\r\n" + M + b"NOOP\r\nRSET\r\n" + M
    too_large = bdat(b"x" * 1001, last=last)
    assert codes(too_large + behind) == [552, 503, 503, 503, 503, 501, 250, 250, 250]
    assert codes(bdat(b"x" * 900) + bdat(b"x" * 101, last=last) + behind)[:3] == [250, 552, 503]


def test_a_fault_of_a_chunk_refuses_it() -> None:
    lone = b"Subject: x\r\n\r\n" + b"a\nb" + b"x" * CONTENT_PART_OCTETS
    rehearsed = heard(READY + bdat(lone) + bdat(b"", last=True) + b"RSET\r\n", ANY_SIZE)
    assert rehearsed.codes[4:] == [550, 503, 250]
    assert rehearsed.events[3] == Refusal(f"BDAT {len(lone)}", replies.LONE_IN_BODY)
    assert rehearsed.messages == ()


def test_what_reception_says_to_the_last_chunk_ends_the_transaction() -> None:
    # RFC 5321 section 4.1.1.4, as after DATA
    decisions = (True, True, True, False)
    assert codes(bdat(HEADER, last=True) + bdat(b"x") + M, decisions=decisions) == [451, 503, 250]


@pytest.mark.parametrize(
    ("content", "plain", "binary"),
    [
        (HEADER + b"a\r\n", 250, 250),
        (HEADER + b"no end of line", 250, 250),
        (HEADER + b"a\nb\rc", 550, 250),
        (HEADER + b"a\r", 550, 250),
        (HEADER + b"\0", 550, 250),
        (b"Subject: a\nb\r\n\r\n", 550, 550),
        (b"Subject: a\0b\r\n\r\n\0", 550, 550),
        (b"Subject: x\r\n\0", 550, 550),
    ],
)
def test_what_binarymime_permits(content: bytes, plain: int, binary: int) -> None:
    # section 3: the body is octets; RFC 5322 holds for the header section
    for parts in ([content], [content[:5], content[5:]], [content[at : at + 1] for at in range(len(content))]):
        octets = b"".join(bdat(part) for part in parts[:-1]) + bdat(parts[-1], last=True)
        assert codes(octets)[-1] == plain
        rehearsed = heard(BINARY + octets)
        assert rehearsed.codes[-1] == binary
        assert rehearsed.messages == ((content,) if binary == 250 else ())


def test_binarymime_needs_bdat() -> None:
    # section 3
    assert heard(BINARY + b"DATA\r\n" + bdat(HEADER, last=True)).codes[4:] == [503, 250]
    # ... in its own transaction alone
    assert heard(BINARY + b"RSET\r\n" + M + R + b"DATA\r\n").codes[-1] == 354
    assert isinstance(mail := heard(BINARY).events[1], Mail)
    assert mail.body == "BINARYMIME"


def test_binarymime_is_offered_with_chunking_alone() -> None:
    assert heard(BINARY, replace(TERMS, extensions=("8BITMIME", "CHUNKING"))).codes[2] == 501
    assert heard(BINARY, replace(TERMS, extensions=("CHUNKING",))).codes[2] == 555
    with pytest.raises(AssertionError):
        replace(TERMS, extensions=("BINARYMIME",))


def test_tiny_chunks_are_bounded() -> None:
    one = bdat(b"x")
    terms = replace(ANY_SIZE, bad_commands_max=5)
    said = codes(bdat(HEADER) + one * (SMALL_CHUNKS_MAX + 20), terms)
    assert said == [250] * (SMALL_CHUNKS_MAX + 1) + [552] + [503] * 4 + [421]
    grown = bdat(b"x" * CHUNK_OCTETS_MIN)
    assert set(rehearse([READY + grown * 300 + one * SMALL_CHUNKS_MAX], terms).codes[4:]) == {250}


def test_a_large_chunk_comes_in_parts() -> None:
    octets = READY + bdat(b"x\r\n" * 50_000) + bdat(b"y" * 70_000, last=True)
    events = rehearse([octets], ANY_SIZE).events
    assert [type(event) for event in events[3:]] == [ContentPart, ContentPart, ChunkEnd, ContentPart, ContentEnd]
    assert sum(len(event.octets) for event in events if isinstance(event, ContentPart | ContentEnd)) == 220_000
    for sizes in ([1000] * 300, [65_537] * 5, [7] * 400):
        assert rehearse(cut(octets, sizes), ANY_SIZE).events == events


@pytest.mark.parametrize("cut_at", [1, 5, 9])
@pytest.mark.parametrize("last", [True, False])
def test_a_client_that_leaves_in_the_middle_of_a_chunk(cut_at: int, last: bool) -> None:
    rehearsed = heard(READY + bdat(HEADER, last=last)[: 9 + cut_at], leave=True)
    assert rehearsed.server.interrupted
    assert rehearsed.messages == ()
    assert not any(isinstance(event, ContentEnd) for event in rehearsed.events)


def test_lone_line_ends_may_be_tolerated() -> None:
    # RFC2822_Lone_LF_In_Body = ignore holds for chunks as it does for DATA
    terms = replace(TERMS, lone_line_ends_in_body=LoneLineEnds.IGNORE)
    assert heard(READY + bdat(HEADER + b"a\nb", last=True), terms).messages == (HEADER + b"a\nb",)


@settings(max_examples=100, deadline=None)
@given(chunk_lists, cuts)
def test_chunks_are_content_whatever_their_sizes(chunks: list[tuple[bytes, bool]], sizes: list[int]) -> None:
    # the last of them may not be marked so
    content = b"".join(octets for octets, _ in chunks)
    octets = b"".join(bdat(octets, last=last) for octets, last in chunks[:-1]) + bdat(chunks[-1][0], last=True)
    in_chunks = rehearse(cut(BINARY + octets, sizes), ANY_SIZE)
    at_once = rehearse([BINARY + bdat(content, last=True)], ANY_SIZE)
    assert in_chunks.messages == at_once.messages
    assert in_chunks.codes[-1] == at_once.codes[-1]


@settings(max_examples=50, deadline=None)
@given(fuzz.bdat.strategy())
def test_the_fuzz_target(octets: bytes) -> None:
    fuzz.bdat.run(octets)
