"""Segments of the log as hypothesis draws them: whole groups of records that speak of each other's messages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import strategies as st

from momentum_trio.mail.identifier import identifier
from momentum_trio.spool.frame import Frame, Kind, Marker, Salt, SegmentHeader
from momentum_trio.spool.key import DIGEST_OCTETS, NAME_OCTETS
from momentum_trio.spool.wire import (
    Concluded,
    Custody,
    Due,
    Ended,
    Keyed,
    KeysHeld,
    Moved,
    Outcome,
    Postponed,
    Recipient,
    Said,
    Settled,
    Value,
    Wire,
)

NUMBER, SALT = 1, 7
"""Of the segment."""

_WIRE = Wire()
KINDS_OF = {
    Custody: Kind.BATCH,
    Concluded: Kind.CONCLUDED,
    Postponed: Kind.POSTPONED,
    Settled: Kind.SETTLED,
    Moved: Kind.MOVED,
    KeysHeld: Kind.KEYS,
}

ids = st.integers(0, 12).map(lambda count: identifier(1_700_000_000, 7, count)) | st.sampled_from(["", "odd", "ö"])
texts = st.sampled_from(["", "a@b.example", "hub.example", "450 4.2.2 full"]) | st.text(max_size=9)
times = st.floats(width=64)
recipients = st.builds(
    Recipient, ids, texts, st.integers(-1, 70_000), times, st.integers(-1, 300), texts, st.integers(0, 16), texts, texts
)
ended = st.builds(Ended, st.lists(ids, max_size=3), st.lists(ids, max_size=3))
names = st.integers(0, 3).map(lambda number: bytes([number]) * NAME_OCTETS) | st.just(b"short")
said = st.builds(Said, st.sampled_from([250, 550]), texts, st.lists(texts, min_size=1, max_size=2))
odd_said = st.builds(Said, st.integers(-1, 999), texts, st.lists(texts, max_size=1))
seconds = st.sampled_from([60, 3600])
keyed = st.builds(
    Keyed,
    names,
    st.just(bytes(DIGEST_OCTETS)),
    st.just(1_700_000_000.0),
    seconds,
    ids,
    st.lists(said, min_size=1),
    st.just([]),
) | st.builds(
    Keyed,
    names,
    st.binary(max_size=3),
    times,
    seconds | st.integers(-1, 1 << 33),
    ids,
    st.lists(said | odd_said, max_size=2),
    st.lists(st.integers(-1, 2), max_size=3),
)
dues = st.builds(Due, ids, st.integers(-1, 70_000), times, st.integers(-1, 300), texts)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Value, bytes]:
    """A batch with its content; now and then its lengths are not so, or it names a file."""
    content = draw(st.binary(max_size=40))
    custody = Custody(
        draw(ids),
        draw(ids),
        draw(times),
        draw(texts),
        draw(st.lists(recipients, max_size=3)),
        draw(st.just(len(content)) | st.integers(-1, 1 << 33)),
        draw(texts),
        "esmtp",
        "default",
        "default",
        [],
        draw(st.just("") | st.sampled_from(["1-1", "../../lock"])),
        draw(st.integers(-1, 1 << 33)),
        concluding=draw(st.none() | ended),
    )
    return custody, content


records = (
    batches()
    | st.builds(Settled, ended, st.lists(dues, max_size=3)).map(lambda value: (value, b""))
    | st.builds(Moved, st.lists(ids, max_size=3), st.none() | texts, st.none() | texts, st.none() | texts).map(
        lambda value: (value, b"")
    )
    | st.builds(KeysHeld, st.lists(keyed, max_size=3), st.booleans()).map(lambda value: (value, b""))
    | st.builds(Postponed, ids, st.lists(dues, max_size=3)).map(lambda value: (value, b""))
    | st.builds(Concluded, ids, st.lists(st.builds(Outcome, ids, texts), max_size=3)).map(lambda value: (value, b""))
)


def segment(groups: Sequence[Sequence[tuple[Value, bytes]]]) -> bytes:
    """The octets of a segment that holds these groups, whole."""
    header, salt = SegmentHeader(NUMBER, SALT, 3, 5).octets(), Salt(NUMBER, SALT)
    parts, place = [header], len(header)
    for number, group in enumerate(groups, 1):
        marker = salt.marker(Marker(NUMBER, number, len(group), 3, 5, place))
        for frame in [
            *(Frame.of(KINDS_OF[type(value)], _WIRE.encode(value), octets) for value, octets in group),
            marker,
        ]:
            parts += salt.chunks(frame, place)
            place += frame.octets
    return b"".join(parts)


segments = st.lists(st.lists(records, min_size=1, max_size=3), max_size=4).map(segment)


@st.composite
def spoilt_segments(draw: st.DrawFn) -> bytes:
    """A segment cut, with octets changed or pieces repeated elsewhere."""
    octets = bytearray(draw(segments))
    for place in draw(st.lists(st.integers(0, len(octets) - 1), max_size=3)):
        octets[place] ^= 1 << draw(st.integers(0, 7))
    borders = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=4)))
    pieces = [bytes(octets[first:after]) for first, after in pairwise([0, *borders, len(octets)])]
    return b"".join(
        draw(st.permutations(pieces)) if draw(st.booleans()) else pieces[: len(pieces) - draw(st.booleans())]
    )
