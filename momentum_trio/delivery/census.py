"""How much mail there is, by domain and by binding: counted for the asking, while deliveries go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import trio

from momentum_trio.delivery.carriage import Carriage
from momentum_trio.delivery.holdings import Holdings
from momentum_trio.delivery.lane import Lane
from momentum_trio.delivery.operations import Operations, Strides, Which

AGED_MAX = 1_000
"""Messages of a lane whose age is looked at, of those that are active and of those that are delayed."""


@dataclass(slots=True)
class Count:
    """connections: there are. active, delayed: messages. sent, failed: messages since there has been mail there.

    oldest_seconds: age of the oldest that waits, where that was asked for, of those that stand first.
    """

    connections: int = 0
    active: int = 0
    delayed: int = 0
    sent: int = 0
    failed: int = 0
    oldest_seconds: float = 0.0

    def add(self, other: Count) -> None:
        """Count *other* too."""
        self.connections += other.connections
        self.active += other.active
        self.delayed += other.delayed
        self.sent += other.sent
        self.failed += other.failed
        self.oldest_seconds = max(self.oldest_seconds, other.oldest_seconds)


class Census:
    """Of one queue. A connection counts for the routing domain that it goes to, be it a gateway."""

    def __init__(self, holdings: Holdings, carriage: Carriage, operations: Operations) -> None:
        self._holdings, self._carriage, self._operations = holdings, carriage, operations

    async def by_domain(self, which: Which, *, ages: bool = False) -> dict[str, Count]:
        """Each routing domain, of those lanes. ages: how old they are is looked for."""
        counted, strides = dict[str, Count](), Strides()
        for key, count in await self.by_lane(which, ages=ages):
            counted.setdefault(key[2], Count()).add(count)
            await strides.step()
        return counted

    async def by_binding(self) -> dict[tuple[str, str], Count]:
        """Each binding that has mail or connections."""
        counted, strides = dict[tuple[str, str], Count](), Strides()
        for key, count in await self.by_lane(Which()):
            counted.setdefault(key[:2], Count()).add(count)
            await strides.step()
        return counted

    async def by_lane(self, which: Which, *, ages: bool = False) -> list[tuple[tuple[str, str, str], Count]]:
        """Each routing domain in each binding: first the mail, then the connections."""
        found, strides = [], Strides()
        for lane in await self._operations.lanes(which):
            age = self._oldest_seconds(lane) if ages else 0.0
            found.append((lane.key, Count(0, lane.active, lane.delayed.count, lane.sent, lane.failed, age)))
            await strides.step()
        for key, connections in list(self._carriage.connections_by_lane()):
            if which.holds(key):
                found.append((key, Count(connections)))
        return found

    def _oldest_seconds(self, lane: Lane) -> float:
        roster, now = self._holdings.roster, trio.current_time()
        first = chain(*(islice(roster.tickets(strand), AGED_MAX) for strand in (lane.ready, lane.delayed)))
        return max(0.0, now - min((roster.born[ticket] for ticket in first), default=now))

    def residents(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """Envelopes in memory, of those bindings."""
        counted = dict.fromkeys(keys, 0)
        for ticket in self._holdings.residents():
            binding = self._holdings.lane(ticket).key[:2]
            if binding in counted:
                counted[binding] += 1
        return counted

    def tickets(self, which: Which, standing_first: int, count_max: int) -> Iterator[tuple[str, int]]:
        """Messages that wait in some lanes, *count_max* from number *standing_first* on: how, and the ticket.

        They must not be awaited between two of them.
        """
        roster = self._holdings.roster
        waiting = (
            (word, ticket)
            for lane in self._holdings.lanes.all()
            if which.holds(lane.key)
            for word, strand in (("active", lane.ready), ("delayed", lane.delayed))
            for ticket in roster.tickets(strand)
        )
        return islice(waiting, standing_first, standing_first + count_max)
