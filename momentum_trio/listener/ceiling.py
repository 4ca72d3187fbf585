"""Ceilings: how many conversations may be open at once, checked before a connection gets a task."""

from __future__ import annotations

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.contract import Key, SharedState
from momentum_trio.limits.milter_connections import key_of
from momentum_trio.listener.address_limits import sessions_key, too_many
from momentum_trio.listener.ceiling_rule import ceilings_of, cluster_ceilings_of
from momentum_trio.listener.kind import ListenerKind, Plane
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
    """The right of one connection to be there; given back once."""

    __slots__ = ("_ceilings", "_everywhere", "_keys")

    def __init__(self, ceilings: Ceilings, keys: tuple[Key, ...], everywhere: tuple[Key, ...]) -> None:
        self._ceilings, self._keys, self._everywhere = ceilings, keys, everywhere

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
        everywhere = self._seats_everywhere(kind, chain)
        if everywhere is None:
            return None
        self._sessions += 1
        for key in keys:
            self._limits.gauge_add(key, self._limits.node, 1)
        return Seat(self, keys, everywhere)

    def _seats_everywhere(self, kind: ListenerKind, chain: Chain) -> tuple[Key, ...] | None:
        """A seat of each limit that holds over all nodes; None when one of them has none to give."""
        taken: tuple[Key, ...] = ()
        for _, key, limit in cluster_ceilings_of(kind.key, kind.service, chain):
            if not self._everywhere.seat(key, limit):
                for other in taken:
                    self._everywhere.leave(other)
                return None
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
