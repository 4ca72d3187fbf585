"""Floating addresses as the console of one node sees them (spec/console.md section 10): reports, and what may be asked.

``node/duravip_desk.py`` is the real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # tools that only look up commands run without trio
    from momentum_trio.machine.contract import Neighbour


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A node that says something of an address. is_owner: it is to have it; holds: it may have it up."""

    node: str
    member: str
    services: tuple[str, ...]
    bindings: tuple[str, ...]
    preference: str
    is_owner: bool
    holds: bool


@dataclass(frozen=True, slots=True)
class FloatingRow:
    """One address. safety: ``safe``, ``UNSAFE`` or ``BROKEN``. in_conflict: nodes prefer different nodes.

    bindings, services: of all nodes together. follows: the address it goes with, or empty. stable_seconds: since a node
    last said something else of it.
    """

    address: str
    bindings: tuple[str, ...]
    services: tuple[str, ...]
    safety: str
    in_conflict: bool
    follows: str
    stable_seconds: float
    candidates: tuple[CandidateRow, ...]

    @property
    def is_owned(self) -> bool:
        """Whether some node is to have it."""
        return any(candidate.is_owner for candidate in self.candidates)


@dataclass(frozen=True, slots=True)
class FloatingView:
    """What the nodes in one view make of them. view: its name, empty while there is none.

    is_complete: every node in it has said what it could have.
    """

    view: str
    stable_seconds: float
    is_complete: bool
    rows: tuple[FloatingRow, ...]


class Floating(Protocol):
    """What the console may ask of them."""

    def state(self) -> FloatingView:
        """All of it."""
        ...

    def announce(self) -> None:
        """Say again what this node could have, and has."""
        ...

    def debug(self, *, on: bool) -> None:
        """Let the paniclog tell each step of elections, or no longer."""
        ...

    def move(self, address: str, source: str, to: str) -> Sequence[str]:
        """Have *address*, or all that node *source* has, moved to node *to*; those that will be."""
        ...

    async def neighbours(self) -> Sequence[Neighbour]:
        """The hosts that this one has lately talked to on its links. Raises: OSError."""
        ...
