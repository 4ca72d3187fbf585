"""What both sides of ECStream have: frames out of octets and events out of frames, and what is to be sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from momentum_trio.protocol.ecstream.frame import Code, Kind, Octets, RemoteProtocolError, Small, encode
from momentum_trio.protocol.ecstream.reader import Reader

E = TypeVar("E")


class Side(ABC, Generic[E]):
    """One of a connection, whose events are *E*; the last of them is kept in ``_closed`` until it is handed out."""

    def __init__(self, *, preface: bool = False) -> None:
        self._reader = Reader(self._octets_max, preface=preface)
        self._to_send: list[Octets] = []
        self._closed: E | None = None

    def room(self) -> memoryview:
        """Where the socket writes next."""
        return self._reader.room()

    def received(self, count: int) -> None:
        """*count* octets were written to ``room``; 0: the other's end is closed."""
        self._reader.received(count)
        if not count and not self._is_closed:
            self._cut()

    def next_event(self) -> E | None:
        """The next event, or None when more octets are needed. After Closed there is none."""
        try:
            while not self._is_closed and (frame := self._reader.next_frame()) is not None:
                if (event := self._take(*frame)) is not None:
                    return event
        except RemoteProtocolError as error:
            self.close(error.code, error.why.encode("ascii", "replace"))
        closed, self._closed = self._closed, None
        return closed

    @abstractmethod
    def close(self, code: Code, why: bytes) -> None:
        """Say why, and end the connection."""

    def octets_to_send(self) -> list[Octets]:
        """What is to be sent, in pieces, each once."""
        pieces, self._to_send = self._to_send, []
        return pieces

    @property
    def has_to_send(self) -> bool:
        """Whether ``octets_to_send`` has something."""
        return bool(self._to_send)

    @property
    @abstractmethod
    def _is_closed(self) -> bool: ...

    @abstractmethod
    def _cut(self) -> None:
        """The stream ended before it was time."""

    @abstractmethod
    def _octets_max(self, kind: Kind) -> int:
        """Of a payload of *kind*, as ``Reader`` has it."""

    @abstractmethod
    def _take(self, kind: Kind, payload: Octets) -> E | None:
        """A frame has come. Raises RemoteProtocolError."""

    def _say(self, frame: Small) -> None:
        self._to_send.append(encode(frame))
