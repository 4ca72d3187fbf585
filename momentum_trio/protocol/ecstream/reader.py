"""Octets to frames. The socket writes where the frame will be read: a large payload is never moved again.

count = await socket.recv_into(reader.room())
reader.received(count)
while (frame := reader.next_frame(octets_max)) is not None: ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from momentum_trio.protocol.ecstream.frame import HEADER, PREFACE, Code, Kind, Octets, RemoteProtocolError

BUFFER_OCTETS: Final = 64 * 1024
"""What a connection has room for. A frame that needs more has it once this much of it is there."""


_KINDS: Final = {int(kind): kind for kind in Kind}


class Reader:
    """Octets, cut anywhere, to kinds and payloads.

    preface: whether the other end sends one. octets_max: of a payload of a kind; it raises RemoteProtocolError for a
    kind that end never sends. It is asked as soon as a header is there, before anything is kept for the frame.

    Held at most: BUFFER_OCTETS, and one frame.
    """

    __slots__ = ("_at", "_buffer", "_end", "_octets_max", "_preface")

    def __init__(self, octets_max: Callable[[Kind], int], *, preface: bool = False) -> None:
        self._octets_max = octets_max
        self._preface = preface
        self._buffer = bytearray(BUFFER_OCTETS)
        self._at = self._end = 0  # between them stands what was received and not handed out

    def room(self) -> memoryview:
        """Where the next octets belong; not empty, once ``next_frame`` has said None."""
        return memoryview(self._buffer)[self._end :]

    def received(self, count: int) -> None:
        """*count* octets were written to ``room``."""
        self._end += count
        assert self._end <= len(self._buffer)

    def next_frame(self) -> tuple[Kind, Octets] | None:
        """The next whole frame, or None while it is not there. A large payload is a view of its own buffer, which
        nothing writes to any more. Raises RemoteProtocolError, for good."""
        if self._preface and not self._past_preface():
            self._make_room(HEADER.size)
            return None
        held = self._end - self._at
        if held < HEADER.size:
            self._make_room(HEADER.size)
            return None
        kind, octets = self._header()
        size = HEADER.size + octets
        if held < size:
            self._make_room(size)
            return None
        start = self._at + HEADER.size
        self._at += size
        if len(self._buffer) == BUFFER_OCTETS:
            return kind, bytes(memoryview(self._buffer)[start : self._at])
        payload = memoryview(self._buffer)[start : self._at].toreadonly()
        self._buffer = bytearray(BUFFER_OCTETS)
        self._at = self._end = 0  # it was made for this frame, and nothing stands behind it
        return kind, payload

    def _past_preface(self) -> bool:
        begun = bytes(self._buffer[self._at : min(self._end, self._at + len(PREFACE))])
        if not PREFACE.startswith(begun):
            raise RemoteProtocolError("it does not begin as ECStream does")
        if begun == PREFACE:
            self._at += len(PREFACE)
            self._preface = False
        return not self._preface

    def _header(self) -> tuple[Kind, int]:
        octets, number, zeros = HEADER.unpack_from(self._buffer, self._at)
        if (kind := _KINDS.get(number)) is None:
            raise RemoteProtocolError(f"there is no kind {number}")
        if zeros != b"\0\0\0":
            raise RemoteProtocolError("a header has no zeros at its end")
        if octets > self._octets_max(kind):
            raise RemoteProtocolError(f"{kind.name} of {octets} octets is too large", Code.TOO_LARGE)
        return kind, octets

    def _make_room(self, size: int) -> None:
        """Let there be room for more of a frame of *size* octets: for all of it, once a buffer is full of it."""
        if self._at == self._end:
            self._at = self._end = 0
        if self._end < len(self._buffer):
            return
        held = self._buffer[self._at : self._end]
        if not self._at:
            self._buffer = bytearray(size)
        self._buffer[: len(held)] = held
        self._at, self._end = 0, len(held)
