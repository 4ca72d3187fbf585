"""What the members of a message bus did and saw in a run, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from momentum_trio.net.group import GroupEvent, Service


class Began(NamedTuple):
    """The member's process is there. It joins again what the one before it was in."""


class Joined(NamedTuple):
    """It asked to be in *group*, from now on and over all connections of its own."""

    group: str


class Left(NamedTuple):
    """It asked not to be in *group* any more."""

    group: str


class Spoke(NamedTuple):
    """It published *octets* in *group*, or sent them *to* one member alone. sender: what it was called then.

    taken: whether its connection took them. No octets are said twice in a run.
    """

    sender: str
    group: str
    to: str
    octets: bytes
    service: Service
    taken: bool


Deed: TypeAlias = Began | Joined | Left | Spoke | GroupEvent


class Entry(NamedTuple):
    """*deed* of the member beside *host*, in the process *life* of that host; at: seconds since the load began."""

    at: float
    host: str
    life: int
    deed: Deed


@dataclass(slots=True)
class BusHistory:
    """All of it.

    settled_after: from healing until every member saw the views that were right (None: never within the limit).
    wrong: what was wrong with them, in words. last_words: said then: who is to hear it, in which group, octets.
    """

    entries: list[Entry] = field(default_factory=list)
    settled_after: float | None = 0.0
    settle_limit_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    last_words: list[tuple[str, str, bytes]] = field(default_factory=list)
