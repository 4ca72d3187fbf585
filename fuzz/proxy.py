"""Whatever a proxy says first, however it is cut, is a header or is not, and nothing behind it is taken."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.protocol.proxy.header import V2_OCTETS, V2_REST_MAX, Header
from momentum_trio.protocol.proxy.strategies import headers, hostile, read

BEHIND = b"EHLO a\r\n" * 600


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: headers and what looks like some."""
    return headers.map(lambda header: header[0]) | hostile


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    whole, taken = read(octets + BEHIND, [])
    assert whole is not None
    assert taken <= V2_OCTETS + V2_REST_MAX
    for size in (1, 2, 7):
        outcome, other = read(octets + BEHIND, [size] * len(octets + BEHIND))
        assert isinstance(outcome, Header) is isinstance(whole, Header)
        if isinstance(whole, Header):
            assert (outcome, other) == (whole, taken)
            assert read(octets + BEHIND[:taken], []) == (whole, taken)
