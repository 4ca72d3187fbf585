"""Replication of one object: its counts go out lazily, and what others count comes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import trio

from momentum_trio.cluster.part import Assembly
from momentum_trio.cluster.plan import TOPIC_PREFIX
from momentum_trio.net.group import GroupView
from momentum_trio.protocol.cluster.replica import Replica

RETRY_SECONDS = 0.25
"""After the bus has refused what was to be said."""
GLOBAL = "global"
"""The view that has the sum over all nodes."""


class Structure(Enum):
    """What an object is, in the console's words."""

    CIDR_TREE = "cidrtree"
    GAUGE_TABLE = "gauge table"


@dataclass(frozen=True, slots=True)
class Terms:
    """How an object is replicated. max_delay_seconds, max_pending: what is changed waits so long, and so much does."""

    name: str
    structure: Structure
    max_delay_seconds: float = 1.0
    max_pending: int = 100

    @property
    def topic(self) -> str:
        """Of the part that replicates it."""
        return TOPIC_PREFIX + self.name


@dataclass(slots=True)
class Traffic:
    """How often all objects of a node have said and heard something."""

    sent: int = 0
    received: int = 0


class Replication:
    """A part that shares the counts of one object."""

    def __init__(self, assembly: Assembly, terms: Terms, traffic: Traffic) -> None:
        self._assembly, self._traffic = assembly, traffic
        self.terms = terms
        self.replica = Replica()
        self._anything = trio.Event()
        self._enough = trio.Event()

    @property
    def topic(self) -> str:
        """As ``part.Part`` has it."""
        return self.terms.topic

    def add(self, key: str, delta: int) -> None:
        """Count *delta* more of *key* on this node."""
        self.replica.add(key, delta)
        self._wake()

    def told(self, sender: str, octets: bytes) -> None:
        """As ``part.Part`` has it."""
        self.replica.told(sender, octets)
        self._traffic.received += 1
        self._wake()

    def view(self, view: GroupView) -> None:
        """As ``part.Part`` has it."""
        self.replica.view(self._assembly.member, view)
        self._wake()

    def apart(self) -> None:
        """As ``part.Part`` has it."""
        self.replica.apart()

    def _wake(self) -> None:
        if self.replica.outgoing or self.replica.pending >= self.terms.max_pending:
            self._enough.set()
        if self.replica.outgoing or self.replica.pending:
            self._anything.set()

    async def run(self) -> None:
        """Say what has changed, until cancelled."""
        while True:
            await self._anything.wait()
            with trio.move_on_after(self.terms.max_delay_seconds):
                await self._enough.wait()
            self._anything, self._enough = trio.Event(), trio.Event()
            self.replica.flush()
            if not self.send():
                await trio.sleep(RETRY_SECONDS)
                self._wake()

    def send(self) -> bool:
        """Say all that is to be said; False where the bus takes no more."""
        outgoing = self.replica.outgoing
        while outgoing:
            to, octets = outgoing[0]
            taken = self._assembly.tell(to, self.topic, octets) if to else self._assembly.publish(self.topic, octets)
            if not taken:
                return False
            outgoing.popleft()
            self._traffic.sent += 1
        return True

    def retire(self) -> None:
        """Share this no more. Where the bus does not take that, the others forget us with the next view."""
        self.replica.retire()
        self.send()

    # What is known

    def views(self) -> Iterator[tuple[str, Mapping[str, int]]]:
        """The sum over all nodes, then each member with what it counts."""
        yield GLOBAL, self.replica.totals()
        for member in self.replica.members():
            if member:
                yield member, self.replica.share(member)
