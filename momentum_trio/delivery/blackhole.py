"""Two ways of making mail disappear.

``Delivery_Method = "BLACKHOLE"`` (ours) takes every message and forgets it: it counts as delivered. The option
``Blackhole`` fails what reaches the queue, with a permanent failure in the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from momentum_trio.delivery.method import Attempt
from momentum_trio.delivery.outcome import Bounced, Delivered, Outcome

BLACKHOLED = "554 5.7.0 [internal] Blackholed"
GROUP_MAX = 256


@dataclass(frozen=True, slots=True)
class Blackhole:
    """Takes everything, keeps nothing."""

    word: str = "BLACKHOLE"
    group_max: int = GROUP_MAX
    gathers: bool = True
    attempts_max: int = 2
    domain_attempts_max: int = 2

    async def attempt(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        """Every message is delivered to nobody."""
        return [Delivered()] * len(attempts)


@dataclass(frozen=True, slots=True)
class Blackholed:
    """Fails everything: what the option ``Blackhole`` asks for (spec/options.json)."""

    word: str = "Blackhole"
    group_max: int = GROUP_MAX
    gathers: bool = True
    attempts_max: int = 2
    domain_attempts_max: int = 2

    async def attempt(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        """Every message is given up."""
        return [Bounced(BLACKHOLED)] * len(attempts)
