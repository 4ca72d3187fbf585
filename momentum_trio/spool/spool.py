"""Durable custody of accepted mail: begin, write, commit -> Receipt; conclude. (Signatures; the body follows.)"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType

from momentum_trio.machine import Machine
from momentum_trio.spool.fault import ContentDamaged, SpoolFull, SpoolLocked, SpoolSick
from momentum_trio.spool.message import Batch, Conclusion, Durability, Message, Receipt, Retry

__all__ = [
    "Batch",
    "Conclusion",
    "ContentDamaged",
    "Durability",
    "Entry",
    "Message",
    "Receipt",
    "Retry",
    "Spool",
    "SpoolFull",
    "SpoolLocked",
    "SpoolSick",
    "SpoolTerms",
    "open_spool",
]


@dataclass(frozen=True, slots=True)
class SpoolTerms:
    """What a spool depends on.

    base: its directory, made if it is not there. segment_octets: when a log segment is full. large_message_octets:
    content above it gets a file of its own. force_fsync: SYNCED receipts, else WRITTEN ones. mode: of its files.
    """

    base: str
    segment_octets: int = 64 * 1024 * 1024
    large_message_octets: int = 64 * 1024
    force_fsync: bool = True
    mode: int = 0o640


class Entry:
    """Content on its way in. As ``async with spool.begin() as entry`` it is discarded at the end unless committed."""

    octets: int

    async def write(self, octets: bytes | bytearray | memoryview) -> None:
        """Add to the content. Raises SpoolFull, SpoolSick. Touches the disk only above ``large_message_octets``."""
        raise NotImplementedError

    async def discard(self) -> None:
        """Forget the content. Does nothing after a commit, so that clean-up can always call it; shielded."""
        raise NotImplementedError

    async def __aenter__(self) -> Entry:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.discard()


class Spool:
    """Made by ``open_spool``."""

    def next_id(self) -> str:
        """A new identifier (message, batch or connection) that no life of this spool has given before."""
        raise NotImplementedError

    def begin(self) -> Entry:
        """A new, empty entry."""
        raise NotImplementedError

    async def commit(self, entry: Entry, batch: Batch) -> Receipt:
        """Take custody of *entry* as *batch*. Raises SpoolFull, SpoolSick."""
        raise NotImplementedError

    @property
    def recovered(self) -> Iterator[Batch]:
        """Batches found at opening, with their undelivered messages only; each is handed out once."""
        raise NotImplementedError

    def retry_of(self, message_id: str) -> Retry | None:
        """What ``postpone`` last recorded of a recovered message."""
        raise NotImplementedError

    async def content(self, batch_id: str) -> bytes:
        """The whole content. Raises KeyError (not in custody), ContentDamaged, SpoolSick."""
        raise NotImplementedError

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        """A part of the content; fewer octets only at its end. Raises as ``content``."""
        raise NotImplementedError

    async def conclude(self, batch_id: str, outcomes: Sequence[tuple[str, Conclusion]]) -> None:
        """Record how custody of messages ended. Raises no fault of the disk: see docs/protocols/spool.md."""
        raise NotImplementedError

    async def postpone(self, batch_id: str, retries: Sequence[tuple[str, Retry]]) -> None:
        """Record when messages are due again. Lazy as ``conclude``."""
        raise NotImplementedError


@asynccontextmanager
async def open_spool(machine: Machine, terms: SpoolTerms) -> AsyncIterator[Spool]:
    """Recover the spool at ``terms.base`` and keep it. Raises SpoolLocked, SpoolFull, SpoolSick."""
    raise NotImplementedError
    yield Spool()
