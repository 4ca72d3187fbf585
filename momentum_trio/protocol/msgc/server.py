"""One server of the message bus, without I/O and without a clock: membership, order and groups put together.

    server = Server("labrat-1", peers=("labrat-1", "labrat-2", "labrat-3"), incarnation=wall_clock_milliseconds)

    server.connected("labrat-2")                # a connection to this peer stands, in whichever direction it was made
    server.receive("labrat-2", message)         # what came over it, decoded, in order
    server.disconnected("labrat-2")             # it is gone; what was on its way is lost
    server.tick(now)                            # at least four times a heartbeat; seconds of a clock that is steady

    server.come("#ec0-22787#labrat-1")          # a client; False: one of that name is here, or there are too many
    server.join(member, "ec_cluster")           # False: held back (``room`` says when to try again), or too many groups
    server.publish(member, "ec_cluster", octets, Service.AGREED)       # False: held back
    server.tell(member, "#ec0-1#labrat-2", octets)                     # False: held back
    server.leave(member, "ec_cluster")
    server.gone(member)                         # its connection is gone: it leaves all groups, for all to see

After each of these calls, or after some of them, what is to be done is taken, in this order:

    for peers, message in server.messages_to_send():    # the same message to each of *peers*: encode it once
    for member, event in server.events_to_tell():       # Told, GroupView, Apart to a client that is here
    for peer, why in server.peers_to_cut():             # after what is for it was sent; no ``disconnected`` is needed

``messages_to_send`` makes batches: taking them once after all that a socket had is cheaper than after each message.

One connection per peer: where a second one stands, ``disconnected`` is said of the first before. Nothing here raises
for what a peer said; what makes no sense costs it the connection. After ``Apart`` a client is in no group, its name is
kept; it joins again as it likes. A server whose others went on without it is *expelled* by them and begins a new life:
its clients are told Apart.

A private message stands in the one order of all groups, at its place among what its sender publishes. A name that joins
a group in which it is already, from another server, takes that seat; the other client of that name is told Apart.

The simulator, the shell and the tests see the view by ``view``, and how it came about by ``standing``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from momentum_trio.net.group import GROUP_OCTETS_MAX, Apart, GroupEvent, GroupView, Service, Told
from momentum_trio.protocol.msgc import entering
from momentum_trio.protocol.msgc.entering import Component, Entering
from momentum_trio.protocol.msgc.frame import RemoteProtocolError
from momentum_trio.protocol.msgc.groups import Change, Groups, Seat
from momentum_trio.protocol.msgc.membership import Choice, Heard, agreed, choose
from momentum_trio.protocol.msgc.message import (
    INCARNATION_MAX,
    SENDING_OCTETS_MAX,
    SERVERS_MAX,
    Ack,
    Act,
    Expelled,
    Heartbeat,
    Install,
    Life,
    Message,
    Ordered,
    Plan,
    Propose,
    Reach,
    Ready,
    Recovered,
    Sending,
    Standing,
    Submit,
    Unordered,
    ViewKey,
)
from momentum_trio.protocol.msgc.message import Groups as GroupsSaid
from momentum_trio.protocol.msgc.neighbour import Neighbour
from momentum_trio.protocol.msgc.order import Order
from momentum_trio.protocol.msgc.view import View, majority

CLIENTS_MAX = 256
"""Of one server."""
GROUPS_MAX = 16
"""Of one client."""
WAITING_MAX = 4096
"""Sendings of all clients that wait, because a view changes or what was sent is not yet stable."""
CLIENT_WAITING_MAX = 1024
"""Of one of them."""
SETTLED_BEATS = 2
"""For so long a set is agreed before it is proposed, where it leaves out one of our view we are connected to: others
may not have noticed yet what we have."""


class Outgoing(NamedTuple):
    """One message, to each of *peers*."""

    peers: tuple[str, ...]
    message: Message


class Cut(NamedTuple):
    """The connection to *peer* is to be closed; it may be made again."""

    peer: str
    why: str


@dataclass(slots=True)
class Client:
    """groups: those it has joined, also where the join has no place in the order yet. seen: it has joined any."""

    groups: set[str] = field(default_factory=set)
    seen: bool = False
    waiting: int = 0


@dataclass(slots=True)
class Proposal:
    """What we propose. links: the connections it was proposed over; beats: how old it is."""

    key: ViewKey
    members: tuple[Life, ...]
    links: Mapping[str, Neighbour]
    standings: dict[str, Standing] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    beats: int = 0


class Server:
    """See above.

    name: ours, one of *peers*. incarnation: larger than that of any life of this server before; milliseconds of the
    wall clock do. heartbeat: seconds. missed_max: heartbeats in a row after which a peer is given up.
    """

    def __init__(
        self, name: str, peers: Iterable[str], incarnation: int, *, heartbeat: float = 1.0, missed_max: int = 5
    ) -> None:
        self.name = name
        self.peers = tuple(sorted({name, *peers}))
        assert len(self.peers) <= SERVERS_MAX
        self._heartbeat = heartbeat
        self._missed_max = missed_max
        self._next_beat: float | None = None
        self._links: dict[str, Neighbour] = {}
        self._clients: dict[str, Client] = {}
        self._leaving: dict[str, int] = {}  # those whose end has no place in the order yet: nothing is for them
        self._waiting: deque[Sending] = deque()
        self._out: list[Outgoing] = []
        self._to_ourselves: deque[Message] = deque()
        self._events: list[tuple[str, GroupEvent]] = []
        self._cuts: list[Cut] = []
        self._expelled: dict[str, Expelled] = {}
        assert 0 <= incarnation < INCARNATION_MAX
        life = Life(name, incarnation)
        self._begin(life, ViewKey.first(life))
        self._turn()

    def _begin(self, life: Life, key: ViewKey) -> None:
        """A life, alone."""
        self.life = life
        self.view = View(key, (life,), majority((life.name,), self.peers))
        self._view_id = self.view.id
        self._primary = self.view.primary
        self._view_links: Mapping[str, Neighbour] = {}
        self._order = Order(key.epoch, 1, 0)
        self._groups = Groups(life.name)
        self._numbers: dict[str, int] = {}
        self._promised = key.epoch
        self._entering: Entering | None = None
        self._proposal: Proposal | None = None
        self._reach: Reach | None = None
        self._agreed: tuple[Life, ...] | None = None
        self._agreed_beats = 0
        self._whole = True
        self._restless = True  # something of the membership has changed

    # what the shell says

    def connected(self, peer: str) -> None:
        """A connection to *peer* stands."""
        if peer == self.name or peer not in self.peers:
            self._cuts.append(Cut(peer, "not one of the peers"))
            return
        self._links[peer] = Neighbour()
        if self._reach is not None:
            self._send(peer, self._reach)
        self._restless = True
        self._turn()

    def disconnected(self, peer: str) -> None:
        """The connection to *peer* is gone."""
        if self._links.pop(peer, None) is not None:
            self._restless = True
            self._turn()

    def receive(self, peer: str, message: Message) -> None:
        """*message* has come from *peer*."""
        link = self._links.get(peer)
        if link is None or link.silent:
            return
        link.spoke = True
        try:
            self._take(peer, message)
        except RemoteProtocolError as error:
            self._cut(peer, str(error))
        self._turn()

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self._next_beat is None or now >= self._next_beat:
            self._next_beat = now + self._heartbeat
            self._beat()
            self._turn()

    # what clients say

    def come(self, member: str) -> bool:
        """A client is here."""
        if member in self._clients or len(self._clients) >= CLIENTS_MAX or not fits(member):
            return False
        self._clients[member] = Client()
        return True

    def gone(self, member: str) -> None:
        """A client is not here any more."""
        if (client := self._clients.pop(member, None)) is not None and client.seen:
            self._end(member)
            self._turn()

    def join(self, member: str, group: str) -> bool:
        """*member* joins *group*."""
        client = self._clients.get(member)
        if client is None or not fits(group) or (group not in client.groups and len(client.groups) >= GROUPS_MAX):
            return False
        if not self._originate(Sending(Act.JOIN, Service.AGREED, member, group, b"")):
            return False
        client.groups.add(group)
        client.seen = True
        return True

    def leave(self, member: str, group: str) -> None:
        """*member* leaves *group*; never held back."""
        client = self._clients.get(member)
        if client is not None and group in client.groups:
            client.groups.discard(group)
            self._wait(Sending(Act.LEAVE, Service.AGREED, member, group, b""))
            self._turn()

    def publish(self, member: str, group: str, octets: bytes, service: Service = Service.AGREED) -> bool:
        """*member* tells *group*, in which it need not be."""
        if not fits(group) or len(octets) > SENDING_OCTETS_MAX:
            return False
        return self._originate(Sending(Act.PUBLISH, service, member, group, octets))

    def tell(self, member: str, to: str, octets: bytes) -> bool:
        """*member* tells the member *to* alone; where there is none of that name, nobody."""
        if not fits(to) or len(octets) > SENDING_OCTETS_MAX:
            return False
        return self._originate(Sending(Act.TELL, Service.AGREED, member, to, octets))

    def room(self, member: str) -> int:
        """How many sendings of *member* would be taken now."""
        client = self._clients.get(member)
        return 0 if client is None else min(CLIENT_WAITING_MAX - client.waiting, WAITING_MAX - len(self._waiting))

    # what is to be done

    def messages_to_send(self) -> list[Outgoing]:
        """Messages for peers, each once."""
        self._speak()
        out, self._out = self._out, []
        return out

    def events_to_tell(self) -> list[tuple[str, GroupEvent]]:
        """Events for clients, each once."""
        events, self._events = self._events, []
        return events

    def peers_to_cut(self) -> list[Cut]:
        """Connections to close, each once."""
        cuts, self._cuts = self._cuts, []
        return cuts

    @property
    def standing(self) -> str:
        """In which view we are, and whether we are leaving it, for people."""
        primary = "primary" if self.view.primary else "not primary"
        going = "" if self._whole else ", about to change"
        return f"view {self.view.key.epoch}:{self.view.key.proposer} of {' '.join(self.view.names)}, {primary}{going}"

    # turns: what follows from what was said

    def _turn(self) -> None:
        while True:
            while self._to_ourselves:
                self._take(self.name, self._to_ourselves.popleft())
            if not self._restless:
                break
            self._restless = False
            self._look_around()
        if self._waiting:
            self._pump()
        self._deliver()

    def _take(self, peer: str, message: Message) -> None:
        match message:
            case Ordered() | Submit() | Ack():
                self._take_order(peer, message)
            case Heartbeat():
                pass
            case Reach():
                self._take_reach(peer, message)
            case Propose():
                self._promise(peer, message)
            case Standing():
                self._take_standing(peer, message)
            case Plan():
                if (view := self._entered(message.epoch)) is not None and peer == view.key.proposer:
                    self._send_all(view.plan(message))
            case Recovered() | Unordered() | GroupsSaid():
                if (view := self._entered(message.epoch)) is not None:
                    self._send_all(view.receive(peer, message))
            case Ready():
                self._take_ready(peer, message)
            case Install():
                view = self._entered(message.epoch)
                if view is not None and peer == view.key.proposer:
                    if not view.ready:
                        raise RemoteProtocolError("installed before we were ready")
                    self._install(view)
            case Expelled():
                self._take_expelled(peer, message)

    # order

    def _take_order(self, peer: str, message: Ordered | Submit | Ack) -> None:
        order = self._order
        if message.epoch != order.epoch or self._entering or self._view_links.get(peer) is not self._links.get(peer):
            return
        if isinstance(message, Ordered):
            if peer != self.view.sequencer:
                raise RemoteProtocolError("ordered by who is not the sequencer")
            order.placed(message.first, message.stable, message.origins, message.sendings)
            self._deliver()
            return
        if not order.sequencing:
            raise RemoteProtocolError("submitted to who is not the sequencer")
        origin = self.view.names.index(peer)
        order.acked(origin, message.received)
        if isinstance(message, Submit) and self._whole:
            order.submitted(origin, message.sendings)

    def _originate(self, sending: Sending) -> bool:
        if self.room(sending.sender) <= 0:
            return False
        if self._whole and not self._waiting and self._order.open:
            self._order.submit(sending)
            self._deliver()
        else:
            self._wait(sending)
        return True

    def _wait(self, sending: Sending) -> None:
        if (client := self._clients.get(sending.sender)) is not None:
            client.waiting += 1
        self._waiting.append(sending)

    def _pump(self) -> None:
        while self._waiting and self._whole and self._order.open:
            sending = self._waiting.popleft()
            if (client := self._clients.get(sending.sender)) is not None and client.waiting:
                client.waiting -= 1
            self._order.submit(sending)

    def _speak(self, *, beat: bool = False) -> None:
        if self._entering or len(self.view.names) == 1:
            return
        order = self._order
        others = self.view.names[1:] if order.sequencing else self.view.names[:1]
        peers = tuple(name for name in others if self._links.get(name) is self._view_links[name])
        for message in order.words(beat=beat):
            self._out.append(Outgoing(peers, message))

    # delivery

    def _deliver(self) -> None:
        if self._entering:
            return
        for origin, sending in self._order.deliverable():
            self._hand_out(self.view.names[origin], sending)

    def _hand_out(self, server: str, sending: Sending, *, transitional: bool = False) -> None:
        if sending.act is Act.PUBLISH:
            if here := self._groups.here(sending.target):
                told = Told(sending.target, sending.sender, sending.octets, sending.service, self._view_id)
                for member in here:
                    self._event(member, told)
        elif sending.act is Act.TELL:
            self._event(sending.target, Told("", sending.sender, sending.octets, sending.service, self._view_id))
        else:
            for change in self._groups.apply(sending, server, fresh=transitional):
                self._show(change, transitional=transitional)
            if sending.act is Act.GONE and server == self.name:
                self._ended(sending.sender)

    def _event(self, member: str, event: GroupEvent) -> None:
        if member in self._clients and member not in self._leaving:
            self._events.append((member, event))

    def _end(self, member: str) -> None:
        """*member* leaves all groups; what comes before that in the order is for nobody of its name."""
        self._leaving[member] = self._leaving.get(member, 0) + 1
        self._wait(Sending(Act.GONE, Service.AGREED, member, "", b""))

    def _ended(self, member: str) -> None:
        if (left := self._leaving.pop(member, 0)) > 1:
            self._leaving[member] = left - 1

    def _show(self, change: Change, *, transitional: bool) -> None:
        group, seat, displaced = change
        if displaced is not None:
            self._displace(change)
        if (group, seat) in self._groups.fresh and displaced is None:
            return
        self._numbers[group] = self._numbers.get(group, 0) + 1
        members = self._groups.members(group)
        newcomer = seat.member if seat in self._groups.seats(group) else ""
        for member in self._groups.here(group):
            together = (member,) if member == newcomer else tuple(one for one in members if one != newcomer)
            self._tell_view(member, group, members, together, transitional=transitional)

    def _tell_view(
        self, member: str, group: str, members: tuple[str, ...], together: tuple[str, ...], *, transitional: bool
    ) -> None:
        number = self._numbers.get(group, 0)
        view = GroupView(group, self._view_id, number, members, transitional, self._primary, together)
        self._event(member, view)

    def _displace(self, change: Change) -> None:
        """One of our clients has lost its seat to another of its name: it is as if it had gone and come again."""
        lost = change.displaced
        if lost is None or lost.server != self.name or (client := self._clients.get(lost.member)) is None:
            return
        self._event(lost.member, Apart(f"another {lost.member} has joined {change.group} elsewhere"))
        client.groups.clear()
        self._end(lost.member)

    # membership

    def _heard(self) -> dict[str, Heard]:
        return {name: link.heard for name, link in self._links.items() if link.heard is not None and not link.silent}

    def _look_around(self) -> None:
        """Whom we should be with, and what follows."""
        heard = self._heard()
        choice = choose(self.life, heard)
        self._whole = self._promised == self.view.key.epoch and all(
            self._links.get(name) is link and not link.silent for name, link in self._view_links.items()
        )
        self._say_reach(heard, choice)
        members = agreed(self.life, choice, heard)
        if members != self._agreed:
            self._agreed, self._agreed_beats = members, 0
        if members is None or members[0] != self.life or not self._wanted(members, heard):
            self._proposal = None
        elif not self._proposed(members, heard) and self._settled(members, heard):
            self._propose(members, heard)

    def _say_reach(self, heard: Mapping[str, Heard], choice: Choice) -> None:
        leads = choice.leader.name == self.name
        reach = Reach(
            self.life.incarnation,
            tuple(heard[name].life for name in sorted(heard)),
            choice.leader.name,
            -choice.leader.links,
            choice.claim if leads else (),
            self.view.key,
            self._whole,
            self._promised,
        )
        if reach != self._reach:
            self._reach = reach
            self._out.append(Outgoing(tuple(self._links), reach))

    def _wanted(self, members: tuple[Life, ...], heard: Mapping[str, Heard]) -> bool:
        """Whether *members* need another view than they are in."""
        if members != self.view.members or not self._whole:
            return True
        here = self.view.key
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
            and all(self._links[name] is link for name, link in proposal.links.items())
            and all(heard[name].reach.epoch <= proposal.key.epoch for name in proposal.links)
        )

    def _settled(self, members: tuple[Life, ...], heard: Mapping[str, Heard]) -> bool:
        """Whether it is not too early: those we would leave may have noticed less yet than we have."""
        left = [life for life in self.view.members if life not in members and life.name in heard]
        return not left or self._agreed_beats >= SETTLED_BEATS

    def _propose(self, members: tuple[Life, ...], heard: Mapping[str, Heard]) -> None:
        names = [life.name for life in members if life != self.life]
        known = max([self._promised, *(heard[name].reach.epoch for name in names)])
        key = ViewKey.after(known, self.life)
        self._proposal = Proposal(key, members, {name: self._links[name] for name in names})
        for name in (self.name, *names):
            self._send(name, Propose(key, members))

    def _take_reach(self, peer: str, reach: Reach) -> None:
        link = self._links[peer]
        if reach.epoch % 2 or reach.view.epoch > reach.epoch:
            raise RemoteProtocolError("an epoch that cannot be")
        if link.heard is not None and link.heard.life.incarnation != reach.incarnation:
            link = self._links[peer] = Neighbour()  # another life: nothing of the one before holds
        link.heard = Heard(Life(peer, reach.incarnation), reach, frozenset(reach.links))
        self._restless = True
        if (expelled := self._expelled.get(peer)) is not None:
            if expelled.life == link.heard.life and expelled.view == reach.view:
                self._send(peer, expelled)
            else:
                del self._expelled[peer]

    def _promise(self, peer: str, propose: Propose) -> None:
        if not propose.members or propose.members[0].name != peer or propose.view.proposer != peer:
            raise RemoteProtocolError("a proposal of who is not the lowest of its members")
        heard = self._heard()
        there = {self.life, *(one.life for one in heard.values())}
        if propose.view.epoch % 2 or list(propose.members) != sorted({*propose.members}):
            raise RemoteProtocolError("a proposal that cannot be")
        late = propose.view.epoch <= self._promised
        if late or self.life not in propose.members or not there.issuperset(propose.members):
            if peer != self.name and self._reach is not None:
                self._send(peer, self._reach)  # it cannot know yet how we stand
            return
        self._promised = propose.view.epoch
        links = {life.name: self._links[life.name] for life in propose.members if life != self.life}
        self._entering = Entering(propose, self.life, self.view, self._order, self._groups, self.peers, links)
        self._restless = True
        self._whole = False
        self._send(peer, self._entering.standing)

    def _entered(self, epoch: int) -> Entering | None:
        view = self._entering
        return view if view is not None and view.key.epoch == epoch else None

    def _take_standing(self, peer: str, standing: Standing) -> None:
        proposal = self._proposal
        if proposal is None or proposal.key.epoch != standing.epoch:
            return
        entering.check_standing(standing)
        if standing.name != peer or peer in proposal.standings:
            raise RemoteProtocolError("a standing of another, or again")
        beside = [one for one in proposal.standings.values() if one.view == standing.view]
        if any(len(one.known) != len(standing.known) for one in beside):
            raise RemoteProtocolError("a standing in a view of another size")
        proposal.standings[peer] = standing
        if len(proposal.standings) == len(proposal.members):
            names = [life.name for life in proposal.members]
            plan = Plan(standing.epoch, tuple(proposal.standings[name] for name in names))
            for name in names:
                self._send(name, plan)

    def _take_ready(self, peer: str, ready: Ready) -> None:
        proposal = self._proposal
        if proposal is None or proposal.key.epoch != ready.epoch or peer not in proposal.standings:
            return
        proposal.ready.add(peer)
        if len(proposal.ready) == len(proposal.members):
            self._proposal = None
            for life in proposal.members:
                self._send(life.name, Install(ready.epoch))

    # installing

    def _install(self, view: Entering) -> None:
        """The old view ends with what all who go on together are told in it, and between the views; then the new."""
        own, old, order = view.own, self.view, self._order
        for origin, sending in order.between(order.delivered + 1, own.cut):
            self._hand_out(old.names[origin], sending)
        self._show_transitional(own, view.key)
        for origin, sending in order.rest(own.cut + 1):
            if sending.act in (Act.PUBLISH, Act.TELL) or old.names[origin] in own.names:
                self._hand_out(old.names[origin], sending, transitional=True)
        self.view = new = View(view.key, view.members, view.primary)
        self._merge(view)
        self._view_links = view.links
        self._order = Order(view.key.epoch, len(new.names), new.names.index(self.name))
        self._entering = None
        self._restless = True
        self._cut_the_silent(old)

    def _show_transitional(self, own: Component, key: ViewKey) -> None:
        self._groups.keep(own.names)
        self._view_id, self._primary = key.transitional, own.primary
        self._numbers.clear()
        for group in sorted(self._groups):
            members = self._groups.members(group)
            for member in self._groups.here(group):
                self._tell_view(member, group, members, members, transitional=True)

    def _merge(self, view: Entering) -> None:
        ours = [entry for piece in self._groups.entries() for entry in piece]
        before = self._groups
        parts = [ours if one is view.own else view.groups_of(one) for one in view.components]
        self._groups, lost = self._groups.merged(parts)
        self._view_id, self._primary = view.key.id, view.primary
        self._numbers.clear()
        for change in lost:
            self._displace(change)
        for group in sorted(self._groups):
            seats, members = self._groups.seats(group), self._groups.members(group)
            old = [seat for seat in before.seats(group) if (group, seat) not in before.fresh and seat in seats]
            together = tuple(seat.member for seat in old)
            for member in self._groups.here(group):
                known = together if Seat(member, self.name) in old else (member,)
                self._tell_view(member, group, members, known, transitional=False)

    def _cut_the_silent(self, old: View) -> None:
        """Those given up while their connection lived: most of us have gone on without them, and they shall know."""
        for name, link in list(self._links.items()):
            if link.silent and link.heard is not None:
                if self.view.primary and link.heard.life in old.members:
                    self._expelled[name] = Expelled(link.heard.life, old.key)
                    self._send(name, self._expelled[name])
                self._cut(name, "no heartbeat")

    def _take_expelled(self, peer: str, expelled: Expelled) -> None:
        if expelled.life != self.life or expelled.view != self.view.key or peer not in self.view.names:
            return  # we went on ourselves meanwhile, or have returned
        for member, client in self._clients.items():
            client.groups.clear()
            client.waiting = 0
            client.seen = False
            self._events.append((member, Apart(f"expelled by {peer}: no heartbeat")))
        self._waiting.clear()
        self._leaving.clear()
        life = Life(self.name, self.life.incarnation + 1)
        self._begin(life, ViewKey.after(self._promised, life))

    # beats, connections

    def _beat(self) -> None:
        self._speak(beat=True)
        self._out.append(Outgoing(tuple(self._links), Heartbeat()))
        for name, link in list(self._links.items()):
            link.missed = 0 if link.spoke else link.missed + 1
            link.spoke = False
            if link.missed >= self._missed_max and not link.silent:
                link.silent = self._restless = True
            if link.silent and (link.missed > 3 * self._missed_max or self._view_links.get(name) is not link):
                self._cut(name, "no heartbeat")
        self._agreed_beats += 1
        if self._proposal is not None:
            self._proposal.beats += 1
        self._restless |= self._proposal is not None or self._agreed_beats == SETTLED_BEATS

    def _cut(self, peer: str, why: str) -> None:
        if self._links.pop(peer, None) is not None:
            self._cuts.append(Cut(peer, why))
            self._restless = True

    def _send(self, peer: str, message: Message) -> None:
        if peer == self.name:
            self._to_ourselves.append(message)
        elif peer in self._links:
            self._out.append(Outgoing((peer,), message))

    def _send_all(self, said: Iterable[entering.Said]) -> None:
        for peer, message in said:
            self._send(peer, message)


def fits(name: str) -> bool:
    """Whether *name* may be a group's or a member's."""
    return 0 < len(name.encode("utf-8", "replace")) <= GROUP_OCTETS_MAX
