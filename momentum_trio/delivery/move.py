"""Mail that moves to another node of the cluster: out of custody here only when that node has it durably.

Where it is not heard what became of a message that was sent whole, the message is kept out of every queue and the same
node is asked again, until it says what it has; a message is known there by its name here, so that asking makes no
second one. If that takes longer than UNCERTAIN_SECONDS_MAX it is owed here again, and may come twice. If this host ends
meanwhile it is owed again, too: moved to the same node it is known there, elsewhere it is a second one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import NamedTuple, Protocol

import trio

from momentum_trio.cluster.channel import Broken, NodePlace
from momentum_trio.cluster.handing import Handover
from momentum_trio.delivery.custody import Custody
from momentum_trio.delivery.holdings import Holdings
from momentum_trio.delivery.lane import Lane
from momentum_trio.delivery.operations import Chosen, Drawn, Operations, Turns
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic, Transferred
from momentum_trio.protocol.cluster.move import UNCERTAIN_SECONDS_MAX, HandedOver, Kept
from momentum_trio.protocol.cluster.moved_message import METADATA_OCTETS_MAX, Dictionaries, Metadata, encode
from momentum_trio.spool.fault import SpoolFault
from momentum_trio.spool.heading import heading
from momentum_trio.spool.message import Conclusion, Held

AT_ONCE = 256
"""Messages that are out of the queue at a time."""
CONNECTIONS = 8
"""Over so many connections: messages that are committed together share what that costs."""
AGAIN_SECONDS = 2.0

Connect = Callable[[NodePlace], AbstractAsyncContextManager[Handover]]
"""A connection to a node, over which messages can be handed over. Raises Broken."""


class Moved(NamedTuple):
    """What came of a move. moved: messages that the other node has. left: that stay here; why: of the last of them."""

    moved: int = 0
    left: int = 0
    why: str = ""


class Parcel(NamedTuple):
    """A message to be handed over, its content read."""

    drawn: Drawn
    held: Held
    metadata: Metadata
    content: bytes


@dataclass(slots=True)
class MoveCounts:
    """uncertain: messages of which it was not heard what became of them, for a while."""

    uncertain: int = 0


class Queue(Turns, Protocol):
    """The queue, as far as moves use it."""

    @property
    def holdings(self) -> Holdings: ...
    @property
    def operations(self) -> Operations: ...


class Moves:
    """Of the mail of one queue."""

    def __init__(self, machine: Machine, spool: Custody, queue: Queue, connect: Connect) -> None:
        self._machine, self._spool, self._queue, self._connect = machine, spool, queue, connect
        self.counts = MoveCounts()

    async def move(self, which: Chosen, to: NodePlace) -> Moved:
        """Hand the messages of *which* lanes that are not being tried over to another node.

        It ends when there are none any more, or one could not go; then the others of its lane stay, too. No message
        begins to go that *which* holds no more. Those that stay wait as they did. Raises nothing for what the network,
        the other node or the disk does.
        Cancellation: each message is here or there; one that is uncertain is here, and may be there.
        """
        moved = left = 0
        why = ""
        for lane in await self._queue.operations.lanes(which):
            outcome = await self._move_lane(lane, to, partial(which.holds, lane.key))
            moved, left, why = moved + outcome.moved, left + outcome.left, outcome.why or why
        return Moved(moved, left, why)

    async def _move_lane(self, lane: Lane, to: NodePlace, goes: Callable[[], bool]) -> Moved:
        waiting, moved = lane.ready.count + lane.delayed.count, 0
        while moved < waiting and goes():
            if not (drawn := self._queue.operations.draw(lane, min(AT_ONCE, waiting - moved))):
                break
            shares = [share for number in range(CONNECTIONS) if (share := drawn[number::CONNECTIONS])]
            errands = [_Errand(self, lane, to, share, goes) for share in shares]
            try:
                async with trio.open_nursery() as nursery:
                    for errand in errands:
                        nursery.start_soon(errand.run)
            finally:
                self.put_back([each for errand in errands for each in errand.left])
                self._queue.quiet(lane)
            moved += sum(errand.moved for errand in errands)
            if why := next((errand.why for errand in errands if errand.why), ""):
                return Moved(moved, max(0, waiting - moved), why)
        return Moved(moved)

    async def parcel(self, drawn: Drawn) -> Parcel | str:
        """The message of a ticket in hand; or why it cannot be read."""
        try:
            held = await self._spool.held(drawn.ticket)
            content = await self._spool.content(held.batch.batch_id)
        except (KeyError, SpoolFault) as fault:
            return f"spool: {fault}"
        metadata = metadata_of(held, content)
        if len(encode(metadata)) > METADATA_OCTETS_MAX:
            return f"message {held.message.message_id} has an envelope that is too long to be moved"
        return Parcel(drawn, held, metadata, content)

    def connect(self, to: NodePlace) -> AbstractAsyncContextManager[Handover]:
        """A connection to that node. Raises Broken."""
        return self._connect(to)

    async def end(self, lane: Lane, to: NodePlace, parcel: Parcel) -> None:
        """The other node has it: said and recorded. Cancellation: shielded, for outcomes are facts."""
        self._machine.events.publish(self._transferred(lane, to, parcel))
        ticket = parcel.drawn.ticket
        self._queue.holdings.leave(ticket)
        with suppress(SpoolFault):  # it is closed: owed again at the next start, offered again, and known there
            await self._spool.settle([(ticket, Conclusion.DELIVERED)], [])

    def put_back(self, drawn: Sequence[Drawn]) -> None:
        """Messages in hand wait as they did."""
        self._queue.operations.put_back(drawn)

    def say(self, text: str) -> None:
        """A line of the paniclog."""
        self._machine.events.publish(Panic(self._machine.clock.now(), Level.WARNING, text))

    def _transferred(self, lane: Lane, to: NodePlace, parcel: Parcel) -> Transferred:
        held, ticket = parcel.held, parcel.drawn.ticket
        return Transferred(
            *heading(self._machine.clock.now(), held.batch, held.message),
            routing_domain=lane.key[2],
            octets=held.batch.octets,
            retries=self._queue.holdings.roster.attempts[ticket],
            age_seconds=self._queue.holdings.age(ticket),
            peer_address=to.place.host,
        )


class _Errand:
    """Messages in hand on their way to one node. left: those that are here and in hand still. moved: that are there.

    why: the last of them could not go, for this reason; empty: all are there that went. goes: whether one more may.
    """

    def __init__(
        self, moves: Moves, lane: Lane, to: NodePlace, drawn: Sequence[Drawn], goes: Callable[[], bool]
    ) -> None:
        self._moves, self._lane, self._to, self._goes = moves, lane, to, goes
        self._uncertain_until = 0.0  # trio's time; 0: it is known who has the first of them
        self.left = list(drawn)
        self.moved = 0
        self.why = ""

    async def run(self) -> None:
        """Hand over what can be."""
        while self._goes_on:
            try:
                async with self._moves.connect(self._to) as handover:
                    await self._over(handover)
            except Broken as fault:
                self._broke(fault)
            if self._goes_on:
                await trio.sleep(AGAIN_SECONDS)

    @property
    def _goes_on(self) -> bool:
        """One of which it is not known who has it is asked about, wherever it belongs by now."""
        return bool(self.left) and not self.why and (self._uncertain_until > 0 or self._goes())

    async def _over(self, handover: Handover) -> None:
        """Over one connection. Raises Broken."""
        try:
            await handover.begin()
            while self._goes_on and await self._one(handover):
                pass
            await handover.quit()
        finally:
            if handover.is_uncertain and not self._uncertain_until:
                self._uncertain_until = trio.current_time() + UNCERTAIN_SECONDS_MAX
                self._moves.counts.uncertain += 1
                self._moves.put_back(self.left[1:])  # that may take long: they need not wait for it
                del self.left[1:]

    def _broke(self, fault: Broken) -> None:
        """The connection is gone: the same node is asked again if it may have a message."""
        if not self.left:
            return
        if not self._uncertain_until:
            self.why = f"{self._to.name}: {fault}"
        elif trio.current_time() >= self._uncertain_until:
            self.why = f"{self._to.name}: {fault}; a message that it may have is here again, and may come twice"
            self._moves.say(self.why)

    async def _one(self, handover: Handover) -> bool:
        """The first of them. False: it has to be asked about again. Raises Broken."""
        parcel = await self._moves.parcel(self.left[0])
        if isinstance(parcel, str):
            self.why = parcel
            return False
        message = parcel.held.message
        dictionaries = Dictionaries(message=parcel.held.batch.context)
        outcome = await handover.hand_over(message.message_id, parcel.metadata, dictionaries, parcel.content)
        match outcome:
            case HandedOver():
                del self.left[0]
                self._uncertain_until = 0.0
                await self._moves.end(self._lane, self._to, parcel)
                self.moved += 1
            case Kept(reply, was_wanted):
                if self._uncertain_until and not was_wanted and trio.current_time() < self._uncertain_until:
                    return False
                self._uncertain_until = 0.0
                self.why = f"{self._to.name}: {reply.code} {reply.text}"
        return True


def metadata_of(held: Held, content: bytes) -> Metadata:
    """What goes with a message."""
    batch, message, retry = held.batch, held.message, held.retry
    tried = retry is not None and retry.attempts > 0
    return Metadata(
        message_id=message.message_id,
        batch_id=batch.batch_id,
        connection_id=batch.connection_id,
        received_at=batch.received_at,
        reverse_path=batch.reverse_path,
        forward_path=message.forward_path,
        peer_address=batch.peer_address,
        protocol=batch.protocol,
        binding_group=batch.binding_group,
        binding=batch.binding,
        octets=len(content),
        digest=sha256(content).hexdigest(),
        not_before=batch.not_before,
        notify=int(message.notify),
        original_recipient=message.original_recipient,
        routing_domain=message.routing_domain,
        returns=batch.returns,
        envelope_id=batch.envelope_id,
        body=batch.body,
        smtputf8=batch.smtputf8,
        attempts=retry.attempts if retry is not None and tried else 0,
        next_attempt_at=retry.next_attempt_at if retry is not None and tried else 0.0,
        notices=retry.notices if retry is not None and tried else 0,
        reason=retry.reason if retry is not None and tried else "",
    )
