"""Frames of the console protocol: one JSON object on one line, in UTF-8, ended by LF (docs/protocols/console.md).

JSON escapes every control character inside a string, so that an LF is always the end of a frame. A member ``frame``
names the kind of frame; members a receiver does not know are skipped, kinds it does not know are an error. Every
length is bounded here, once: the line, and each string and list in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

PROTOCOLS = (1,)
"""The versions of this protocol that we speak, the newest first."""

FRAME_OCTETS_MAX = 256 * 1024
"""A line of more octets than this, its LF not counted, ends the connection."""
LINE_CHARACTERS_MAX = 32 * 1024
"""Of a command line, and of the text of one part; as JSON at most six octets a character: it fits into a frame."""
WORD_CHARACTERS_MAX = 1024
"""Of names, problems, candidates."""
CANDIDATES_MAX = 200
"""Completions in one answer: 200 of the longest fit into a frame as long as they are mostly ASCII (see fitting)."""
NOTICES_MAX = 16
REQUEST_MAX = 2**31 - 1
"""The highest number of a request."""

Word = Annotated[str, Meta(max_length=WORD_CHARACTERS_MAX)]
Line = Annotated[str, Meta(max_length=LINE_CHARACTERS_MAX)]
Words = Annotated[tuple[Word, ...], Meta(max_length=NOTICES_MAX)]
Candidates = Annotated[tuple[Word, ...], Meta(max_length=CANDIDATES_MAX)]
Request = Annotated[int, Meta(ge=1, le=REQUEST_MAX)]
Version = Annotated[int, Meta(ge=0, le=65535)]
Versions = Annotated[tuple[Version, ...], Meta(min_length=1, max_length=NOTICES_MAX)]
Count = Annotated[int, Meta(ge=0, le=REQUEST_MAX)]
Form = Literal["text", "json"]
Status = Literal["ok", "error"]


class RemoteProtocolError(Exception):
    """The other end broke the protocol; the text says how. Nothing more can be read from it."""


class LocalProtocolError(Exception):
    """We were asked to say what the protocol does not allow now: a fault of ours."""


class ClientFrame(Struct, frozen=True, tag_field="frame"):
    """What a client says."""


class Hello(ClientFrame, frozen=True, tag="hello"):
    """The first frame of a client. protocol: one of the banner's. client: name and version, for people."""

    protocol: Version
    client: Word = ""


class Authenticate(ClientFrame, frozen=True, tag="authenticate"):
    """One step of a SASL dialogue. mechanism: on the first step. response: base64, as everywhere in SASL."""

    mechanism: Word = ""
    response: Line = ""


class Command(ClientFrame, frozen=True, tag="command"):
    """Run *line*. request: the client's number for it, which its parts and its end carry. form: of the reply."""

    request: Request
    line: Line
    form: Form = "text"


class Complete(ClientFrame, frozen=True, tag="complete"):
    """What could follow *line*, the text before the cursor?"""

    request: Request
    line: Line


class Bye(ClientFrame, frozen=True, tag="bye"):
    """The client is done; what it asked before is still answered."""


class ServerFrame(Struct, frozen=True, tag_field="frame"):
    """What a server says."""


class Banner(ServerFrame, frozen=True, tag="banner"):
    """The first frame of a server.

    protocols: versions it speaks. product, version: ``ecelerity``, ``0.1.0``. notice: lines for people.
    node: the node's name, for prompts. user: who the client is taken for (empty: nobody in particular).
    mechanisms: not empty when the client must authenticate first, by one of these SASL mechanisms.
    idle_seconds: silence after which the server says farewell.
    """

    protocols: Versions
    product: Word
    version: Word
    notice: Words = ()
    node: Word = ""
    user: Word = ""
    mechanisms: Words = ()
    idle_seconds: float = 0.0


class Challenge(ServerFrame, frozen=True, tag="challenge"):
    """The server's step of a SASL dialogue, base64."""

    challenge: Line = ""


class Welcome(ServerFrame, frozen=True, tag="welcome"):
    """Authentication succeeded; the client is *user* from now on."""

    user: Word


class Refused(ServerFrame, frozen=True, tag="refused"):
    """Authentication failed; another dialogue may begin. why: for people."""

    why: Word


class Part(ServerFrame, frozen=True, tag="part"):
    """A piece of a reply. The pieces of one request, put together, are whole lines of text or one JSON document."""

    request: Request
    text: Line


class End(ServerFrame, frozen=True, tag="end"):
    """The reply to *request* is whole.

    status: whether the command did what it says. parts: how many were sent. confidential: the command line holds a
    secret; the client keeps it out of its history.
    """

    request: Request
    status: Status
    parts: Count = 0
    confidential: bool = False


class Completions(ServerFrame, frozen=True, tag="completions"):
    """Answer to Complete.

    start: the character of the line from which a candidate would stand. more: there were others.
    """

    request: Request
    start: Count
    candidates: Candidates = ()
    more: bool = False


class Farewell(ServerFrame, frozen=True, tag="farewell"):
    """The server closes. why: for people. broken: because the client broke the protocol or was refused."""

    why: Word
    broken: bool = False


ClientFrames = Hello | Authenticate | Command | Complete | Bye
ServerFrames = Banner | Challenge | Welcome | Refused | Part | End | Completions | Farewell
F = TypeVar("F")


def encode(frame: ClientFrame | ServerFrame) -> bytes:
    """*frame* as it is sent, LF included. The bounds of its strings are the caller's to keep; ours is asserted."""
    octets = msgspec.json.encode(frame)
    assert len(octets) <= FRAME_OCTETS_MAX, f"a frame of {len(octets)} octets"
    return octets + b"\n"


def printable(text: str, characters_max: int = WORD_CHARACTERS_MAX) -> str:
    """*text* as JSON can carry it: cut to length, and a lone surrogate (an octet that was no UTF-8) shown as ``?``."""
    return text[:characters_max].encode("utf-8", "replace").decode("utf-8")


def pieces(text: str) -> Iterator[str]:
    """*text* cut into parts that fit into a frame each."""
    for start in range(0, len(text), LINE_CHARACTERS_MAX):
        yield printable(text[start : start + LINE_CHARACTERS_MAX], LINE_CHARACTERS_MAX)


def fitting(candidates: tuple[str, ...]) -> tuple[str, ...]:
    """As many of *candidates*, first ones first, as one frame can carry."""
    room = FRAME_OCTETS_MAX // 2
    kept = []
    for candidate in map(printable, candidates[:CANDIDATES_MAX]):
        room -= 6 * len(candidate) + 3
        if room < 0:
            break
        kept.append(candidate)
    return tuple(kept)


class Reader(Generic[F]):
    """Octets, cut anywhere, to frames of one union of kinds.

    It holds at most one incomplete line of FRAME_OCTETS_MAX, and what one ``receive`` brought beyond it.
    """

    def __init__(self, decoder: msgspec.json.Decoder[F]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()
        self._scanned = 0

    def receive(self, octets: bytes) -> None:
        """Take what came from the stream."""
        self._buffer += octets

    def next_frame(self) -> F | None:
        """The next whole frame, or None when it is not there yet. Raises RemoteProtocolError for good."""
        end = self._buffer.find(b"\n", self._scanned, FRAME_OCTETS_MAX + 1)
        if end < 0:
            self._scanned = len(self._buffer)
            if self._scanned > FRAME_OCTETS_MAX:
                raise RemoteProtocolError(f"a frame is longer than {FRAME_OCTETS_MAX} octets")
            return None
        octets = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._scanned = 0
        try:
            return self._decoder.decode(octets)
        except RecursionError:
            raise RemoteProtocolError("a frame is nested too deeply") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RemoteProtocolError(f"not a frame of this protocol: {error}") from None

    def ended(self) -> None:
        """The stream is over. Raises RemoteProtocolError when it ended within a frame."""
        if self._buffer:
            raise RemoteProtocolError("the stream ended within a frame")


def client_frames() -> Reader[ClientFrames]:
    """A reader of what clients say."""
    return Reader(msgspec.json.Decoder(ClientFrames))


def server_frames() -> Reader[ServerFrames]:
    """A reader of what servers say."""
    return Reader(msgspec.json.Decoder(ServerFrames))
