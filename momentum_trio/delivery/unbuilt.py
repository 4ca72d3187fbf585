"""Delivery methods that the configuration knows and this host does not have: mail for them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from momentum_trio.delivery.method import Attempt
from momentum_trio.delivery.outcome import Deferred, Outcome


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """Defers everything, saying why."""

    word: str
    group_max: int = 256
    gathers: bool = True
    attempts_max: int = 1
    domain_attempts_max: int = 1

    async def attempt(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        """Every message waits for a version or a configuration that can deliver it."""
        return [Deferred(f"451 4.3.5 [internal] delivery by {self.word} is not built here")] * len(attempts)
