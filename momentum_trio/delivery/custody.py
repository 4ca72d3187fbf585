"""What delivery asks of the spool: the narrow part of ``spool.Spool`` it uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from momentum_trio.spool.message import Batch, Conclusion

Conclusions = Mapping[str, Sequence[tuple[str, Conclusion]]]


class Contents(Protocol):
    """Where delivery methods read content."""

    async def content(self, batch_id: str) -> bytes:
        """The whole content, CRLF line ends. Raises OSError; LookupError when the spool has none (any more)."""
        ...

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        """Up to *size* octets from *offset*, fewer only at the end."""
        ...


class Custody(Contents, Protocol):
    """What the queue needs."""

    @property
    def recovered(self) -> Iterable[Batch]:
        """Batches with undelivered messages, found when the spool was opened."""
        ...

    async def conclude(self, batch_id: str, outcomes: Sequence[tuple[str, Conclusion]]) -> None:
        """Record that messages of a batch are done with."""
        ...
