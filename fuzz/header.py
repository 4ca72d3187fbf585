"""Whatever content begins with: its header section is found wherever it was cut, and stays one when it is folded."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.mail.header import scan, section_end
from momentum_trio.reception.line_length import LineLimit, header_kept_to

_LINES = (
    *(b"Date: x", b"Received: y", b"\tmore", b" ", b"broken", b":", b"Return-Path: <>", b"return-path :", b"a" * 90),
    *(b"X: " + b"y " * 60, b"__proto__: x", b"Message-ID: z", b"\xff: x", b"X:\xff", b""),
)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: lines of header sections, now and then anything at all."""
    line = st.sampled_from(_LINES) | st.binary(max_size=8)
    return st.lists(line, max_size=12).map(lambda lines: b"".join(each + b"\r\n" for each in lines))


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    end = section_end(octets)
    size = 1 + len(octets) % 7
    looked_at = found = 0
    for at in range(size, len(octets) + size, size):
        found = section_end(octets[:at], looked_at)
        if found >= 0:
            break
        looked_at = at
    assert found == end or not octets
    section = octets[:end] if end >= 0 else octets
    seen = scan(section)
    cleared = seen.without_return_paths(section)
    assert not scan(cleared).return_paths
    assert len(cleared) == len(section) - sum(last - first for first, last in seen.return_paths)
    kept = header_kept_to(LineLimit(78, mends=True), section)
    if isinstance(kept, bytes) and seen.well_formed:
        assert all(len(line) <= 78 for line in kept.split(b"\r\n"))
        assert section_end(kept) <= 0
        assert (scan(kept).received_count, scan(kept).has_date) == (seen.received_count, seen.has_date)
