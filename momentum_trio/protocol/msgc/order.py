"""The one order of a view's messages: sequencing, what all have, what may be delivered, and who is held back.

The sequencer (the first of the view) gives each sending the next number. A server's own sendings wait as *unordered*
until the sequencer has sent them back with their place. What all servers have is *stable* and is forgotten; a server
with WINDOW sendings, or WINDOW_OCTETS of them, that are not yet stable sends no more until some are: so nobody holds
more than that for each server of the view.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from momentum_trio.net.group import Service
from momentum_trio.protocol.msgc.frame import RemoteProtocolError
from momentum_trio.protocol.msgc.message import (
    BATCH_MAX,
    BATCH_OCTETS_MAX,
    Ack,
    Ordered,
    Sending,
    Submit,
)

WINDOW = 256
"""Sendings of one server that are not yet stable."""
WINDOW_OCTETS = 2**20
"""Their octets, beyond which no further one is sent."""
ACK_EVERY = 32
"""Places of the order after which a server says that it has them, and the sequencer that all have."""
ACK_OCTETS = 2**17
"""The same of their octets."""

Placed = tuple[int, Sending]
"""A sending, and the place in the view of the server it came from."""


class Order:
    """One view's order, as the server at place *me* of *size* has it."""

    def __init__(self, epoch: int, size: int, me: int) -> None:
        self.epoch = epoch
        self.me = me
        self.received = self.delivered = self.stable = 0
        self.ordered = [0] * size  # how many of each server's sendings have a place
        self.unordered: list[deque[Sending]] = [deque() for _ in range(size)]  # what follows them, as far as known
        self._held: deque[Placed] = deque()  # places first_held .. received
        self._first_held = 1
        self._own = self._own_octets = 0  # not stable
        self._unsent: list[Sending] = []  # to the sequencer
        self._acked = self._octets = 0  # octets: received since then
        # the sequencer's
        self._acks = [0] * size
        self._untold: list[Placed] = []
        self._told = self._told_stable = self._news_octets = self._last_safe = 0

    @property
    def sequencing(self) -> bool:
        """Whether we give the places."""
        return self.me == 0

    @property
    def open(self) -> bool:
        """Whether we may send one more."""
        return self._own < WINDOW and self._own_octets < WINDOW_OCTETS

    def known(self, origin: int) -> int:
        """How many sendings of *origin* we have."""
        return self.ordered[origin] + len(self.unordered[origin])

    def submit(self, sending: Sending) -> None:
        """One of our own."""
        self._own += 1
        self._own_octets += sending.size
        if self.sequencing:
            self._place(self.me, sending)
        else:
            self.unordered[self.me].append(sending)
            self._unsent.append(sending)

    def submitted(self, origin: int, sendings: Sequence[Sending]) -> None:
        """*origin*'s, to whose sequencer it sent them."""
        for sending in sendings:
            self._place(origin, sending)

    def placed(self, first: int, stable: int, origins: bytes, sendings: Sequence[Sending]) -> None:
        """The sequencer's word. Raises RemoteProtocolError."""
        self.check(origins, sendings)
        if first != self.received + 1:
            raise RemoteProtocolError("places of the order are missing, or come twice")
        if not self.stable <= stable <= self.received + len(sendings):
            raise RemoteProtocolError("stable is what not all can have")
        for origin, sending in zip(origins, sendings, strict=True):
            self._append(origin, sending)
        self.stable = stable

    def recover(self, origins: bytes, sendings: Sequence[Sending]) -> None:
        """Places from another server, after the sequencer's word is no longer taken; ``check`` has been asked."""
        for origin, sending in zip(origins, sendings, strict=True):
            self._append(origin, sending)

    def check(self, origins: bytes, sendings: Sequence[Sending]) -> None:
        """Raises RemoteProtocolError unless each of *sendings* has an origin in the view."""
        if len(origins) != len(sendings):
            raise RemoteProtocolError("sendings without an origin")
        if origins and max(origins) >= len(self.ordered):
            raise RemoteProtocolError("a sending of a server that is not in the view")

    def acked(self, origin: int, received: int) -> None:
        """*origin* has the order up to *received*. Raises RemoteProtocolError."""
        if not self._acks[origin] <= received <= self._told:
            raise RemoteProtocolError("an acknowledgement of what was not sent, or taken back")
        self._acks[origin] = received
        self._settle()

    def deliverable(self) -> Iterator[Placed]:
        """What is to be delivered next, in order: all that has a place, up to a SAFE one that not all have."""
        while self.delivered < self.received:
            placed = self._at(self.delivered + 1)
            if placed[1].service is Service.SAFE and self.delivered >= self.stable:
                break
            self.delivered += 1
            yield placed
        self._forget()

    def between(self, first: int, last: int) -> Iterator[Placed]:
        """Places from *first* to *last*."""
        return (self._at(place) for place in range(first, last + 1))

    def rest(self, first: int) -> Iterator[Placed]:
        """What ends the view: places from *first* on, then by origin what has none."""
        yield from self.between(first, self.received)
        for origin, sendings in enumerate(self.unordered):
            for sending in sendings:
                yield origin, sending

    def recall(self, first: int) -> list[Placed]:
        """Places from *first* on, as far back as we have them."""
        return list(islice(self._held, max(0, first - self._first_held), None))

    def recall_unordered(self, origin: int, first: int) -> list[Sending]:
        """Sendings of *origin* without a place from its sending *first* on."""
        return list(islice(self.unordered[origin], max(0, first - self.ordered[origin] - 1), None))

    def words(self, *, beat: bool = False) -> Iterator[Submit | Ack | Ordered]:
        """What the sequencer has to say to all others, or another to the sequencer. beat: even if it is little."""
        if self.sequencing:
            yield from self._orderings(beat=beat)
        else:
            yield from self._submissions(beat=beat)

    def _orderings(self, *, beat: bool) -> Iterator[Ordered]:
        for origins, sendings in batches(self._untold):
            yield Ordered(self.epoch, self._told + 1, self.stable, origins, sendings)
            self._told += len(sendings)
            self._told_stable, self._news_octets = self.stable, 0
        self._untold.clear()
        if self._stability_is_news(beat=beat):
            yield Ordered(self.epoch, self._told + 1, self.stable, b"", ())
            self._told_stable, self._news_octets = self.stable, 0

    def _stability_is_news(self, *, beat: bool) -> bool:
        news = self.stable - self._told_stable
        much = news >= ACK_EVERY or self._news_octets >= ACK_OCTETS
        return news > 0 and (beat or much or self._told_stable < self._last_safe)

    def _submissions(self, *, beat: bool) -> Iterator[Submit | Ack]:
        for _, sendings in batches([(self.me, sending) for sending in self._unsent]):
            yield Submit(self.epoch, self.received, sendings)
            self._acked, self._octets = self.received, 0
        self._unsent.clear()
        much = self.received - self._acked >= ACK_EVERY or self._octets >= ACK_OCTETS
        if self.received > self._acked and (beat or much or self.delivered < self.received):
            yield Ack(self.epoch, self.received)
            self._acked, self._octets = self.received, 0

    def _place(self, origin: int, sending: Sending) -> None:
        self._append(origin, sending)
        if len(self._acks) > 1:
            self._untold.append((origin, sending))
        if sending.service is Service.SAFE:
            self._last_safe = self.received
        self._settle()

    def _settle(self) -> None:
        self._acks[self.me] = self.received
        before, self.stable = self.stable, min(self._acks)
        self._news_octets += sum(sending.size for _, sending in self.between(before + 1, self.stable))

    def _append(self, origin: int, sending: Sending) -> None:
        self._held.append((origin, sending))
        self.received += 1
        self.ordered[origin] += 1
        self._octets += sending.size
        if self.unordered[origin]:
            self.unordered[origin].popleft()

    def _at(self, place: int) -> Placed:
        return self._held[place - self._first_held]

    def _forget(self) -> None:
        while self._first_held <= self.stable and self._first_held <= self.delivered:
            origin, sending = self._held.popleft()
            self._first_held += 1
            if origin == self.me:
                self._own -= 1
                self._own_octets -= sending.size


def batches(placed: Sequence[Placed]) -> Iterator[tuple[bytes, tuple[Sending, ...]]]:
    """*placed* in pieces that fit a message."""
    first = octets = 0
    for last, (_, sending) in enumerate(placed, 1):
        octets += sending.size
        if last - first >= BATCH_MAX or octets >= BATCH_OCTETS_MAX or last == len(placed):
            piece = placed[first:last]
            yield bytes(origin for origin, _ in piece), tuple(sending for _, sending in piece)
            first, octets = last, 0
