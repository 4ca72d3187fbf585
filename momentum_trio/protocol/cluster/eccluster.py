"""ECCluster: what nodes say to each other without ordering (docs/protocols/eccluster.md). Messages, without I/O.

The opening, frames and MACs are those of the bus (``protocol/msgc/link.py``), under a preface and a role of their own.
Then the caller names one service, and the called says that it is ready; after that each speaks in the turn that the
service gives it. A message is a msgpack array whose first item is its number.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from momentum_trio.mail.log_position import OFFSET_MAX, SEGMENT_MAX, Position
from momentum_trio.protocol.msgc.frame import Code, RemoteProtocolError

PREFACE: Final = b"ECCL\r\n\0\xec"
VERSION: Final = 1
"""Of all services; the opening has one of its own."""

MESSAGES_MAX: Final = 64
"""In one frame."""
PART_OCTETS_MAX: Final = 64 * 1024
"""Of what comes in several: lines, mail."""
REPLAY_OCTETS_MAX: Final = 2 << 20
"""Of lines in answer to one REPLAY, however long a line is."""
LOGS_MAX: Final = 256
SUBSCRIBERS_MAX: Final = 64
WHY_LENGTH_MAX: Final = 300

Word = Annotated[str, Meta(min_length=1, max_length=64)]
Octets = Annotated[bytes, Meta(max_length=PART_OCTETS_MAX)]
Segment = Annotated[int, Meta(ge=0, le=SEGMENT_MAX)]
Offset = Annotated[int, Meta(ge=0, le=OFFSET_MAX)]
LogId = Annotated[bytes, Meta(max_length=8)]


class Service(Enum):
    """What a connection is for."""

    LOG = "log"
    MOVE = "mmove2"


# -- what the caller says


class Begin(Struct, frozen=True, array_like=True, tag=1):
    """The service, and the version of it; first, and once."""

    service: Word
    version: Annotated[int, Meta(ge=0, le=255)] = VERSION


class ListLogs(Struct, frozen=True, array_like=True, tag=2):
    """Which logs are there? Answered by LOGS."""


class Replay(Struct, frozen=True, array_like=True, tag=3):
    """Lines of *log* for *subscriber*, about *octets_max*, behind a position of the log with *log_id*.

    Where that is empty, not this log's, or no place of it: behind his checkpoint. Answered by LINES, as often as it
    takes, and REPLAYED; or by FAILED.
    """

    log: Word
    subscriber: Word
    log_id: LogId
    segment: Segment
    offset: Offset
    octets_max: Annotated[int, Meta(ge=1, le=REPLAY_OCTETS_MAX)]


class Checkpoint(Struct, frozen=True, array_like=True, tag=4):
    """*subscriber* has all before this position, durably. Answered by KEPT or FAILED."""

    log: Word
    subscriber: Word
    log_id: LogId
    segment: Segment
    offset: Offset


class Mail(Struct, frozen=True, array_like=True, tag=5):
    """Octets of the conversation by which mail moves, of either side."""

    octets: Octets


# -- what the called says


class Ready(Struct, frozen=True, array_like=True, tag=16):
    """The service may be used. version: that is spoken."""

    version: int


class Reader(Struct, frozen=True, array_like=True):
    """A subscriber, and where he is."""

    name: Word
    segment: Segment
    offset: Offset


class LogFacts(Struct, frozen=True, array_like=True):
    """One log that is published. octets: on disk."""

    name: Word
    log_id: LogId
    octets: Annotated[int, Meta(ge=0)]
    readers: Annotated[tuple[Reader, ...], Meta(max_length=SUBSCRIBERS_MAX)]


class Logs(Struct, frozen=True, array_like=True, tag=17):
    """Those that there are."""

    logs: Annotated[tuple[LogFacts, ...], Meta(max_length=LOGS_MAX)]


class Lines(Struct, frozen=True, array_like=True, tag=18):
    """Octets of lines; a line may begin in one and end in the next."""

    octets: Octets


class Replayed(Struct, frozen=True, array_like=True, tag=19):
    """All lines of the answer have come. They stand from *begin* up to *end*; none: there are none.

    is_damaged: some before them cannot be read any more.
    """

    log_id: LogId
    begin_segment: Segment
    begin_offset: Offset
    end_segment: Segment
    end_offset: Offset
    is_damaged: bool

    @property
    def begin(self) -> Position:
        """Where the lines begin."""
        return Position(self.begin_segment, self.begin_offset)

    @property
    def end(self) -> Position:
        """Where the next ones begin."""
        return Position(self.end_segment, self.end_offset)


class Kept(Struct, frozen=True, array_like=True, tag=20):
    """The checkpoint is durable."""


class Failed(Struct, frozen=True, array_like=True, tag=21):
    """It cannot be done. is_known: there is such a log and subscriber; then it may do later."""

    why: Annotated[str, Meta(max_length=WHY_LENGTH_MAX)]
    is_known: bool = True


class Said(Struct, frozen=True, array_like=True, tag=22):
    """As ``Mail``, of the called."""

    octets: Octets


Asked: TypeAlias = Begin | ListLogs | Replay | Checkpoint | Mail
Answer: TypeAlias = Ready | Logs | Lines | Replayed | Kept | Failed | Said
A = TypeVar("A")

_OF_SERVICE: Final = {
    Service.LOG: (ListLogs, Replay, Checkpoint),
    Service.MOVE: (Mail,),
}
_SERVICES: Final = {service.value: service for service in Service}
_ENCODER = msgspec.msgpack.Encoder()
_ASKED: Final[msgspec.msgpack.Decoder[list[Asked]]] = msgspec.msgpack.Decoder(
    Annotated[list[Asked], Meta(max_length=MESSAGES_MAX)]
)
_ANSWERS: Final[msgspec.msgpack.Decoder[list[Answer]]] = msgspec.msgpack.Decoder(
    Annotated[list[Answer], Meta(max_length=MESSAGES_MAX)]
)


def encode(message: Asked | Answer) -> bytes:
    """One message, as ``frame.joined`` takes it."""
    return _ENCODER.encode(message)


def parts(octets: bytes) -> list[bytes]:
    """*octets* in pieces that fit a message; one at least."""
    return [octets[at : at + PART_OCTETS_MAX] for at in range(0, len(octets), PART_OCTETS_MAX)] or [b""]


class Begun(NamedTuple):
    """The caller has named its service."""

    service: Service


class Server:
    """The called's side once the caller is let in: what is asked, in its turn, of the service that was named."""

    def __init__(self) -> None:
        self.service: Service | None = None

    def take(self, octets: bytes) -> list[Begun | Asked]:
        """What a frame of messages asks. Raises RemoteProtocolError, for good.

        Who asks for logs asks for one thing at a time and waits for the answer.
        """
        asked: list[Begun | Asked] = [self._one(message) for message in _decoded(_ASKED, octets)]
        if len(asked) > 1 and self.service is not Service.MOVE:
            raise RemoteProtocolError("more than one thing was asked at once")
        return asked

    def _one(self, message: Asked) -> Begun | Asked:
        if isinstance(message, Begin):
            return self._begin(message)
        if self.service is None:
            raise RemoteProtocolError("no service was named")
        if not isinstance(message, _OF_SERVICE[self.service]):
            raise RemoteProtocolError(f"{type(message).__name__} is nothing of the service {self.service.value}")
        return message

    def _begin(self, begin: Begin) -> Begun:
        if self.service is not None:
            raise RemoteProtocolError("a service was named already")
        if begin.version != VERSION:
            raise RemoteProtocolError(f"version {begin.version} of a service, and we speak {VERSION}", Code.VERSION)
        if (service := _SERVICES.get(begin.service)) is None:
            raise RemoteProtocolError(f"there is no service {begin.service!a}", Code.NOT_ALLOWED)
        self.service = service
        return Begun(service)


def answers(octets: bytes) -> list[Answer]:
    """What a frame of messages answers, for the caller. Raises RemoteProtocolError."""
    return _decoded(_ANSWERS, octets)


def _decoded(decoder: msgspec.msgpack.Decoder[list[A]], octets: bytes) -> list[A]:
    try:
        return decoder.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"no messages of ECCluster: {error}") from None
