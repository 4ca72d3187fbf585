"""How far the lines of one log were gathered: what is written down before they are, so that no crash doubles any. Pure.

Before lines are appended to a file it is written down, durably, which they are and where they will stand. After a crash
the file itself tells whether they do: if their octets are there they were gathered; else what is there of them is cut
off. Only the lines that were to be appended last to a file may be missing: what could not be appended is taken back
before anything else is.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct

from momentum_trio.mail.log_position import OFFSET_MAX, SEGMENT_MAX, Position
from momentum_trio.protocol.cluster.eccluster import REPLAY_OCTETS_MAX

SUFFIX: Final = ".place"
OCTETS_MAX: Final = 16 * 1024
_VERSION: Final = b"1 "
_CHECK_LENGTH: Final = 8

Where = Annotated[tuple[Annotated[int, Meta(ge=0, le=SEGMENT_MAX)], Annotated[int, Meta(ge=0, le=OFFSET_MAX)]], Meta()]
Length = Annotated[int, Meta(ge=0, le=2**53)]


class Source(NamedTuple):
    """A log of a node, as a subscriber has it."""

    node: str
    log: str
    subscriber: str

    @property
    def file_name(self) -> str:
        """What its place is called: no two have one."""
        digest = blake2b(digest_size=16)
        for text in self:
            octets = text.encode("utf-8", "surrogatepass")
            digest.update(len(octets).to_bytes(4, "big") + octets)
        return digest.hexdigest() + SUFFIX


class Intent(Struct, frozen=True, kw_only=True):
    """Lines of *source*, from *before* up to *after* of the log with that id, are about to stand in the file *path*.

    size: of the file before them. octets, check: their length and CRC-32.
    """

    source: tuple[str, str, str]
    log_id: Annotated[str, Meta(max_length=16)]
    before: Where
    after: Where
    path: Annotated[str, Meta(max_length=4096)]
    size: Length
    octets: Annotated[int, Meta(ge=0, le=REPLAY_OCTETS_MAX)]
    check: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]

    def is_done(self, there: bytes) -> bool:
        """Whether *there*, which stands in the file where they should, is them."""
        return len(there) == self.octets and zlib.crc32(there) == self.check


class Gathered(NamedTuple):
    """All before *position*, of the log with that id, was gathered."""

    log_id: bytes
    position: Position


NOTHING: Final = Gathered(b"", Position(0, 0))


def intent(source: Source, gathered: Gathered, after: Position, path: str, size: int, lines: bytes) -> Intent:
    """What is written down before *lines*, which stand behind *gathered* in their log, are appended to *path*."""
    return Intent(
        source=(source.node, source.log, source.subscriber),
        log_id=gathered.log_id.hex(),
        before=(gathered.position.segment, gathered.position.offset),
        after=(after.segment, after.offset),
        path=path,
        size=size,
        octets=len(lines),
        check=zlib.crc32(lines),
    )


def taken_back(written: Intent) -> Intent:
    """The same without lines: they were not appended, and are not to be looked for."""
    return msgspec.structs.replace(written, after=written.before, octets=0, check=0)


def encode(written: Intent) -> bytes:
    """As it stands in its file."""
    text = msgspec.json.encode(written)
    return _VERSION + f"{zlib.crc32(text):08x} ".encode() + text + b"\n"


def decode(octets: bytes) -> Intent | None:
    """What a file says; None when it is damaged, or none of ours."""
    head = len(_VERSION) + _CHECK_LENGTH + 1
    text = octets[head:].removesuffix(b"\n")
    if not octets.startswith(_VERSION) or octets[len(_VERSION) : head] != f"{zlib.crc32(text):08x} ".encode():
        return None
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_DECODER: Final = msgspec.json.Decoder(Intent)
