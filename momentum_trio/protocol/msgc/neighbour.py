"""A connection to another server of the bus."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.protocol.msgc.choice import Heard


@dataclass(eq=False, slots=True)
class Neighbour:
    """One connection, and one life of the peer. heard: what it said of itself last.

    spoke: since the last beat; missed: beats in a row without a word; silent: given up, though it is not cut yet.
    """

    heard: Heard | None = None
    spoke: bool = True
    missed: int = 0
    silent: bool = False

    def beat(self) -> None:
        """A heartbeat has passed."""
        self.missed = 0 if self.spoke else self.missed + 1
        self.spoke = False
