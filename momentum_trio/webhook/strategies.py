"""Files of a webhook's store: right, torn, spoilt, and anything."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.webhook.segment import Header, Kind, frame

LIFE = b"\x05" * 8

_kinds = st.sampled_from([Kind.EVENT] * 4 + [Kind.SENDING, Kind.ACKNOWLEDGED, Kind.FAREWELL])
_payloads = st.binary(max_size=12)


@st.composite
def files(draw: st.DrawFn, number: int = 1) -> bytes:
    """One file that begins well. Events are numbered as they should be, or nearly; marks say anything."""
    first = draw(st.integers(1, 9))
    header = Header(LIFE, number, first, draw(st.integers(0, first - 1)))
    parts, next_event = [header.octets()], first
    for kind in draw(st.lists(_kinds, max_size=8)):
        if kind is Kind.EVENT:
            next_event += draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1]))
            parts.append(frame(header.seed, kind, max(0, next_event), draw(_payloads)))
            next_event += 1
        else:
            parts.append(frame(header.seed, kind, draw(st.integers(0, next_event + 1))))
    return b"".join(parts)


@st.composite
def spoilt(draw: st.DrawFn, number: int = 1) -> bytes:
    """One that was cut, or has a wrong octet."""
    octets = draw(files(number))
    at = draw(st.integers(0, len(octets) - 1))
    if draw(st.booleans()):
        return octets[:at]
    return octets[:at] + bytes([octets[at] ^ draw(st.integers(1, 255))]) + octets[at + 1 :]


two_files = st.tuples(
    files(1) | spoilt(1) | st.binary(max_size=60),
    files(2) | spoilt(2) | st.just(b"") | st.binary(max_size=60),
)
