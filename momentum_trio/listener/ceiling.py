"""Ceilings: how many conversations may be open at once, checked before a connection gets a task."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.contract import Key, SharedState
from momentum_trio.limits.milter_connections import key_of
from momentum_trio.listener.address_limits import sessions_key, too_many
from momentum_trio.listener.ceiling_rule import ceilings_of, cluster_ceilings_of
from momentum_trio.listener.kind import ListenerKind, Plane
from momentum_trio.listener.seat_line import SeatLines
from momentum_trio.mail.reply import Reply
from momentum_trio.net.netblock import Address

DESCRIPTORS_RESERVE = 384
"""What is not a session may have so many open: delivery 192 (three attempts of 64 files), large content on its way in
64, disk jobs 16, sessions of operators 16, and 96 for the spool, logs, listening sockets, the resolver, the libraries.
"""
DESCRIPTORS_RESERVE_PART = 8  # ... but at least an eighth of them all, for large hosts listen and log much
CONTROL_SESSIONS_RESERVE = 16  # ... of which so many are for operators, when mail has taken all seats


def sessions_max(descriptors_max: int) -> int:
    """How many sessions fit into *descriptors_max* descriptors less the reserve; at least one."""
    return max(1, descriptors_max - max(DESCRIPTORS_RESERVE, descriptors_max // DESCRIPTORS_RESERVE_PART))


class Seat:
    """The right of one connection to be there; given back once.

    awaited: limits over all nodes of which it has no seat yet, with the most of each: see ``complete``.
    """

    __slots__ = ("_ceilings", "_everywhere", "_keys", "awaited")

    def __init__(
        self,
        ceilings: Ceilings,
        keys: tuple[Key, ...],
        everywhere: tuple[Key, ...],
        awaited: tuple[tuple[Key, int], ...],
    ) -> None:
        self._ceilings, self._keys, self._everywhere = ceilings, keys, everywhere
        self.awaited = awaited

    async def complete(self) -> bool:
        """Wait for what is awaited, SEAT_SECONDS for each at most; False: there are no seats, for now.

        Cancellation: it has some of them, which ``leave`` gives back.
        """
        for key, limit in self.awaited:
            if not await self._ceilings.lines.wait(key, limit):
                return False
            self._everywhere = (*self._everywhere, key)
        return True

    def leave(self) -> None:
        """Give the seat back."""
        self._ceilings.vacate(self._keys, self._everywhere)
        self._keys = self._everywhere = ()


class Ceilings:
    """Counts sessions of the whole node, and their connections to milters, against descriptors; sessions also by
    listener and service in the shared state.

    everywhere: what all nodes count together; None: there is only this one. Strangers that take all seats of the mail
    plane keep no operator from the console.
    """

    def __init__(self, limits: SharedState, sessions_max: int, everywhere: SharedState | None = None) -> None:
        self._limits, self._everywhere = limits, everywhere or limits
        self.lines = SeatLines(self._everywhere)
        self._sessions_max = sessions_max
        self._sessions = 0
        self._left = trio.Event()

    @property
    def sessions(self) -> int:
        """Sessions open now, all listeners together."""
        return self._sessions

    def admit(
        self, kind: ListenerKind, chain: Chain, tree: ConfigTree | None = None, address: Address | None = None
    ) -> Seat | Reply | None:
        """A seat for one more connection whose options are *chain*'s; None if a ceiling is reached.

        Its seats of limits over all nodes may be awaited yet.
        address: whose own limits, of *tree*, hold too: a Reply is why not. None: nobody's do.
        """
        reserve = CONTROL_SESSIONS_RESERVE if kind.plane is Plane.CONTROL else 0
        milters = self._limits.gauge(key_of(self._limits))
        if self._sessions + milters >= self._sessions_max + reserve:
            return None
        limits = ceilings_of(kind.key, kind.service, chain)
        for key, limit in limits:
            if limit and self._limits.gauge(key) >= limit:
                return None
        keys = tuple(key for key, _ in limits)
        if address is not None and tree is not None:
            if refusal := too_many(self._limits, kind.service, tree, chain, address):
                return refusal
            if own := sessions_key(kind.service, chain, address):
                keys = (*keys, own)
        wide = [(key, most) for _, key, most in cluster_ceilings_of(kind.key, kind.service, chain)]
        everywhere = self._seats_everywhere(wide)
        awaited = tuple(wide[len(everywhere) :])
        if awaited and not self.lines.may_wait(*awaited[0]):
            for key in everywhere:
                self._everywhere.leave(key)
            return None
        self._sessions += 1
        for key in keys:
            self._limits.gauge_add(key, self._limits.node, 1)
        return Seat(self, keys, everywhere, awaited)

    def _seats_everywhere(self, limits: Sequence[tuple[Key, int]]) -> tuple[Key, ...]:
        """A seat of each of *limits*, which hold over all nodes, up to the first that has none to give at once."""
        taken: tuple[Key, ...] = ()
        for key, most in limits:
            if not self.lines.take(key, most):
                break
            taken = (*taken, key)
        return taken

    def vacate(self, keys: tuple[Key, ...], everywhere: tuple[Key, ...]) -> None:
        """A seat is given back: whoever waits for one is told."""
        assert keys, "a seat is given back once"
        self._sessions -= 1
        assert self._sessions >= 0
        for key in keys:
            self._limits.gauge_add(key, self._limits.node, -1)
        for key in everywhere:
            self._everywhere.leave(key)
        self._left.set()
        self._left = trio.Event()

    async def session_ended(self) -> None:
        """Wait until some session has ended."""
        await self._left.wait()
