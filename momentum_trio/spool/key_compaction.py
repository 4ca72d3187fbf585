"""Keys in their time are copied forward like mail in custody, but many into one record.

Most keys outlive their messages by far: where mail flows fast a log within its bound is mostly keys, and they are
copied several times. Copying one alone costs as much as taking it; in a record with hundreds of others it costs next
to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from momentum_trio.machine.disk import Close, Disk, File, Open, Read, Step
from momentum_trio.spool.frame import Frame, Kind
from momentum_trio.spool.keys import KeyPlace, Keys
from momentum_trio.spool.log import Report
from momentum_trio.spool.quarantine import Quarantine
from momentum_trio.spool.record import read_keys
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.wire import Keyed, KeysHeld, Wire

READ_OCTETS_MAX, READ_COUNT_MAX = 1024 * 1024, 1024  # records of one turn
RECORD_KEYS_MAX = 256
RECORD_OCTETS_MAX = 64 * 1024  # of what they were read from


class KeyCopy(NamedTuple):
    """Keys in one new record. ends: each name with the end of its time."""

    frame: Frame
    ends: list[tuple[bytes, float]]


class Live(NamedTuple):
    """A key that is copied. octets: its share of the record it was read from, about."""

    keyed: Keyed
    until: float
    octets: int


class KeyCompaction:
    """Reads what is copied, and notes where it went."""

    def __init__(
        self, disk: Disk, keys: Keys, wire: Wire, quarantine: Quarantine, report: Report, segment_octets: int
    ) -> None:
        self._disk, self._keys, self._wire = disk, keys, wire
        self._quarantine, self._report = quarantine, report
        self._read_octets_max = min(READ_OCTETS_MAX, segment_octets // 2)
        self._record_octets_max = min(RECORD_OCTETS_MAX, segment_octets // 4)

    async def copies(self, segment: Segment) -> list[KeyCopy]:
        """Some of the keys in *segment*. Damaged records go to quarantine. Raises OSError."""
        places = list(self._some(segment))
        if not places:
            return []
        file, live = File(segment.path), list[Live]()
        steps: list[Step[Any]] = [Open(file), *(Read(file, each.place, each.frame_octets) for each in places)]
        try:
            results = await self._disk.perform(steps)
            for place, octets in zip(places, results[1:], strict=True):
                keys = read_keys(place, octets, self._wire)
                if keys is None:
                    await self._lose(place, file)
                else:
                    live += self._live(place, keys)
        finally:
            await self._disk.perform([Close(file)])
        return [self._copy(some) for some in self._together(live)]

    def moved(self, copy: KeyCopy, segment: Segment, place: int) -> None:
        """*copy* is durable at *place* of *segment*."""
        self._keys.add(segment, place, copy.frame.octets, copy.ends)

    def _some(self, segment: Segment) -> Iterator[KeyPlace]:
        octets = 0
        for count, place in enumerate(self._keys.places(segment)):
            octets += place.frame_octets
            if count and (octets > self._read_octets_max or count == READ_COUNT_MAX):
                return
            yield place

    def _live(self, place: KeyPlace, keys: Sequence[Keyed]) -> Iterator[Live]:
        """Those of the *keys* in the record at *place* that count there: of two with one name the later does."""
        octets = place.frame_octets // len(keys)
        for keyed in {each.name: each for each in keys}.values():
            until = self._keys.left(keyed.name, place)
            if until is not None:
                yield Live(keyed, until, octets)

    def _together(self, live: Sequence[Live]) -> Iterator[list[Live]]:
        """Those that make one record."""
        some, octets = list[Live](), 0
        for each in live:
            if some and (octets + each.octets > self._record_octets_max or len(some) == RECORD_KEYS_MAX):
                yield some
                some, octets = [], 0
            some.append(each)
            octets += each.octets
        if some:
            yield some

    def _copy(self, some: Sequence[Live]) -> KeyCopy:
        held = KeysHeld([each.keyed for each in some], copied=True)
        return KeyCopy(Frame.of(Kind.KEYS, self._wire.encode(held)), [(each.keyed.name, each.until) for each in some])

    async def _lose(self, place: KeyPlace, file: File) -> None:
        name = f"{place.segment.path.rpartition('/')[2]}-{place.place:x}"
        await self._quarantine.keep(name, file, place.place, place.place + place.frame_octets)
        count = self._keys.lose(place)
        self._report(
            f"spool: {count} idempotency keys are damaged and lost: what is sent again with them is taken twice; "
            f"the octets are kept in quarantine as {name}"
        )
