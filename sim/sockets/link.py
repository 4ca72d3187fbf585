"""Links: what lies between two hosts, one ``Path`` for each direction."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..kernel import Kernel

HELD_MAX = 100_000  # packets that wait on a held path; more are lost


@dataclass(slots=True)
class Path:
    """One direction between two hosts (or inside one). Anything here may be changed while the world runs.

    latency_seconds, jitter_seconds: each segment takes the first plus a draw from 0 to the second.
    octets_per_second: 0 means without bound; otherwise segments queue for the wire.
    blocked: nothing passes; senders retransmit until they give up, datagrams are lost.
    loss_share, duplicate_share: of datagrams. reorder_seconds: each datagram is late by a draw from 0 to it, past which
    others overtake it; without it they keep their order.
    """

    name: str
    kernel: Kernel
    draws: random.Random
    latency_seconds: float
    jitter_seconds: float = 0.0
    octets_per_second: float = 0.0
    blocked: bool = False
    loss_share: float = 0.0
    duplicate_share: float = 0.0
    reorder_seconds: float = 0.0
    busy_until: float = 0.0
    _last_arrival: float = -math.inf
    _held: bool = False
    _waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = field(default_factory=deque)

    def arrival(self, now: float, octets: int) -> float:
        """When a segment of *octets* handed over *now* comes out at the other end."""
        leaves = now
        if self.octets_per_second:
            leaves = self.busy_until = max(now, self.busy_until) + octets / self.octets_per_second
        jitter = self.draws.random() * self.jitter_seconds if self.jitter_seconds else 0.0
        return leaves + self.latency_seconds + jitter

    @property
    def passes(self) -> bool:
        """Whether what arrives now comes out."""
        return not (self.blocked or self._held)

    # -- what is not retransmitted by its sender here

    def carry(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have ``function(*arguments)`` called at the other end, unless the path is blocked now or then."""
        if not self.blocked:
            self._come_out(self.arrival(self.kernel.now, 0), function, arguments)

    def carry_datagram(self, octets: int, function: Callable[..., object], *arguments: Any) -> None:
        """``carry`` with a datagram's chances: not at all, late, or twice."""
        if self.blocked or (self.loss_share and self.draws.random() < self.loss_share):
            return
        twice = self.duplicate_share and self.draws.random() < self.duplicate_share
        for _ in range(2 if twice else 1):
            arrival = self.arrival(self.kernel.now, octets)
            self._last_arrival = max(arrival, math.nextafter(self._last_arrival, math.inf))
            late = self.draws.random() * self.reorder_seconds if self.reorder_seconds else 0.0
            self._come_out(self._last_arrival + late, function, arguments)

    def _come_out(self, time: float, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self.kernel.at(time, self._arrived, function, arguments, ties=self.draws)

    def _arrived(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        if self._held:
            if len(self._waiting) < HELD_MAX:
                self.wait(self._arrived, function, arguments)
        elif not self.blocked:
            function(*arguments)

    # -- hold and release

    @property
    def held(self) -> bool:
        """Whether all that arrives waits."""
        return self._held

    def hold(self) -> None:
        """From now on what is under way waits at the other end, and nothing is lost by it."""
        self._held = True

    def heal(self) -> None:
        """Neither blocked nor held."""
        self.blocked = False
        self.release()

    def wait(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have ``function(*arguments)`` called when the path is released, after what waits already."""
        self._waiting.append((function, arguments))

    def release(self) -> None:
        """What waits comes out at once, in order; into a partition, if there is one."""
        self._held = False
        time = self.kernel.now
        while self._waiting:
            function, arguments = self._waiting.popleft()
            self.kernel.at(time, function, *arguments, ties=self.draws)
            time = math.nextafter(time, math.inf)
