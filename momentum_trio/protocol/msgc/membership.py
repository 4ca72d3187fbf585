"""Who is connected, who should be together, and proposing that: one server's part in agreeing on views.

What others say of themselves (Reach) leads to a choice (``choice``); the lowest of a set that has agreed proposes it.
In a first phase all promise and say how they stand, in a second all are told that and become ready; then all install.
Each promise is of an epoch larger than any before, so that no server takes part in two views of one epoch. Whoever has
promised tells its clients nothing more of the view it is in, until it goes into the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from momentum_trio.protocol.msgc.choice import Choice, Heard, agreed, choose
from momentum_trio.protocol.msgc.entering import check_standing
from momentum_trio.protocol.msgc.frame import RemoteProtocolError
from momentum_trio.protocol.msgc.message import (
    Expelled,
    Heartbeat,
    Install,
    Life,
    Plan,
    Propose,
    Reach,
    Ready,
    Standing,
    ViewKey,
)
from momentum_trio.protocol.msgc.neighbour import Neighbour
from momentum_trio.protocol.msgc.outbox import Outbox
from momentum_trio.protocol.msgc.view import View, majority

SETTLED_BEATS = 2
"""For so long a set is agreed before it is proposed, where it leaves out one of our view we are connected to: others
may not have noticed yet what we have."""
LINGER = 3
"""A silent one that no view expels is cut after so many times the beats that made it silent."""


@dataclass(slots=True)
class Proposal:
    """What we propose. neighbours: as they were then; beats: how old it is."""

    key: ViewKey
    members: tuple[Life, ...]
    neighbours: Mapping[str, Neighbour]
    standings: dict[str, Standing] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    beats: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The members'."""
        return tuple(life.name for life in self.members)


class Membership:
    """Of one server. restless: something has changed, and ``look_around`` is due.

    whole: no connection of our view broke, and we have not promised to go into another. expelled_by: whose word it is
    that we were left behind; a new life is to ``begin``.
    """

    def __init__(self, life: Life, peers: tuple[str, ...], missed_max: int, outbox: Outbox) -> None:
        self.peers = peers
        self._missed_max = missed_max
        self._outbox = outbox
        self._neighbours: dict[str, Neighbour] = {}
        self._expelled: dict[str, Expelled] = {}
        self.begin(life, ViewKey.first(life))

    def begin(self, life: Life, key: ViewKey) -> None:
        """A life, alone in its view."""
        self.life = life
        self.view = View(key, (life,), majority((life.name,), self.peers))
        self._in_view: Mapping[str, Neighbour] = {}
        self.promised = key.epoch
        self.whole = self.restless = True
        self._proposal: Proposal | None = None
        self._reach: Reach | None = None
        self._agreed: tuple[Life, ...] | None = None
        self._agreed_beats = 0
        self._word = self.expelled_by = ""
        self._gone_on: set[str] = set()  # those who have said, since our view began, that they are in a later one

    # connections

    def connected(self, peer: str) -> None:
        """A connection to *peer* stands, or another in place of the one that stood."""
        self._neighbours[peer] = Neighbour()
        if self._reach is not None:
            self._outbox.send(peer, self._reach)
        self.restless = True

    def disconnected(self, peer: str) -> None:
        """The connection to *peer* is over."""
        self.restless |= self._neighbours.pop(peer, None) is not None

    def cut(self, peer: str, why: str) -> None:
        """End the connection to *peer*."""
        if self._neighbours.pop(peer, None) is not None:
            self._outbox.cut(peer, why)
            self.restless = True

    def hears(self, peer: str) -> bool:
        """Whether what comes from *peer* is listened to; it is well then."""
        neighbour = self._neighbours.get(peer)
        if neighbour is None or neighbour.silent:
            return False
        neighbour.spoke = True
        return True

    def in_view(self, peer: str) -> bool:
        """Whether *peer* is in our view, and connected as it was when the view began."""
        return (neighbour := self._in_view.get(peer)) is not None and self._neighbours.get(peer) is neighbour

    def beat(self) -> None:
        """A heartbeat has passed."""
        self._outbox.send_all(self._neighbours, Heartbeat())
        for name, neighbour in list(self._neighbours.items()):
            neighbour.beat()
            if neighbour.missed >= self._missed_max and not neighbour.silent:
                neighbour.silent = self.restless = True
            if neighbour.silent and (neighbour.missed > LINGER * self._missed_max or not self.in_view(name)):
                self.cut(name, "no heartbeat")
        self._agreed_beats += 1
        if self._proposal is not None:
            self._proposal.beats += 1
        self.restless |= self._proposal is not None or self._agreed_beats == SETTLED_BEATS

    # what others say of themselves

    def take_reach(self, peer: str, reach: Reach) -> None:
        """How *peer* stands. Raises RemoteProtocolError."""
        if reach.epoch % 2 or reach.view.epoch > reach.epoch:
            raise RemoteProtocolError("an epoch that cannot be")
        neighbour = self._neighbours[peer]
        if neighbour.heard is not None and neighbour.heard.life.incarnation != reach.incarnation:
            neighbour = self._neighbours[peer] = Neighbour()  # another life: nothing of the one before holds
        neighbour.heard = Heard(Life(peer, reach.incarnation), reach, frozenset(reach.links))
        self.restless = True
        self._heard_of(peer, reach.view)
        if (expelled := self._expelled.get(peer)) is not None:
            if expelled.life == neighbour.heard.life and expelled.view == reach.view:
                self._outbox.send(peer, expelled)
            else:
                del self._expelled[peer]

    def look_around(self) -> None:
        """Whom we should be with, and what follows."""
        self.restless = False
        heard = self._heard()
        if self._word and self.promised == self.view.key.epoch and majority(tuple(self._gone_on), self.peers):
            self.expelled_by = self._word
            return
        choice = choose(self.life, heard)
        self.whole = self.promised == self.view.key.epoch and all(
            self.in_view(name) and not neighbour.silent for name, neighbour in self._in_view.items()
        )
        self._say_reach(heard, choice)
        members = agreed(self.life, choice, heard)
        if members != self._agreed:
            self._agreed, self._agreed_beats = members, 0
        if members is None or members[0] != self.life or not self._wanted(members, heard):
            self._proposal = None
        elif not self._proposed(members, heard) and self._settled(members, heard):
            self._propose(members, heard)

    def _heard(self) -> dict[str, Heard]:
        return {
            name: neighbour.heard
            for name, neighbour in self._neighbours.items()
            if neighbour.heard is not None and not neighbour.silent
        }

    def _say_reach(self, heard: Mapping[str, Heard], choice: Choice) -> None:
        leads = choice.leader.name == self.life.name
        reach = Reach(
            self.life.incarnation,
            tuple(heard[name].life for name in sorted(heard)),
            choice.leader.name,
            -choice.leader.links,
            choice.claim if leads else (),
            self.view.key,
            self.whole,
            self.promised,
        )
        if reach != self._reach:
            self._reach = reach
            self._outbox.send_all(self._neighbours, reach)

    # proposing

    def _wanted(self, members: tuple[Life, ...], heard: Mapping[str, Heard]) -> bool:
        """Whether *members*, of whom we are the lowest, need another view than they are in."""
        here = self.view.key
        if members != self.view.members or not self.whole:
            return True
        for name in self.view.names[1:]:
            reach = heard[name].reach
            on_its_way = reach.view != here and reach.epoch == here.epoch
            if not on_its_way and not (reach.view == here and reach.whole):
                return True
        return False

    def _proposed(self, members: tuple[Life, ...], heard: Mapping[str, Heard]) -> bool:
        """Whether what we have proposed may still come about, and is this."""
        proposal = self._proposal
        return (
            proposal is not None
            and proposal.members == members
            and proposal.beats <= self._missed_max
            and all(self._neighbours[name] is neighbour for name, neighbour in proposal.neighbours.items())
            and all(heard[name].reach.epoch <= proposal.key.epoch for name in proposal.neighbours)
        )

    def _settled(self, members: tuple[Life, ...], heard: Mapping[str, Heard]) -> bool:
        left = [life for life in self.view.members if life not in members and life.name in heard]
        return not left or self._agreed_beats >= SETTLED_BEATS

    def _propose(self, members: tuple[Life, ...], heard: Mapping[str, Heard]) -> None:
        names = [life.name for life in members if life != self.life]
        key = ViewKey.after(max([self.promised, *(heard[name].reach.epoch for name in names)]), self.life)
        self._proposal = Proposal(key, members, {name: self._neighbours[name] for name in names})
        for name in self._proposal.names:
            self._outbox.send(name, Propose(key, members))

    def take_standing(self, peer: str, standing: Standing) -> None:
        """*peer* has promised to go into what we propose. Raises RemoteProtocolError."""
        proposal = self._proposal
        if proposal is None or proposal.key.epoch != standing.epoch or peer not in proposal.names:
            return
        check_standing(standing)
        if standing.name != peer or peer in proposal.standings:
            raise RemoteProtocolError("a standing of another, or again")
        beside = [one for one in proposal.standings.values() if one.view == standing.view]
        if any(len(one.known) != len(standing.known) for one in beside):
            raise RemoteProtocolError("a standing in a view of another size")
        proposal.standings[peer] = standing
        if len(proposal.standings) == len(proposal.members):
            plan = Plan(standing.epoch, tuple(proposal.standings[name] for name in proposal.names))
            for name in proposal.names:
                self._outbox.send(name, plan)

    def take_ready(self, peer: str, ready: Ready) -> None:
        """*peer* has all it needs to go into what we propose."""
        proposal = self._proposal
        if proposal is None or proposal.key.epoch != ready.epoch or peer not in proposal.standings:
            return
        proposal.ready.add(peer)
        if len(proposal.ready) == len(proposal.members):
            self._proposal = None
            for name in proposal.names:
                self._outbox.send(name, Install(ready.epoch))

    # taking part

    def promise(self, peer: str, propose: Propose) -> dict[str, Neighbour] | None:
        """Promise what *peer* proposes, if we can: then the neighbours we shall be with. Raises RemoteProtocolError."""
        key, members = propose.view, propose.members
        if not members or members[0].name != peer or key.proposer != peer:
            raise RemoteProtocolError("a proposal of who is not the lowest of its members")
        if key.epoch % 2 or list(members) != sorted({life.name: life for life in members}.values()):
            raise RemoteProtocolError("a proposal that cannot be")
        there = {self.life, *(one.life for one in self._heard().values())}
        if key.epoch <= self.promised or self.life not in members or not there.issuperset(members):
            if peer != self.life.name and self._reach is not None:
                self._outbox.send(peer, self._reach)  # it cannot know yet how we stand
            return None
        self.promised = key.epoch
        self.whole, self.restless = False, True
        return {life.name: self._neighbours[life.name] for life in members if life != self.life}

    def install(self, view: View, neighbours: Mapping[str, Neighbour]) -> None:
        """We are in *view* now, with *neighbours*."""
        old, self.view = self.view, view
        self._in_view = neighbours
        self._word = ""
        self._gone_on.clear()
        self.restless = True
        for name, neighbour in list(self._neighbours.items()):
            if neighbour.silent:
                self._expel(name, neighbour, old)

    def _expel(self, name: str, neighbour: Neighbour, old: View) -> None:
        """It was given up while its connection lived; where most of us have gone on without it, it shall know."""
        if self.view.primary and neighbour.heard is not None and neighbour.heard.life in old.members:
            self._expelled[name] = Expelled(neighbour.heard.life, old.key, self.view.key)
            self._outbox.send(name, self._expelled[name])
        self.cut(name, "no heartbeat")

    def take_expelled(self, peer: str, expelled: Expelled) -> None:
        """*peer* says that we were left behind; it holds once we know that most have gone on.

        It may be late: we have gone on ourselves meanwhile, or have returned.
        """
        if expelled.life == self.life and expelled.view == self.view.key and peer in self.view.names:
            self._heard_of(peer, expelled.following)
            self._word, self.restless = peer, True

    def _heard_of(self, peer: str, view: ViewKey) -> None:
        if view.epoch > self.view.key.epoch:
            self._gone_on.add(peer)
