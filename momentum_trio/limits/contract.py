"""Counters shared by everything that limits: seats, throttles, gauges, and word to the other members (a contract).

A node has two of them: its own, ``limits/local.py``, and one for what all nodes count together, which is one of
``local`` (there are no others), ``cluster/leases.py`` and ``limits/redis.py``. Which one a limit is counted in is for
whoever counts: Listener_Sessions in the one, Cluster_Listener_Sessions in the other. Keys are tuples of words, the path
of the scope that owns the counter first, so that they survive generations and are the same on all nodes.

Seats and throttles hold: there are never more than the limit says. Gauges are what each node last said of its share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

Key = tuple[str, ...]

BROADCAST_OCTETS_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer of a throttle. admitted: it was counted. after_seconds: until asking again may succeed."""

    admitted: bool
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """A message of ``broadcast``: who said it, its place, what was said.

    number: grows in the one order that all members see.
    """

    node: str
    number: int
    topic: str
    octets: bytes


class SharedState(Protocol):
    """What limits are counted in. Nothing here awaits but the reception of broadcasts."""

    @property
    def node(self) -> str:
        """This member's name."""
        ...

    @property
    def is_up(self) -> bool:
        """Whether what all nodes share can be had; if not, each does what it may by itself (``On_Failure``)."""
        ...

    def seat(self, key: Key, limit: int) -> bool:
        """Take one of *limit* seats, if one is to be had at once; there are never more taken than the limit.

        A node may be refused one that lies ready at another: that gives it up then, and ``when_free`` tells of it.
        """
        ...

    def is_asking(self, key: Key) -> bool:
        """Whether a seat that was refused may be had in a moment: others are asked, and have not answered yet.

        False is the last word for now: all seats are in use, or nobody can be asked.
        """
        ...

    def leave(self, key: Key) -> None:
        """One seat that was taken is free again."""
        ...

    def when_free(self, key: Key, call: Callable[[], None]) -> None:
        """Call *call* once, as soon as a seat of *key* may be had again."""
        ...

    def throttle(self, key: Key, rate: float, burst: float, cost: float = 1.0) -> Admission:
        """Whether *cost* events more fit into *rate* events a second with at most *burst* at once. Counted if so."""
        ...

    def give_back(self, key: Key, rate: float, cost: float = 1.0) -> None:
        """Undo a ``throttle`` that admitted *cost* events at *rate*."""
        ...

    def gauge_add(self, key: Key, node: str, delta: int) -> int:
        """Add *delta* to *node*'s share of a gauge; returns the sum over all nodes. A share never goes below 0."""
        ...

    def gauge(self, key: Key) -> int:
        """The sum over all nodes."""
        ...

    def broadcast(self, topic: str, octets: bytes) -> None:
        """Tell every member, this one too, at most BROADCAST_OCTETS_MAX. Members see all in the same order."""
        ...

    def listen(self, topic: str) -> AbstractContextManager[AsyncIterator[Told]]:
        """What is told about *topic* from now on, within the block."""
        ...

    def members(self) -> Sequence[str]:
        """The names of the members, sorted."""
        ...
