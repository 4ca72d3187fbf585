"""What delivery asks of the spool: the part of ``spool.Spool`` that it uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from momentum_trio.delivery.outcome import Deferred
from momentum_trio.mail.stage import Stage
from momentum_trio.spool.fault import SpoolFault
from momentum_trio.spool.message import Batch, Conclusion, Retry


class Contents(Protocol):
    """Where delivery methods read content. Raises KeyError (not in custody), SpoolFault."""

    async def content(self, batch_id: str) -> bytes:
        """The whole content, with CRLF line ends."""
        ...

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        """Up to *size* octets from *offset*, fewer only at the end."""
        ...


class Custody(Contents, Protocol):
    """What the queue asks. The spool sees to faults of the disk: recording raises SpoolSick only when it is closed."""

    @property
    def recovered(self) -> Iterator[Batch]:
        """Batches found when the spool was opened, with their undelivered messages."""
        ...

    def retry_of(self, batch_id: str, message_id: str) -> Retry | None:
        """Where a recovered message stood."""
        ...

    async def conclude(self, batch_id: str, outcomes: Sequence[tuple[str, Conclusion]]) -> None:
        """Record that messages of a batch are done with."""
        ...

    async def postpone(self, batch_id: str, retries: Sequence[tuple[str, Retry]]) -> None:
        """Record when messages of a batch are due again."""
        ...


def unreadable(fault: KeyError | SpoolFault) -> Deferred:
    """What content that the spool does not give comes to. Not a bounce: the operator may yet save it."""
    what = "message body missing" if isinstance(fault, KeyError) else f"spool: {fault}"
    return Deferred(f"451 4.3.0 [internal] {what}", Stage.UNKNOWN)
