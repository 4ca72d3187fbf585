"""Who should be together: the rule by which servers that are not all connected to each other agree on disjoint sets.

Each tells those it is connected to: whom it is connected to, whom it follows, and, where it leads, whom it claims.

* Servers are ranked: the better connected comes first, then the lower name.
* A server follows the best ranked leader better than itself who claims it; where there is none, it leads.
* A leader claims itself and, in the order of rank, each who is connected to all it has claimed so far, and does not
  follow a leader better than itself.
* When all whom a leader claims follow him, the lowest of them by name proposes that set as the next view.

While connections do not change this comes to rest: the best ranked of all leads, and what it claims depends on the
connections alone; then so do the choices of the best ranked of those it has not claimed, and so on. Nobody follows
two, so the sets are disjoint, and each is fully connected. Of A-B, B-C without A-C, B leads and takes A; C is alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from momentum_trio.protocol.msgc.message import Life, Reach


class Rank(NamedTuple):
    """The lowest is the best. links: how many connections there are, negative."""

    links: int
    name: str


class Choice(NamedTuple):
    """Whom a server follows, maybe itself, and all whom that one claims."""

    leader: Rank
    claim: tuple[str, ...]


class Heard(NamedTuple):
    """What a server that we are connected to said last of itself. links: those of *reach*."""

    life: Life
    reach: Reach
    links: frozenset[Life]

    @property
    def rank(self) -> Rank:
        """Where its leadership stands."""
        return Rank(-len(self.links), self.life.name)

    @property
    def leader(self) -> Rank:
        """Where that of the one it follows stands, as it says."""
        return Rank(-self.reach.leader_links, self.reach.leader)

    @property
    def leads(self) -> bool:
        """Whether it follows nobody else."""
        return self.reach.leader == self.life.name


def choose(me: Life, heard: Mapping[str, Heard]) -> Choice:
    """Whom *me* follows, that has *heard* of those it is connected to."""
    own = Rank(-len(heard), me.name)
    mutual = {name: other for name, other in heard.items() if me in other.links}
    claimed = (other for other in mutual.values() if other.leads and me.name in other.reach.claim)
    best = min((other.rank for other in claimed), default=own)
    if best < own:
        return Choice(best, mutual[best.name].reach.claim)
    return Choice(own, _claim(own, mutual))


def _claim(own: Rank, mutual: Mapping[str, Heard]) -> tuple[str, ...]:
    claim: list[Heard] = []
    for other in sorted(mutual.values(), key=lambda other: other.rank):
        free = other.reach.leader == own.name or own < other.leader
        if free and all(connected(other, one) for one in claim):
            claim.append(other)
    return (own.name, *(other.life.name for other in claim))


def connected(one: Heard, other: Heard) -> bool:
    """Whether both say so."""
    return one.life in other.links and other.life in one.links


def agreed(me: Life, choice: Choice, heard: Mapping[str, Heard]) -> tuple[Life, ...] | None:
    """The set that *choice* is, in the order of names, when all in it follow the same; None while they do not yet."""
    others = []
    for name in choice.claim:
        if name == me.name:
            continue
        other = heard.get(name)
        if other is None or other.reach.leader != choice.leader.name or me not in other.links:
            return None
        others.append(other)
    if me.name not in choice.claim or not all(connected(a, b) for i, a in enumerate(others) for b in others[:i]):
        return None
    return tuple(sorted([me, *(other.life for other in others)]))
