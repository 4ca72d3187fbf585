"""Lines: CRLF ends them and nothing else, and none is longer than the bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.protocol.lines import DISCARDED_OCTETS_MAX, Lines, TooLong
from momentum_trio.protocol.smtp.strategies import cut, cuts

BOUND = 10


def lines_of(pieces: list[bytes], octets_max: int = BOUND) -> list[bytes | TooLong]:
    lines = Lines(octets_max)
    found = []
    for piece in pieces:
        lines.receive(piece)
        while (line := lines.line()) is not None:
            found.append(line)
            if isinstance(line, TooLong) and line.endless:
                return found
        assert len(lines._held) - lines._at <= octets_max
    return found


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", []),
        (b"ab", []),
        (b"ab\r\n", [b"ab"]),
        (b"\r\n\r\n", [b"", b""]),
        (b"a\nb\rc\r\n", [b"a\nb\rc"]),
        (b"a\r\r\nb\r\n", [b"a\r", b"b"]),
        (b"12345678\r\nb\r\n", [b"12345678", b"b"]),
        (b"123456789\r\nb\r\n", [TooLong(b"123456789\r"[:9] + b"\r\nb\r\n"[:1]), b"b"]),
        (b"1234567890", []),
        (b"12345678901", [TooLong(b"12345678901")]),
        (b"x" * 50 + b"\r\r\nb\r\nc", [TooLong(b"x" * 50 + b"\r\r\nb\r\nc"), b"b"]),
    ],
)
def test_lines(octets: bytes, expected: list[bytes | TooLong]) -> None:
    def kinds(lines: list[bytes | TooLong]) -> list[bytes | type[TooLong]]:
        return [TooLong if isinstance(line, TooLong) else line for line in lines]

    assert kinds(lines_of([octets])) == kinds(expected)
    assert kinds(lines_of(cut(octets, [1] * 60))) == kinds(expected)


def test_a_line_without_end_is_given_up() -> None:
    lines = Lines(BOUND)
    piece = b"x" * 65536
    found: list[bytes | TooLong] = []
    for _ in range(DISCARDED_OCTETS_MAX // len(piece) + 2):
        lines.receive(piece)
        if line := lines.line():
            found.append(line)
    assert [isinstance(line, TooLong) and line.endless for line in found[:2]] == [False, True]
    assert lines_of([b"x" * (DISCARDED_OCTETS_MAX + 1) + b"\r\nab\r\n"])[1:] == [TooLong(b"", endless=True)]
    assert lines_of([b"x" * DISCARDED_OCTETS_MAX + b"\r\nab\r\n"])[1:] == [b"ab"]


octets_of_lines = st.lists(
    st.binary(max_size=12) | st.sampled_from([b"\r\n", b"\r", b"\n", b"12345678\r\n", b"123456789\r\n"]), max_size=10
).map(b"".join)


@given(octets_of_lines, cuts)
def test_cutting_the_octets_changes_nothing(octets: bytes, sizes: list[int]) -> None:
    assert [line if isinstance(line, bytes) else TooLong for line in lines_of([octets])] == [
        line if isinstance(line, bytes) else TooLong for line in lines_of(cut(octets, sizes))
    ]


@given(octets_of_lines)
def test_short_lines_are_all_there(octets: bytes) -> None:
    assert lines_of([octets], octets_max=1000) == octets.split(b"\r\n")[:-1]
