"""Counters shared by everything that limits: throttles, gauges, and word to the other members (a contract).

``limits/local.py`` is one node by itself; a cluster's form is to follow. Keys are tuples of words, the path of the
scope that owns the counter first, so that they survive generations.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer of a throttle. admitted: it was counted. after_seconds: until asking again may succeed."""

    admitted: bool
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """A message of ``broadcast``: who said it, its place in the one order all members see, what was said."""

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
        """Tell every member, this one too. Members see all messages in the same order."""
        ...

    def listen(self, topic: str) -> AbstractContextManager[AsyncIterator[Told]]:
        """What is told about *topic* from now on, within the block."""
        ...

    def members(self) -> Sequence[str]:
        """The names of the members, sorted."""
        ...
