"""What a way of delivering mail looks like from the queue. One file per method; ``node/tables.py`` lists them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import msgspec

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.outcome import Bounced, Deferred, Outcome
from momentum_trio.net.next_hop import NextHop
from momentum_trio.spool.message import Batch, Message


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One message about to be tried.

    domain: the routing domain. retries: attempts before this one. chain: the outbound scopes that hold for it, from
    which a method resolves its own options. gateway: where it goes, if the configuration says so.
    """

    batch: Batch
    message: Message
    domain: str
    retries: int
    chain: Chain
    gateway: NextHop | None = None


class Method(Protocol):
    """A way of delivering mail.

    word: what ``Delivery_Method`` calls it. group_max: messages it is handed at once, at most. gathers: whether they
    may belong to different domains and batches. attempts_max: how many groups it has in hand at once;
    domain_attempts_max: how many of those one domain may appear in, so that a slow one leaves room for the others.
    """

    @property
    def word(self) -> str: ...
    @property
    def group_max(self) -> int: ...
    @property
    def gathers(self) -> bool: ...
    @property
    def attempts_max(self) -> int: ...
    @property
    def domain_attempts_max(self) -> int: ...

    async def attempt(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        """Try to deliver *attempts*; return one outcome for each, in their order.

        Delivered is returned only for a message that a crash of this host can no longer lose.
        Raises: nothing for what the world does (OSError becomes Deferred).
        Cancellation: nothing half-done is visible to the recipient; a message may have been delivered all the same.
        """
        ...


class Parcel(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Messages of one batch in one lane, taken out of the queue to be tried together over one connection."""

    attempts: Sequence[Attempt]

    @property
    def batch(self) -> Batch:
        """The batch of all of them."""
        return self.attempts[0].batch


class Feed(Protocol):
    """What one connection is fed from: the lane of one routing domain in one binding. The queue's side of a Carrier.

    domain: the routing domain. chain: the outbound scopes that hold for it. gateway: where it goes, if that is said.
    """

    @property
    def domain(self) -> str: ...
    @property
    def binding_group(self) -> str: ...
    @property
    def binding(self) -> str: ...
    @property
    def chain(self) -> Chain: ...
    @property
    def gateway(self) -> NextHop | None: ...

    async def take(self, recipients_max: int, idle_seconds: float) -> Parcel | None:
        """The next parcel, of at most so many messages.

        None when nothing came for *idle_seconds*, when this connection is one too many, or when the queue drains: the
        connection is to be closed. A throttle may make it wait; that time does not count as idle.
        Cancellation: nothing was taken.
        """
        ...

    async def more(self, recipients_max: int) -> Parcel | None:
        """A further parcel for a connection that has one in hand, if there is one that may go now.

        None: there is not; the connection may ask again. Cancellation: nothing was taken.
        """
        ...

    async def report(self, parcel: Parcel, outcomes: Sequence[Outcome]) -> None:
        """How *parcel* ended: one outcome for each attempt, in their order. Recorded when it returns.

        Each parcel taken is reported exactly once; one that is not, when ``carry`` ends, is deferred as our fault.
        Cancellation: shielded until it is recorded.
        """
        ...

    def admit_host(self, host: str) -> AbstractContextManager[bool]:
        """A seat at *host*, named as MX names it, for the block: False when its scopes allow no more connections."""
        ...

    def reached(self) -> None:
        """A server of the domain greeted us: the domain's count of failures begins anew."""
        ...

    def unreachable(self, failure: Deferred | Bounced) -> None:
        """No connection came about, for this reason: the queue decides what becomes of the lane's messages."""
        ...


@runtime_checkable
class Carrier(Protocol):
    """A way of delivering mail over connections that serve one parcel after the other. word: as Method's."""

    @property
    def word(self) -> str: ...

    async def carry(self, feed: Feed) -> None:
        """Hold one connection for *feed*: find a host, connect, converse while there are parcels, close.

        Raises: nothing for what the world does.
        Cancellation: the connection is closed, so that nothing which the kernel still holds is taken for mail; parcels
            in hand stay owed.
        """
        ...
