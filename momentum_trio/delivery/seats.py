"""Seats for outbound connections: how many a domain, a binding, a host, a scope and the whole machine may have.

A seat counts against several limits. Whoever is refused by a limit that is shared stands in its line and gets the next
seat that is given back, first come, first served; so domains take turns when there are fewer seats than they could use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Protocol

from momentum_trio.delivery.hop import Hop
from momentum_trio.delivery.route import OutboundTree
from momentum_trio.delivery.shared_limits import (
    CLUSTER,
    TOTAL,
    cluster_host_limits,
    cluster_limits,
    host_limits,
    shared_limits,
)
from momentum_trio.limits.contract import Key, SharedState

ROUSED_MAX = 32
"""How many idle connections are looked at for one that can be given up."""


class Sitter(Protocol):
    """Who holds a seat. wake: see whether somebody else needs it."""

    @property
    def seat(self) -> tuple[Key, ...]: ...
    def wake(self) -> None: ...


class Limit:
    """One count that several hops share. starving, line: who waits for it to sink, without any connection and with."""

    __slots__ = ("count", "line", "starving")

    def __init__(self) -> None:
        self.count = 0
        self.starving: deque[Hop] = deque()
        self.line: deque[Hop] = deque()

    @property
    def waiting(self) -> int:
        return len(self.starving) + len(self.line)

    def wait(self, hop: Hop) -> None:
        """Let *hop* stand in line, once."""
        if not hop.in_line:
            hop.in_line = True
            (self.line if hop.connections else self.starving).append(hop)

    def next(self) -> Hop:
        """Whose turn it is, out of the line now."""
        hop = (self.starving or self.line).popleft()
        hop.in_line = False
        return hop

    def claimant(self, hop: Hop) -> Hop | None:
        """Whose turn it will be, if that is not *hop*."""
        if not self.waiting:  # as most often
            return None
        return next(
            (other for line in (self.starving, self.line) for other in islice(line, 2) if other is not hop), None
        )


class Seats:
    """All limits of one node. A limit exists while it is counted or waited for.

    ceiling: what the descriptors of the process allow, whatever the options say. offer: called with a hop whose turn it
    is; it returns whether a seat was taken. everywhere: what all nodes count together.
    """

    def __init__(self, ceiling: int, offer: Callable[[Hop], bool], everywhere: SharedState) -> None:
        self._ceiling, self._offer, self._everywhere = ceiling, offer, everywhere
        self._awaited: set[Key] = set()
        self.idle: dict[Sitter, None] = {}
        self._limits: dict[Key, Limit] = {}

    @property
    def taken(self) -> int:
        """Connections there are, and those about to be."""
        total = self._limits.get(TOTAL)
        return 0 if total is None else total.count

    def take(self, hop: Hop, tree: OutboundTree) -> tuple[Key, ...] | None:
        """A seat for one more connection of *hop*; None when a shared limit is reached: then it stands in line."""
        connected = hop.connections > 0
        limits = shared_limits(tree, hop.chain, hop.binding_group, hop.binding, self._ceiling, connected=connected)
        for key, maximum in limits:
            limit = self._limits.setdefault(key, Limit())
            if limit.count >= maximum:
                limit.wait(hop)
                self._rouse(key)
                return None
        wide = [
            (key, most) for _, key, most in cluster_limits(tree, hop.chain, hop.binding_group, hop.binding, hop.domain)
        ]
        if (full := self._take_everywhere(wide)) is not None:
            self._limits.setdefault(full, Limit()).wait(hop)
            self._await(full)
            self._rouse(full)
            return None
        seat = (*(key for key, _ in limits), *(key for key, _ in wide))
        for key in seat:
            self._limits.setdefault(key, Limit()).count += 1
        return seat

    def _take_everywhere(self, limits: list[tuple[Key, int]]) -> Key | None:
        """A seat of each of *limits*, which all nodes share; else none, and which of them has none to give."""
        for place, (key, maximum) in enumerate(limits):
            if not self._everywhere.seat(key, maximum):
                for taken, _ in limits[:place]:
                    self._everywhere.leave(taken)
                return key
        return None

    def _await(self, key: Key) -> None:
        """Pass on what comes free of *key*, at whatever node."""
        if key not in self._awaited:
            self._awaited.add(key)
            self._everywhere.when_free(key, partial(self._free_everywhere, key))

    def _free_everywhere(self, key: Key) -> None:
        self._awaited.discard(key)
        self._pass_on(key)

    def vacate(self, seat: tuple[Key, ...]) -> None:
        """Give a seat back: to those who wait for it."""
        for key in seat:
            self._limits[key].count -= 1
            assert self._limits[key].count >= 0, "a seat is given back once"
            if key[0] == CLUSTER:
                self._everywhere.leave(key)
        for key in seat:
            self._pass_on(key)

    def _pass_on(self, key: Key) -> None:
        limit = self._limits.get(key)
        if limit is None:
            return
        for _ in range(limit.waiting):
            if self._offer(limit.next()):
                break
        if not limit.count and not limit.waiting:
            self._limits.pop(key, None)

    def _rouse(self, key: Key) -> None:
        """Somebody waits for *key*: whoever holds a seat of it in idleness is to see that."""
        for sitter in islice(self.idle, ROUSED_MAX):
            if key in sitter.seat:
                sitter.wake()
                return

    def claimant(self, seat: tuple[Key, ...], hop: Hop) -> Hop | None:
        """A hop other than *hop* that waits for a limit which *seat* counts against."""
        return next((other for key in seat if (other := self._limits[key].claimant(hop)) is not None), None)

    def all_in_line(self) -> list[Hop]:
        """Let everybody out of the lines, for the limits may be others now."""
        waiting: list[Hop] = []
        for key, limit in list(self._limits.items()):
            while limit.waiting:
                waiting.append(limit.next())
            if not limit.count:
                del self._limits[key]
        return waiting

    # Hosts

    @contextmanager
    def at_host(self, hop: Hop, host: str, tree: OutboundTree) -> Iterator[bool]:
        """A seat at *host* for the block; False when its scopes allow no more, and then *hop* stands in line for it."""
        limits = host_limits(tree, hop.binding_group, hop.binding, host)
        wide = cluster_host_limits(tree, hop.binding_group, hop.binding, host)
        full = next((key for key, maximum in limits if self._count(key) >= maximum), None)
        full = self._take_everywhere(wide) if full is None else full
        if full is not None:
            hop.refused_by = full
            yield False
            return
        seat = tuple(key for key, _ in (*limits, *wide))
        for key in seat:
            self._limits.setdefault(key, Limit()).count += 1
        try:
            yield True
        finally:
            self.vacate(seat)

    def wait_for_host(self, hop: Hop) -> bool:
        """Have *hop* stand in the line of the host that refused it; False when there is no such line any more."""
        key, hop.refused_by = hop.refused_by, None
        if key is not None and key[0] == CLUSTER:
            self._limits.setdefault(key, Limit()).wait(hop)
            self._await(key)
            return True
        limit = None if key is None else self._limits.get(key)
        if limit is None or not limit.count:
            return False
        limit.wait(hop)
        return True

    def _count(self, key: Key) -> int:
        limit = self._limits.get(key)
        return 0 if limit is None else limit.count
