"""The header section seen from outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail.header import Scan, scan, section_end


@pytest.mark.parametrize(
    ("octets", "end"),
    [
        (b"A: b\r\n\r\nbody", 6),
        (b"A: b\r\n\r\n", 6),
        (b"\r\nbody", 0),
        (b"\r\n", 0),
        (b"A: b\r\n", -1),
        (b"", -1),
        (b"A: b\r\nC: d\r\n\r\n\r\n\r\n", 12),
    ],
)
def test_where_the_section_ends(octets: bytes, end: int) -> None:
    assert section_end(octets) == end


@given(st.integers(0, 20), st.integers(0, 20))
def test_the_end_is_found_wherever_the_octets_were_cut(first: int, second: int) -> None:
    octets = b"A: b\r\nC: d\r\n\r\nbody\r\n"
    looked_at = end = -1
    for cut in (*sorted((first, second)), len(octets)):
        end = section_end(octets[:cut], max(0, looked_at))
        if end >= 0:
            break
        looked_at = cut
    assert end == 12


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (b"From: a@b\r\n", Scan(11, True, True, 0, False, False, ())),
        (b"dAtE: x\r\nMessage-Id : y\r\n", Scan(25, True, True, 0, True, True, ())),
        (b"Received: a\r\n\tb\r\nreceived: c\r\n", Scan(30, True, True, 2, False, False, ())),
        # a name in a value, in a continuation or as part of a longer name is no field of ours
        (b"X: Date: y\r\n date: z\r\nResent-Date: w\r\n", Scan(38, True, True, 0, False, False, ())),
        (b"Return-Path: <a@b>\r\nX: y\r\n", Scan(26, True, True, 0, False, False, ((0, 20),))),
        (b"X: y\r\nReturn-Path:\r\n <a@b>\r\nZ: z\r\n", Scan(34, True, True, 0, False, False, ((6, 28),))),
        (b"X: y\r\nReturn-Path: <a@b>\r\n", Scan(26, True, True, 0, False, False, ((6, 26),))),
        # wrong lines
        (b"X: y\r\nFrom here on\r\n", Scan(20, True, False, 0, False, False, ())),
        (b"X: y\r\n: z\r\n", Scan(11, True, False, 0, False, False, ())),
        (b"X: y\r\nName with blanks: z\r\n", Scan(27, True, False, 0, False, False, ())),
        (b"X: y\r\nN\xc3\xa4me: z\r\n", Scan(16, True, False, 0, False, False, ())),
        # no header section at all: nothing in it counts
        (b"hello\r\nDate: x\r\n", Scan(16, False, False, 0, False, False, ())),
        (b" X: y\r\n", Scan(7, False, False, 0, False, False, ())),
        (b"", Scan(0, False, False, 0, False, False, ())),
        # 8-bit values pass
        (b"Subject: \xff\xfe\r\n", Scan(13, True, True, 0, False, False, ())),
    ],
)
def test_scan(section: bytes, expected: Scan) -> None:
    assert scan(section) == expected


def test_return_paths_are_taken_out() -> None:
    octets = b"Return-Path: <a>\r\nX: y\r\nreturn-path:\r\n\t<b>\r\nZ: z\r\n\r\nReturn-Path: stays\r\n"
    seen = scan(octets[: section_end(octets)])
    assert seen.without_return_paths(octets) == b"X: y\r\nZ: z\r\n\r\nReturn-Path: stays\r\n"


lines = st.sampled_from(
    [b"Date: x", b"Received: y", b"X-Long: z", b"\tmore", b" ", b"broken", b":", b"Return-Path: <>", b"a" * 70]
)


@given(st.lists(lines, max_size=12))
def test_scan_agrees_with_a_plain_reading(held: list[bytes]) -> None:
    section = b"".join(line + b"\r\n" for line in held)
    seen = scan(section)
    fields = [line for line in held if line[:1] not in (b"\t", b" ")]
    assert seen.begins_with_field == (bool(held) and held[0] not in (b"\tmore", b" ", b"broken", b":", b"a" * 70))
    if seen.begins_with_field:
        assert seen.received_count == fields.count(b"Received: y")
        assert seen.has_date == (b"Date: x" in fields)
        assert len(seen.return_paths) == fields.count(b"Return-Path: <>")
        assert seen.well_formed == all(line.find(b":") > 0 for line in fields)


def test_an_empty_section_is_found_when_its_line_end_came_in_two() -> None:
    assert section_end(b"\r") == -1
    assert section_end(b"\r\nbody", 1) == 0
