"""What the node can read off itself, as values: connections, worker threads, memory, what the paniclog said last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from momentum_trio.console.counters import OperatorCounters
from momentum_trio.machine.facts import MemoryFacts, PoolFacts, SystemFacts
from momentum_trio.mail.record import Panic
from momentum_trio.net.netblock import Address


@dataclass(frozen=True, slots=True)
class InboundConnection:
    """One connection that somebody else made.

    descriptor: its number. service: as ``ListenerKind``. address, peer: as ``Connection``. phase: what it is about, in
    the manual's words, empty where that is not known, and *seconds* since it is. floating: a worker has it in hand.
    tls: the protocol (``TLSv1.3``), empty in clear.
    """

    descriptor: int
    service: str
    address: Address
    peer: str
    phase: str
    seconds: float
    floating: bool
    tls: str = ""


class Instruments(Protocol):
    """The control plane's."""

    @property
    def counters(self) -> OperatorCounters:
        """Those that operators keep."""
        ...

    @property
    def services(self) -> Sequence[str]:
        """The services there are: ``SMTP``, ``Control``."""
        ...

    def inbound(self) -> Sequence[InboundConnection]:
        """All inbound connections that are open, by descriptor."""
        ...

    def panics(self) -> Sequence[Panic]:
        """The last of each level, in the order in which they were said."""
        ...

    def pools(self) -> Sequence[PoolFacts]:
        """The worker threads of this machine, by kind."""
        ...

    async def system(self) -> SystemFacts:
        """What this host is."""
        ...

    async def memory(self) -> MemoryFacts:
        """What this process uses."""
        ...
