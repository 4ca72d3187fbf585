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

``view`` is the view of the servers, and ``standing`` says it in words.
"""

from __future__ import annotations

from collections.abc import Iterable

from momentum_trio.net.group import GroupEvent, Service
from momentum_trio.protocol.msgc.clients import Clients, fits
from momentum_trio.protocol.msgc.delivery import Delivery
from momentum_trio.protocol.msgc.entering import Entering, Said
from momentum_trio.protocol.msgc.frame import RemoteProtocolError
from momentum_trio.protocol.msgc.membership import Membership
from momentum_trio.protocol.msgc.message import (
    INCARNATION_MAX,
    SENDING_OCTETS_MAX,
    SERVERS_MAX,
    Ack,
    Act,
    Expelled,
    Groups,
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
from momentum_trio.protocol.msgc.order import Order
from momentum_trio.protocol.msgc.outbox import Cut, Outbox, Outgoing
from momentum_trio.protocol.msgc.view import View


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
        assert 0 <= incarnation < INCARNATION_MAX
        self._heartbeat = heartbeat
        self._next_beat: float | None = None
        self._outbox = Outbox(name)
        self._clients = Clients()
        self._membership = Membership(Life(name, incarnation), self.peers, missed_max, self._outbox)
        self._begin()

    def _begin(self) -> None:
        """Alone."""
        self._order = Order(self.view.key.epoch, 1, 0)
        self._delivery = Delivery(self.name, self.view, self._clients)
        self._entering: Entering | None = None

    @property
    def view(self) -> View:
        """The view of the servers that we are in."""
        return self._membership.view

    @property
    def standing(self) -> str:
        """In which view we are, and whether we are leaving it, for people."""
        primary = "primary" if self.view.primary else "not primary"
        going = "" if self._membership.whole else ", about to change"
        return f"view {self.view.key.epoch}:{self.view.key.proposer} of {' '.join(self.view.names)}, {primary}{going}"

    # what the shell says

    def connected(self, peer: str) -> None:
        """A connection to *peer* stands."""
        if peer == self.name or peer not in self.peers:
            self._outbox.cut(peer, "not one of the peers")
        else:
            self._membership.connected(peer)

    def disconnected(self, peer: str) -> None:
        """The connection to *peer* is gone."""
        self._membership.disconnected(peer)

    def receive(self, peer: str, message: Message) -> None:
        """*message* has come from *peer*."""
        if not self._membership.hears(peer):
            return
        try:
            self._take(peer, message)
        except RemoteProtocolError as error:
            self._membership.cut(peer, error.why)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self._next_beat is None or now >= self._next_beat:
            self._next_beat = now + self._heartbeat
            self._speak(beat=True)
            self._membership.beat()

    # what clients say

    def come(self, member: str) -> bool:
        """A client is here."""
        return self._clients.come(member)

    def gone(self, member: str) -> None:
        """A client is not here any more."""
        self._clients.go(member)

    def join(self, member: str, group: str) -> bool:
        """*member* joins *group*."""
        if not self._clients.joins(member, group):
            return False
        self._originate(Sending(Act.JOIN, Service.AGREED, member, group, b""))
        return True

    def leave(self, member: str, group: str) -> None:
        """*member* leaves *group*; never held back."""
        self._clients.leave(member, group)

    def publish(self, member: str, group: str, octets: bytes, service: Service = Service.AGREED) -> bool:
        """*member* tells *group*, in which it need not be."""
        return self._says(Sending(Act.PUBLISH, service, member, group, octets))

    def tell(self, member: str, to: str, octets: bytes) -> bool:
        """*member* tells the member *to* alone; where there is none of that name, nobody."""
        return self._says(Sending(Act.TELL, Service.AGREED, member, to, octets))

    def room(self, member: str) -> int:
        """How many sendings of *member* would be taken now."""
        return self._clients.room(member)

    # what is to be done

    def messages_to_send(self) -> list[Outgoing]:
        """Messages for peers, each once."""
        self._come_to_rest()
        self._speak()
        return self._outbox.take_messages()

    def events_to_tell(self) -> list[tuple[str, GroupEvent]]:
        """Events for clients, each once."""
        return self._clients.take_events()

    def peers_to_cut(self) -> list[Cut]:
        """Connections to close, each once."""
        return self._outbox.take_cuts()

    def _come_to_rest(self) -> None:
        while True:
            while self._outbox.to_ourselves:
                self._take(self.name, self._outbox.to_ourselves.popleft())
            if not self._membership.restless:
                break
            self._membership.look_around()
            if self._membership.expelled_by:
                self._return()
        self._deliver()
        while self._clients.waiting and self._flows:
            self._order.submit(self._clients.next())
            self._deliver()

    def _take(self, peer: str, message: Message) -> None:
        """Raises RemoteProtocolError."""
        match message:
            case Ordered() | Submit() | Ack():
                self._take_order(peer, message)
            case Heartbeat():
                pass
            case Reach():
                self._membership.take_reach(peer, message)
            case Propose():
                self._take_proposal(peer, message)
            case Standing():
                self._membership.take_standing(peer, message)
            case Plan() | Install():
                if (view := self._entered(message.epoch)) is not None and peer == view.key.proposer:
                    self._go_on(view, message)
            case Recovered() | Unordered() | Groups():
                if (view := self._entered(message.epoch)) is not None:
                    self._say(view.receive(peer, message))
            case Ready():
                self._membership.take_ready(peer, message)
            case Expelled():
                self._membership.take_expelled(peer, message)

    # order

    @property
    def _flows(self) -> bool:
        """Whether what clients say goes out at once."""
        return self._membership.whole and self._order.open

    def _says(self, sending: Sending) -> bool:
        fitting = fits(sending.target) and len(sending.octets) <= SENDING_OCTETS_MAX
        if not fitting or not self.room(sending.sender):
            return False
        self._originate(sending)
        return True

    def _originate(self, sending: Sending) -> None:
        if self._flows and not self._clients.waiting:
            self._order.submit(sending)
        else:
            self._clients.wait(sending)

    def _take_order(self, peer: str, message: Ordered | Submit | Ack) -> None:
        order = self._order
        if message.epoch != order.epoch or self._entering is not None or not self._membership.in_view(peer):
            return
        if isinstance(message, Ordered):
            if peer != self.view.sequencer:
                raise RemoteProtocolError("ordered by who is not the sequencer")
            order.placed(message.first, message.stable, message.origins, message.sendings)
            return
        if not order.sequencing:
            raise RemoteProtocolError("submitted to who is not the sequencer")
        origin = self.view.names.index(peer)
        order.acked(origin, message.received)
        if isinstance(message, Submit) and self._membership.whole:
            order.submitted(origin, message.sendings)

    def _speak(self, *, beat: bool = False) -> None:
        """What is due of the order."""
        if self._entering is None:
            others = self.view.names[1:] if self._order.sequencing else self.view.names[:1]
            peers = [name for name in others if self._membership.in_view(name)]
            for message in self._order.words(beat=beat):
                self._outbox.send_all(peers, message)

    def _deliver(self) -> None:
        if self._entering is None:
            for origin, sending in self._order.deliverable():
                self._delivery.hand_out(self.view.names[origin], sending)

    # views

    def _entered(self, epoch: int) -> Entering | None:
        view = self._entering
        return view if view is not None and view.key.epoch == epoch else None

    def _take_proposal(self, peer: str, propose: Propose) -> None:
        if (neighbours := self._membership.promise(peer, propose)) is not None:
            self._deliver()
            self._entering = Entering(
                propose, self._membership.life, self.view, self._order, self._delivery.groups, self.peers, neighbours
            )
            self._outbox.send(peer, self._entering.standing)

    def _go_on(self, view: Entering, message: Plan | Install) -> None:
        if isinstance(message, Plan):
            self._say(view.plan(message))
        elif view.ready:
            self._install(view)
        else:
            raise RemoteProtocolError("installed before we were ready")

    def _install(self, view: Entering) -> None:
        """The old view ends with what all who go on together are told in it, and between the views; then the new."""
        own, old, order = view.own, self.view.names, self._order
        for origin, sending in order.between(order.delivered + 1, own.cut):
            self._delivery.hand_out(old[origin], sending)
        self._delivery.move(own, view.key)
        for origin, sending in order.rest(own.cut + 1):
            if sending.act in (Act.PUBLISH, Act.TELL) or old[origin] in own.names:
                self._delivery.hand_out(old[origin], sending)
        new = View(view.key, view.members, view.primary)
        self._delivery.begin(new, [None if one is own else view.groups_of(one) for one in view.components])
        self._order = Order(view.key.epoch, len(new.names), new.names.index(self.name))
        self._entering = None
        self._membership.install(new, view.neighbours)

    def _return(self) -> None:
        """We were expelled: a new life begins, alone."""
        membership = self._membership
        self._clients.begin_again(f"expelled by {membership.expelled_by}: no heartbeat")
        life = Life(self.name, membership.life.incarnation + 1)
        membership.begin(life, ViewKey.after(membership.promised, life))
        self._begin()

    def _say(self, said: Iterable[Said]) -> None:
        for peer, message in said:
            self._outbox.send(peer, message)
