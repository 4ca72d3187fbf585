"""Links: what lies between two hosts, one ``Path`` for each direction."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Path:
    """One direction between two hosts (or inside one). Anything here may be changed while the world runs.

    latency_seconds, jitter_seconds: each segment takes the first plus a draw from 0 to the second.
    octets_per_second: 0 means without bound; otherwise segments queue for the wire.
    blocked: nothing passes; senders retransmit until they give up.
    """

    name: str
    draws: random.Random
    latency_seconds: float
    jitter_seconds: float = 0.0
    octets_per_second: float = 0.0
    blocked: bool = False
    busy_until: float = 0.0

    def arrival(self, now: float, octets: int) -> float:
        """When a segment of *octets* handed over *now* comes out at the other end."""
        leaves = now
        if self.octets_per_second:
            leaves = self.busy_until = max(now, self.busy_until) + octets / self.octets_per_second
        jitter = self.draws.random() * self.jitter_seconds if self.jitter_seconds else 0.0
        return leaves + self.latency_seconds + jitter
