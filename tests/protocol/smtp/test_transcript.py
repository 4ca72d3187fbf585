"""A conversation as lines for people, without what AUTH has to keep secret."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.protocol.smtp.transcript import LINE_OCTETS_MAX, MASK, Transcript

SECRET = "c2VjcmV0"

Said = tuple[str, bytes]


def told(*dialogue: Said) -> list[str]:
    transcript, lines = Transcript(), []
    for direction, octets in dialogue:
        lines += transcript.sent(octets) if direction == ">" else transcript.received(octets)
    return [f"{direction} {text}" for direction, text in [*lines, *transcript.rest()]]


@pytest.mark.parametrize(
    ("dialogue", "expected"),
    [
        (
            [(">", b"EHLO a\r\n"), ("<", b"250-b\r\n250 SIZE\r\n"), (">", b"MAIL FROM:<>\r\nRCPT TO:<c@d>\r\n")],
            ["> EHLO a", "< 250-b", "< 250 SIZE", "> MAIL FROM:<>", "> RCPT TO:<c@d>"],
        ),
        # RFC 4954 section 4: an initial response
        (
            [(">", b"AUTH PLAIN c2VjcmV0\r\n"), ("<", b"235 in\r\n"), (">", b"MAIL FROM:<>\r\n")],
            [f"> AUTH PLAIN {MASK}", "< 235 in", "> MAIL FROM:<>"],
        ),
        (
            [
                (">", b"auth LOGIN\r\n"),
                ("<", b"334 VXNlcg==\r\n"),
                (">", b"c2VjcmV0\r\n"),
                ("<", b"334 UGFzcw==\r\n"),
                (">", b"c2VjcmV0\r\n"),
                ("<", b"535-no\r\n535 no\r\n"),
                (">", b"QUIT\r\n"),
            ],
            [
                "> auth LOGIN",
                "< 334 VXNlcg==",
                f"> {MASK}",
                "< 334 UGFzcw==",
                f"> {MASK}",
                "< 535-no",
                "< 535 no",
                "> QUIT",
            ],
        ),
        # a server that says more than it was asked ends no masking
        (
            [(">", b"AUTH LOGIN\r\n"), ("<", b"334 a\r\n250 b\r\n"), (">", b"c2VjcmV0\r\n")],
            ["> AUTH LOGIN", "< 334 a", "< 250 b", f"> {MASK}"],
        ),
        # what looks like AUTH in content is none, by DATA and by BDAT
        (
            [
                (">", b"DATA\r\n"),
                ("<", b"354 go\r\n"),
                (">", b"AUTH x y\r\n.\r\n"),
                ("<", b"250 taken\r\n"),
                (">", b"BDAT 10 LAST\r\nAUTH a b\r\nQUIT\r\n"),
            ],
            ["> DATA", "< 354 go", "> AUTH x y", "> .", "< 250 taken", "> BDAT 10 LAST", "> AUTH a b", "> QUIT"],
        ),
        # a server that asks for content before anybody has any
        (
            [("<", b"354 go\r\n"), (">", b"AUTH PLAIN c2VjcmV0\r\n"), (">", b"AUTH\tX\r\n")],
            ["< 354 go", f"> AUTH PLAIN {MASK}", f"> {MASK}"],
        ),
        ([(">", b"auth\tPLAIN c2VjcmV0")], [f"> auth {MASK}"]),
        ([(">", b"a\x1b\xff\tb\r\n"), ("<", b"never ended")], ["> a\\x1b\\xff\\x09b", "< never ended"]),
    ],
)
def test_what_is_told(dialogue: list[Said], expected: list[str]) -> None:
    assert told(*dialogue) == expected


replies = st.sampled_from(
    [b"220 a\r\n", b"250-a\r\n250 b\r\n", b"334 \r\n", b"354 go\r\n", b"235 in\r\n", b"\r\n", b"250"]
)


@given(
    st.lists(replies, max_size=4),
    st.lists(replies, max_size=40),
    st.lists(st.integers(1, len(SECRET)), max_size=4).map(sorted),
)
def test_no_server_and_no_cut_brings_a_secret_to_light(
    before: list[bytes], more: list[bytes], places: list[int]
) -> None:
    """The client waits for a challenge before it answers; what else came is the server's affair."""
    transcript = Transcript()
    lines = [*transcript.received(b"".join(before) + b"\r\n"), *transcript.sent(b"EHLO a\r\nAUTH LOGIN\r\n")]
    lines += transcript.received(b"".join([b"334 \r\n", *more]))
    octets = SECRET.encode() + b"\r\n"
    for start, end in pairwise([0, *places, len(octets)]):
        lines += transcript.sent(octets[start:end])
    assert SECRET not in " ".join(text for _, text in [*lines, *transcript.rest()])


@given(st.lists(st.tuples(st.sampled_from("<>"), st.binary(max_size=50) | st.just(b"x" * 5000)), max_size=20))
def test_anything_is_told_in_bounded_printable_lines(dialogue: list[Said]) -> None:
    for line in told(*dialogue):
        assert line.isprintable()
        assert len(line) <= 4 * LINE_OCTETS_MAX + 2
