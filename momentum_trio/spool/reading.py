"""Reads back what is in custody: envelopes and content."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import trio
from msgspec.structs import replace

from momentum_trio.machine.disk import Close, Disk, File, Open, Read
from momentum_trio.spool.content_files import ContentFiles
from momentum_trio.spool.fault import ContentDamaged, SpoolSick
from momentum_trio.spool.frame import FRAME_HEADER_OCTETS
from momentum_trio.spool.keys import Keys
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.message import Batch, Held
from momentum_trio.spool.recent import Recent, RecentBatch
from momentum_trio.spool.record import read_custody, read_keys
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.slot import Slot
from momentum_trio.spool.wire import Keyed, Wire, batch_of

READ_PIECE_OCTETS = 1024 * 1024
READ_TRIES_MAX = 3  # a record may be copied forward, and its segment removed, while it is being read


class Reading:
    """Of one spool. recent: what need not be read."""

    def __init__(self, disk: Disk, files: ContentFiles, ledger: Ledger, keys: Keys, wire: Wire, recent: Recent) -> None:
        self._disk, self._files, self._ledger, self._wire = disk, files, ledger, wire
        self._keys, self._recent = keys, recent

    async def held(self, ticket: int) -> Held:
        """The message of *ticket* with its envelope. Raises: KeyError, ContentDamaged, SpoolSick."""
        ledger = self._ledger
        row, message_id = ledger.batch_of(ticket), ledger.messages.ids[ticket]
        recent = self._recent.get(row)
        if recent is None:
            recent = await self._batch(ledger.batches.ids[row])
            if not ledger.holds(ticket) or ledger.messages.ids[ticket] != message_id:  # concluded while it was read
                raise KeyError(ticket)
        return recent.held(self._ledger, ticket)

    async def content(self, batch_id: str) -> bytes:
        """The whole content, checked. Raises: KeyError, ContentDamaged, SpoolSick."""
        recent = self._recent.get(self._ledger.row(batch_id))
        if recent is not None and recent.content is not None:
            return recent.content
        slot = self._slot(batch_id)
        if slot.file:
            large = await self.part(batch_id, 0, slot.content_octets)
            if zlib.crc32(large) != slot.content_check:
                raise ContentDamaged(f"the content of batch {batch_id} is not as it was written")
            return large
        recent = await self._batch(batch_id)
        assert recent.content is not None
        return recent.content

    async def part(self, batch_id: str, offset: int, size: int) -> bytes:
        """A part of the content, fewer octets only at its end; not checked. Raises as ``content``."""
        for _ in range(READ_TRIES_MAX):
            slot = self._slot(batch_id)
            recent = self._recent.get(slot.row)
            if recent is not None and recent.content is not None:
                return recent.content[offset : offset + size]
            size = max(0, min(size, slot.content_octets - offset))
            if slot.file:
                path, place = self._files.path(slot.file), offset
            else:
                path = slot.segment.path
                place = slot.place + FRAME_HEADER_OCTETS + slot.envelope_octets + offset
            octets = await self._read(path, place, size)
            if octets is not None and len(octets) == size:
                return octets
            if self._slot(batch_id) == slot:
                break
        raise ContentDamaged(f"the content of batch {batch_id} cannot be read")

    def content_check(self, batch_id: str) -> int | None:
        """CRC-32 of content that lies in a file of its own."""
        slot = self._slot(batch_id)
        return slot.content_check if slot.file else None

    async def keyed(self, name: bytes, now: float) -> Keyed | None:
        """What is kept of a key; None: it is not in its time. Raises ContentDamaged, SpoolSick."""
        for _ in range(READ_TRIES_MAX):
            place = self._keys.find(name, now)
            if place is None:
                return None
            octets = await self._read(place.segment.path, place.place, place.frame_octets)
            keys = read_keys(place, octets, self._wire) if octets is not None else None
            if keys is not None:
                return next((each for each in reversed(keys) if each.name == name), None)
            if self._keys.find(name, now) == place:
                break
        raise ContentDamaged("what was answered to an idempotency key cannot be read")

    async def keys(self, segment: Segment) -> AsyncIterator[list[Keyed]]:
        """The keys in *segment*, but for those that cannot be read. What is copied forward meanwhile is passed over."""
        for place in list(self._keys.places(segment)):
            octets = await self._read(segment.path, place.place, place.frame_octets)
            keys = read_keys(place, octets, self._wire) if octets is not None else None
            if keys is not None:
                yield [each for each in keys if self._keys.left(each.name, place) is not None]

    def _slot(self, batch_id: str) -> Slot:
        return self._ledger.slot(self._ledger.row(batch_id))

    async def _batch(self, batch_id: str) -> RecentBatch:
        """Read a record, whole."""
        for _ in range(READ_TRIES_MAX):
            slot = self._slot(batch_id)
            octets = await self._read(slot.segment.path, slot.place, slot.frame_octets)
            read = read_custody(slot, octets, self._wire) if octets is not None else None
            now = self._slot(batch_id)
            if read is not None:
                custody, content = read
                batch = self._as_it_stands(now, batch_of(custody))
                return self._recent.put(now.row, batch, None if now.file else content)
            if now == slot:
                break
        raise ContentDamaged(f"the record of batch {batch_id} cannot be read")

    def _as_it_stands(self, slot: Slot, batch: Batch) -> Batch:
        """*batch* without what was concluded, rerouted as it was since it was written."""
        tickets, open_messages = self._ledger.open_by_id(slot.row), []
        for message in batch.messages:
            ticket = tickets.pop(message.message_id, None)
            if ticket is not None:
                routing_domain = self._ledger.way(ticket).routing_domain
                same = message.routing_domain == routing_domain
                open_messages.append(message if same else replace(message, routing_domain=routing_domain))
        return replace(batch, messages=tuple(open_messages))

    async def _read(self, path: str, place: int, size: int) -> bytes | None:
        """Octets of a file, or None when it is not there. Raises SpoolSick."""
        file = File(path)
        pieces = [Read(file, place + at, min(READ_PIECE_OCTETS, size - at)) for at in range(0, size, READ_PIECE_OCTETS)]
        try:
            results = await self._disk.perform([Open(file), *pieces, Close(file)])
        except FileNotFoundError:
            return None
        except OSError as error:
            with trio.CancelScope(shield=True), suppress(OSError):
                await self._disk.perform([Close(file)])
            raise SpoolSick(str(error)) from error
        return b"".join(results[1:-1])
