"""What earlier lives left of a webhook's store: its files are looked at once, when it is opened."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from momentum_trio.machine.disk import READ_OCTETS_MAX, Close, Datasync, Disk, File, ListDirectory, Open, Read
from momentum_trio.webhook.segment import HEADER_OCTETS, NAMES, Header, Kind, frames, parse_header


@dataclass(slots=True, eq=False)
class Segment:
    """One file. last: number of its last event that counts, first - 1 if there is none. octets: of it that count."""

    header: Header
    file: File
    last: int
    octets: int = HEADER_OCTETS

    @property
    def first(self) -> int:
        """The number of its first event."""
        return self.header.first


@dataclass(slots=True)
class Found:
    """What earlier lives left. in_order: the last of them said farewell.

    unfinished: files that say nothing, since power failed when they were begun; damaged: those that cannot be read.
    """

    in_order: bool = True
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    acknowledged: int = 0
    sending: int = 0
    files: int = 0

    @property
    def last(self) -> int:
        """The number of the last event there was."""
        return max((segment.last for segment in self.segments), default=0)


async def survey(disk: Disk, folder: str) -> Found:
    """Look at every file in *folder*. Raises OSError. Cancellation: files are closed, nothing has changed."""
    found = Found()
    names = (await disk.perform([ListDirectory(folder)]))[0]
    for number in sorted(filter(None, map(NAMES.number, names))):
        found.files = number
        await _look_at(disk, folder, found, number)
        await trio.lowlevel.checkpoint()
    return found


async def _look_at(disk: Disk, folder: str, found: Found, number: int) -> None:
    """The next file. What is counted of it is made durable: it may be in memory alone since a kill."""
    name = NAMES.of(number)
    file = File(f"{folder}/{name}")
    try:
        octets: bytes = (await disk.perform([Open(file), Datasync(file), Read(file, 0, READ_OCTETS_MAX)]))[2]
    finally:
        with trio.CancelScope(shield=True):
            await disk.perform([Close(file)])
    header = parse_header(octets)
    if header is None or header.number != number or header.first <= found.acknowledged:
        (found.damaged if len(octets) > HEADER_OCTETS else found.unfinished).append(name)
    else:
        _add(found, Segment(header, file, header.first - 1), octets)


def _add(found: Found, segment: Segment, octets: bytes) -> None:
    """Add *segment*, whose file holds *octets*, to what was *found*. What it repeats of others counts here alone."""
    for earlier in found.segments:
        earlier.last = min(earlier.last, segment.first - 1)
    found.segments.append(segment)
    found.in_order = False
    found.acknowledged = max(found.acknowledged, segment.header.acknowledged)
    for each in frames(segment.header.seed, octets, HEADER_OCTETS):
        match each.kind:
            case Kind.EVENT:
                if each.number != segment.last + 1:
                    return
                segment.last = each.number
            case Kind.SENDING | Kind.ACKNOWLEDGED if each.number > segment.last:
                return
            case Kind.SENDING:
                found.sending = each.number
            case Kind.ACKNOWLEDGED:
                found.acknowledged = max(found.acknowledged, each.number)
            case Kind.FAREWELL:
                found.in_order = True
        segment.octets = each.end
