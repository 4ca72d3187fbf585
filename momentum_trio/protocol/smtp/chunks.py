"""Content in chunks: BDAT and what follows it (RFC 3030 section 2).

The octets of a chunk follow its command whatever is said to it: a chunk that is refused is read all the same, and only
then answered. A command that does not say how many there are leaves nobody able to tell content from commands: it ends
the conversation.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.content import Gathering
from momentum_trio.protocol.smtp.event import ChunkEnd, Event, Refusal
from momentum_trio.protocol.smtp.terms import Terms

SMALL_CHUNKS_MAX: Final = 100
"""Chunks of one message that may be of any size; of more, each has to bring"""
CHUNK_OCTETS_MIN: Final = 1024
"""on the average: a chunk costs a reply."""

_ARGUMENT = re.compile(r"([0-9]{1,18})(?: ([Ll][Aa][Ss][Tt]))?")


class Chunk(NamedTuple):
    """What BDAT announces."""

    octets: int
    is_last: bool

    @classmethod
    def parse(cls, argument: str) -> Chunk | None:
        """The chunk of a BDAT with *argument*; None when that is none."""
        match = _ARGUMENT.fullmatch(argument)
        return cls(int(match[1]), match[2] is not None) if match else None


class Chunks(Gathering):
    """The chunks of one message: each begins with ``begin``, and ends in ChunkEnd; the last one in ContentEnd."""

    __slots__ = ("_chunk", "_count", "_left")

    def __init__(self, terms: Terms, *, binary: bool) -> None:
        super().__init__(terms, binary=binary)
        self._chunk = Chunk(0, is_last=False)
        self._count = 0
        self._left = 0  # octets of the chunk that have not come

    def refusal(self, chunk: Chunk) -> Reply | None:
        """Why *chunk* cannot be the next, or None."""
        octets_max, octets = self._terms.message_octets_max, self._passed + len(self._kept)
        if 0 < octets_max < octets + chunk.octets:
            return replies.MESSAGE_TOO_LARGE
        return replies.TOO_MANY_CHUNKS if octets < (self._count - SMALL_CHUNKS_MAX) * CHUNK_OCTETS_MIN else None

    @property
    def fault(self) -> Reply | None:
        """Why the content cannot be taken, as far as it has been looked at."""
        return self._fault

    def begin(self, chunk: Chunk) -> None:
        """*chunk* comes next."""
        assert self.ended
        self._chunk, self._left = chunk, chunk.octets
        self._count += 1
        if chunk.is_last and not chunk.octets:
            self._finish(b"")

    def receive(self, octets: bytes) -> bytes:
        """Take what the client sent, cut anywhere. Returns what stands behind the chunk."""
        assert self._left
        text = octets if len(octets) <= self._left else octets[: self._left]
        self._left -= len(text)
        if self._chunk.is_last and not self._left:
            self._finish(text)
        elif self._fault is None:
            self._keep(text)
        return octets[len(text) :]

    @property
    def ended(self) -> bool:
        """Whether all of the chunk has come."""
        return not self._left

    @property
    def drained(self) -> bool:
        """Whether ``next_event`` has nothing to give."""
        return bool(self._left) and not self._parts

    def next_event(self) -> Event | None:
        """The next event, or None when more octets are needed. ChunkEnd is the last of a chunk, or ContentEnd."""
        if self._parts:
            return self._parts.pop()
        if self._left:
            return None
        return self._end if self._chunk.is_last else ChunkEnd(self._chunk.octets)


class Skipped:
    """A chunk that was refused: its octets go nowhere, then comes *refusal*."""

    __slots__ = ("_left", "_refusal")

    def __init__(self, octets: int, refusal: Refusal) -> None:
        self._left, self._refusal = octets, refusal

    def receive(self, octets: bytes) -> bytes:
        """Pass over what of *octets* belongs to the chunk; what is left of them."""
        count = min(len(octets), self._left)
        self._left -= count
        return octets[count:]

    @property
    def ended(self) -> bool:
        """Whether all of the chunk has come."""
        return not self._left

    @property
    def drained(self) -> bool:
        """Whether ``next_event`` has nothing to give."""
        return bool(self._left)

    def next_event(self) -> Event | None:
        """The refusal, once all of the chunk has come."""
        return None if self._left else self._refusal
