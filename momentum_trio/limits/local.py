"""SharedState of one node by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager

import trio

from momentum_trio.limits.contract import Admission, Key, Told
from momentum_trio.limits.listeners import Listeners

KEYS_MAX = 100_000  # throttles remembered; beyond it the one that is nearest to being free again is forgotten


class LocalState:
    """``limits.contract.SharedState`` in memory, on trio's clock.

    A throttle is GCRA: one number a key, the time at which it would be empty again. A key whose time is past says
    nothing and is forgotten; so the number of keys is bounded by the events of one window.
    """

    def __init__(self, node: str, keys_max: int = KEYS_MAX) -> None:
        assert keys_max >= 1
        self._node = node
        self._keys_max = keys_max
        self._free_at: dict[Key, float] = {}
        self._gauges: dict[Key, dict[str, int]] = {}
        self._seats: dict[Key, int] = {}
        self._waiting: dict[Key, list[Callable[[], None]]] = {}
        self._told = 0
        self._listeners = Listeners()

    @property
    def node(self) -> str:
        """This member's name."""
        return self._node

    @property
    def is_up(self) -> bool:
        """There is nothing else that could be down."""
        return True

    def seat(self, key: Key, limit: int) -> bool:
        """Take one of *limit* seats, if fewer are taken."""
        taken = self._seats.get(key, 0)
        if taken >= limit:
            return False
        self._seats[key] = taken + 1
        return True

    def is_asking(self, key: Key) -> bool:
        """Nobody has to be asked."""
        return False

    def leave(self, key: Key) -> None:
        """One seat that was taken is free again: whoever waits for it is told."""
        if self._seats[key] > 1:
            self._seats[key] -= 1
        else:
            del self._seats[key]
        for call in self._waiting.pop(key, ()):
            call()

    def when_free(self, key: Key, call: Callable[[], None]) -> None:
        """Call *call* once, when a seat of *key* is free again."""
        self._waiting.setdefault(key, []).append(call)

    def throttle(self, key: Key, rate: float, burst: float, cost: float = 1.0) -> Admission:
        """Whether *cost* events more fit into *rate* a second with at most *burst* at once; counted if so."""
        assert rate > 0
        assert burst >= 1
        now = trio.current_time()
        free_at = max(self._free_at.get(key, now), now)
        after = free_at + cost / rate
        too_early = after - burst / rate - now
        if too_early > 1e-9:
            return Admission(False, too_early)
        self._free_at.pop(key, None)  # the newest stands last
        self._free_at[key] = after
        if len(self._free_at) > self._keys_max:
            self._forget(now)
        return Admission(True)

    def give_back(self, key: Key, rate: float, cost: float = 1.0) -> None:
        """Undo a ``throttle`` that admitted *cost* events at *rate*."""
        if key in self._free_at:
            self._free_at[key] -= cost / rate

    def _forget(self, now: float) -> None:
        """Drop what says nothing any more; if all say something, the tenth that is nearest to it."""
        self._free_at = {key: at for key, at in self._free_at.items() if at > now}
        if len(self._free_at) > self._keys_max:
            soonest = sorted(self._free_at, key=self._free_at.__getitem__)
            for key in soonest[: max(1, self._keys_max // 10)]:
                del self._free_at[key]

    def gauge_add(self, key: Key, node: str, delta: int) -> int:
        """Add *delta* to *node*'s share; returns the sum. A key whose shares are all 0 is forgotten."""
        shares = self._gauges.setdefault(key, {})
        share = shares.get(node, 0) + delta
        assert share >= 0, f"gauge {key} of {node} below zero"
        if share:
            shares[node] = share
        else:
            shares.pop(node, None)
        if not shares:
            del self._gauges[key]
        return sum(shares.values())

    def gauge(self, key: Key) -> int:
        """The sum over all nodes."""
        return sum(self._gauges.get(key, {}).values())

    def broadcast(self, topic: str, octets: bytes) -> None:
        """Tell everybody who listens to *topic*, in the one order of all broadcasts; nobody is waited for."""
        self._told += 1
        told = Told(self._node, self._told, topic, octets)
        self._listeners.tell(told)

    def listen(self, topic: str) -> AbstractContextManager[AsyncIterator[Told]]:
        """What is told about *topic* from now on, within the block; who is too slow sees a gap in the numbers."""
        return self._listeners.listen(topic)

    def members(self) -> Sequence[str]:
        """Only us."""
        return (self._node,)
