"""A durable log on disk: segments of lines, and a checkpoint for each subscriber (docs/protocols/jlog.md). Pure.

A segment's header says where the segment before it ends, so that what a failed write left behind that end counts for
nothing. All that has a length has a bound.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, unquote

from momentum_trio.config.log_place import is_subscriber
from momentum_trio.log import framing
from momentum_trio.log.framing import CHECK, Names, checked, is_checked
from momentum_trio.mail.log_position import OFFSET_MAX, SEGMENT_MAX, Position

MAGIC = b"MTJLOG1\n"
CHECKPOINT_MAGIC = b"MTJCKP1\n"
ID_OCTETS = 8
LINE_OCTETS_MAX = 1 << 20
"""Of one line with its end; a longer one is not kept."""
GROUP_OCTETS_MAX = 64 * 1024
"""Of lines in one frame, but for a single line."""
SEGMENT_OCTETS = 4 << 20
"""When a segment is full; it takes the group that fills it."""
NAMES = Names(8, ".jlog")
CHECKPOINT_SUFFIX = ".checkpoint"
LOCK = "lock"

_HEADER = struct.Struct(">8s8sIIIQ")  # magic id number previous end first
_CHECKPOINT = struct.Struct(">8s8sII")  # magic id segment offset
HEADER_OCTETS = _HEADER.size + CHECK.size
CHECKPOINT_OCTETS = _CHECKPOINT.size + CHECK.size
assert SEGMENT_OCTETS + LINE_OCTETS_MAX < OFFSET_MAX


class Kind(IntEnum):
    """What a frame has. LINES: some, each with its end; its number is that of the first of them in the whole log."""

    LINES = 1


_KINDS = {int(kind): kind for kind in Kind}
Frame: TypeAlias = framing.Frame[Kind]


class Header(NamedTuple):
    """How a segment begins. id: the log's, for ever. previous, end: the segment before it, and where that ends.

    first: number of its first line; the log's first is 0.
    """

    id: bytes
    number: int
    previous: int
    end: int
    first: int

    def octets(self) -> bytes:
        """The header as it stands in the file, its check included."""
        return checked(_HEADER.pack(MAGIC, *self))

    @property
    def seed(self) -> int:
        """Salt of the checks of its frames."""
        return zlib.crc32(self.id + self.number.to_bytes(4, "big"))

    def lines(self, first: int, octets: bytes) -> bytes:
        """A frame of lines as written."""
        assert octets.endswith(b"\n")
        return framing.frame(self.seed, Kind.LINES, first, octets)

    def frames(self, octets: bytes, at: int = 0) -> Iterator[Frame]:
        """Those in *octets* from *at* on, up to the first that is not whole or not right."""
        return framing.frames(_KINDS, LINE_OCTETS_MAX, self.seed, octets, at)


def parse_header(octets: bytes) -> Header | None:
    """The header that *octets* begin with; None when there is no whole one."""
    if not is_checked(octets, _HEADER.size):
        return None
    magic, *fields = _HEADER.unpack_from(octets)
    header = Header(*fields)
    return header if magic == MAGIC and header.number <= SEGMENT_MAX else None


class Extent(NamedTuple):
    """How far a segment's octets count. lines: in it."""

    end: int
    lines: int


def extent(header: Header, octets: bytes) -> Extent:
    """That of the segment which *octets* are: the frames whose numbers follow each other."""
    end, following = HEADER_OCTETS, header.first
    for each in header.frames(octets, HEADER_OCTETS):
        if each.number != following or not each.payload.endswith(b"\n"):
            break
        end, following = each.end, following + each.payload.count(b"\n")
    return Extent(end, following - header.first)


def checkpoint_octets(log_id: bytes, subscriber: str, position: Position) -> bytes:
    """A checkpoint as written; its check is salted with the subscriber's name."""
    head = _CHECKPOINT.pack(CHECKPOINT_MAGIC, log_id, *position)
    return head + CHECK.pack(zlib.crc32(head, zlib.crc32(subscriber.encode())))


def parse_checkpoint(log_id: bytes, subscriber: str, octets: bytes) -> Position | None:
    """The checkpoint of *subscriber* in this log; None when *octets* are none, or one of another."""
    if len(octets) != CHECKPOINT_OCTETS:
        return None
    magic, its_id, segment, offset = _CHECKPOINT.unpack_from(octets)
    position = Position(segment, offset)
    is_right = octets == checkpoint_octets(log_id, subscriber, position)
    return position if is_right and magic == CHECKPOINT_MAGIC and its_id == log_id else None


def checkpoint_name(subscriber: str) -> str:
    """What the file of *subscriber* is called: no two have one."""
    return quote(subscriber, safe="").replace(".", "%2E") + CHECKPOINT_SUFFIX


def subscriber_of(name: str) -> str | None:
    """Whose checkpoint the file *name* is; None: nobody's."""
    stem = name.removesuffix(CHECKPOINT_SUFFIX)
    subscriber = unquote(stem)
    return subscriber if is_subscriber(subscriber) and checkpoint_name(subscriber) == name else None


def groups(lines: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """*lines*, which have their ends, in pieces for a frame each; and how many there are in each."""
    group: list[bytes] = []
    octets = 0
    for line in lines:
        assert len(line) <= LINE_OCTETS_MAX
        if group and octets + len(line) > GROUP_OCTETS_MAX:
            yield b"".join(group), len(group)
            group, octets = [], 0
        group.append(line)
        octets += len(line)
    if group:
        yield b"".join(group), len(group)
