"""What delivery asks of the spool: the part of ``spool.Spool`` that it uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from momentum_trio.delivery.outcome import Deferred
from momentum_trio.mail.stage import Stage
from momentum_trio.spool.entry import Entry
from momentum_trio.spool.fault import SpoolFault
from momentum_trio.spool.message import Batch, Conclusion, Held, Owed, Receipt, Retry


class Contents(Protocol):
    """Where delivery methods read content. Raises KeyError (not in custody), SpoolFault."""

    async def content(self, batch_id: str) -> bytes:
        """The whole content, with CRLF line ends."""
        ...

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        """Up to *size* octets from *offset*, fewer only at the end."""
        ...


class Custody(Contents, Protocol):
    """What the queue asks. The spool sees to faults of the disk: settling raises SpoolSick only when it is closed."""

    def owed(self) -> Iterator[Owed]:
        """The messages found when the spool was opened, each once."""
        ...

    async def held(self, ticket: int) -> Held:
        """The envelope of a message. Raises KeyError (concluded), ContentDamaged, SpoolSick."""
        ...

    def message_id(self, ticket: int) -> str:
        """What logs call the message in custody that has *ticket*."""
        ...

    def retry(self, ticket: int) -> Retry | None:
        """Where it stands, if it was tried before."""
        ...

    def find(self, message_id: str) -> int | None:
        """The ticket of a message in custody."""
        ...

    def next_id(self) -> str:
        """A new identifier."""
        ...

    def begin(self) -> Entry:
        """A new, empty entry: for reports."""
        ...

    async def commit(self, entry: Entry, batch: Batch, *, concluding: Sequence[tuple[int, Conclusion]] = ()) -> Receipt:
        """Take custody of *entry* and end that of *concluding*, all or nothing. Raises SpoolFull, SpoolSick."""
        ...

    async def settle(self, concluded: Sequence[tuple[int, Conclusion]], postponed: Sequence[tuple[int, Retry]]) -> None:
        """Record what came of attempts, in one group, lazily. Raises SpoolSick when the spool is closed.

        Cancellation: shielded.
        """
        ...

    def conclude_soon(self, concluded: Sequence[tuple[int, Conclusion]]) -> bool:
        """The same of messages whose custody ends, a moment later; False: it is to be settled, very many wait."""
        ...

    async def move(
        self,
        tickets: Sequence[int],
        *,
        binding_group: str | None = None,
        binding: str | None = None,
        routing_domain: str | None = None,
    ) -> None:
        """Record durably that messages go another way. Raises SpoolFull, SpoolSick."""
        ...


def unreadable(fault: KeyError | SpoolFault) -> Deferred:
    """What content that the spool does not give comes to. Not a bounce: the operator may yet save it."""
    what = "message body missing" if isinstance(fault, KeyError) else f"spool: {fault}"
    return Deferred(f"451 4.3.0 [internal] {what}", Stage.UNKNOWN)
