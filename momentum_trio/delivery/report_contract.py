"""What the queue asks of those who write delivery status notifications: values, and who makes reports of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from momentum_trio.config.chain import Chain
from momentum_trio.spool.message import Batch, Message


@dataclass(frozen=True, slots=True)
class Failure:
    """How one message of a batch stands that a report may be about; of a delivered one, too.

    reason: the reply (``550 5.1.1 ...``). peer: name or address of the remote server, or empty. at: when, Unix seconds.
    attempts: made, this one included.
    """

    message: Message
    reason: str
    peer: str
    at: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Report:
    """A report to be sent. batch: its envelope, with the null reverse-path and ids of its own. octets: its content."""

    batch: Batch
    octets: bytes


class Reporter(Protocol):
    """Writes reports, one for all messages of a batch that share a fate. None: none is due (RFC 3461, Generate_...)."""

    async def failed(self, chain: Chain, batch: Batch, failures: Sequence[Failure]) -> Report | None:
        """About messages that are given up. Raises KeyError, SpoolFault: the content cannot be read."""
        ...

    async def delayed(self, chain: Chain, batch: Batch, delays: Sequence[Failure], expires_at: float) -> Report | None:
        """About messages that are tried on until *expires_at* (Unix seconds). Raises as ``failed``."""
        ...

    async def succeeded(
        self, chain: Chain, batch: Batch, successes: Sequence[Failure], *, relayed: bool
    ) -> Report | None:
        """About messages whose sender asked for it. relayed: to a server that cannot report itself. Raises as
        ``failed``.
        """
        ...
