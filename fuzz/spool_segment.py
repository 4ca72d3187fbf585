"""Whatever octets a segment holds: recovery raises its own fault alone, invents no message, and keeps all whole groups.

No key is known whose message never was, unless it was copied. And what it found, a second recovery finds again.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import msgspec
import trio
from hypothesis import strategies as st

from momentum_trio.machine import Machine
from momentum_trio.machine.events import Events
from momentum_trio.spool.frame import (
    FRAME_HEADER_OCTETS,
    SEGMENT_HEADER_OCTETS,
    FrameHeader,
    Kind,
    NotOurs,
    Salt,
    parse_segment_header,
)
from momentum_trio.spool.replay import sensible
from momentum_trio.spool.segment import segment_name
from momentum_trio.spool.spool import SpoolSick, SpoolTerms, open_spool
from momentum_trio.spool.strategies import NUMBER, SALT, segments, spoilt_segments
from momentum_trio.spool.wire import Custody, Wire
from sim.disk import SimDisk, SimStore

BASE = "/spool"
Frames = list[tuple[int, FrameHeader]]
T = TypeVar("T")


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying."""
    return segments | spoilt_segments() | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    store = SimStore()
    store.put(f"{BASE}/log/{segment_name(NUMBER, SALT)}", octets)
    try:
        first, keys = trio.run(_recovered, store)
    except SpoolSick:
        assert _is_not_ours(octets)
        return
    frames = _frames(octets)
    whole = {message_id for _, custody in _batches(octets, frames) for message_id in _ids(custody)}
    assert first.keys() <= whole
    assert _must_be_kept(octets, frames) <= first.keys()
    assert keys <= _may_be_known(octets, frames)
    assert trio.run(_recovered, store) == (first, keys)


class _World:
    """Clock and entropy."""

    def now(self) -> float:
        return 1_700_000_000.0

    def octets(self, count: int) -> bytes:
        return bytes(range(count))

    def fraction(self) -> float:
        return 0.5


async def _recovered(store: SimStore) -> tuple[dict[str, tuple[str, bytes]], set[bytes]]:
    """Each message in custody: its batch, and the content. And the names of the keys that are known."""
    world, disk, unused = _World(), store.mount(), cast(Any, None)
    assert isinstance(disk, SimDisk)
    found: dict[str, tuple[str, bytes]] = {}
    async with open_spool(Machine(world, disk, world, unused, unused, Events()), SpoolTerms(BASE)) as spool:
        for owed in spool.owed():
            held = await spool.held(owed.ticket)
            assert held.message.message_id == spool.message_id(owed.ticket)
            assert held.message in held.batch.messages
            found[held.message.message_id] = (held.batch.batch_id, await spool.content(held.batch.batch_id))
        keys = {each.name async for some in spool.keys_in_time() for each in some}
        assert len(keys) == spool.keys_kept
    return found, keys


# -- what must be so, read in the slowest way --------------------------------------------------------------------------


def _is_not_ours(octets: bytes) -> bool:
    try:
        parse_segment_header(octets[:SEGMENT_HEADER_OCTETS])
    except NotOurs:
        return True
    return False


def _frames(octets: bytes) -> Frames:
    """Every frame with both checks right, wherever it begins."""
    salt, found = Salt(NUMBER, SALT), []
    for place in range(len(octets)):
        header = salt.header(octets, place, place)
        if header is None or place + header.octets > len(octets):
            continue
        if zlib.crc32(octets[place + FRAME_HEADER_OCTETS : place + header.octets]) == header.check:
            found.append((place, header))
    return found


def _envelope(octets: bytes, place: int, header: FrameHeader) -> bytes:
    return octets[place + FRAME_HEADER_OCTETS :][: header.envelope_octets]


def _read(
    octets: bytes, frames: Frames, kind: Kind, read: Callable[[bytes], T]
) -> Iterator[tuple[int, FrameHeader, T]]:
    """What stands in the frames of *kind* that *read* understands."""
    for place, header in frames:
        if header.kind is kind:
            try:
                held = read(_envelope(octets, place, header))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            yield place, header, held


def _batches(octets: bytes, frames: Frames) -> Iterator[tuple[int, Custody]]:
    """The batches that make sense, with their places."""
    for place, header, custody in _read(octets, frames, Kind.BATCH, Wire().custody):
        if sensible(custody, header.content_octets):
            yield place, custody


def _ids(custody: Custody) -> set[str]:
    return {each.message_id for each in custody.messages}


def _may_be_known(octets: bytes, frames: Frames) -> set[bytes]:
    """Names of keys that were copied, or whose batch is there too."""
    ids = {each for _, custody in _batches(octets, frames) for each in (custody.batch_id, *_ids(custody))}
    known = (held for _, _, held in _read(octets, frames, Kind.KEYS, Wire().keys))
    return {each.name for held in known for each in held.keys if held.copied or each.batch_id in ids}


def _ended(octets: bytes, frames: Frames) -> Iterator[str]:
    """Messages that any record ends."""
    wire = Wire()
    for place, header in frames:
        envelope = _envelope(octets, place, header)
        try:
            if header.kind is Kind.SETTLED:
                yield from wire.settled(envelope).ended.message_ids
            elif header.kind is Kind.CONCLUDED:
                yield from (outcome.message_id for outcome in wire.concluded(envelope).outcomes)
            elif header.kind is Kind.BATCH and (concluding := wire.custody(envelope).concluding) is not None:
                yield from concluding.message_ids
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue


def _must_be_kept(octets: bytes, frames: Frames) -> set[str]:
    """Messages of whole groups, unless a record ends or repeats them, or their content lay elsewhere."""
    markers = [place for place, header in frames if header.kind is Kind.MARKER]
    batches = list(_batches(octets, frames))
    named = Counter(message_id for _, custody in batches for message_id in _ids(custody))
    twice = {message_id for message_id, count in named.items() if count > 1}
    again = Counter(custody.batch_id for _, custody in batches)
    return {
        message_id
        for place, custody in batches
        if place < max(markers, default=0) and not custody.file and again[custody.batch_id] == 1
        for message_id in _ids(custody) - twice
    } - set(_ended(octets, frames))
