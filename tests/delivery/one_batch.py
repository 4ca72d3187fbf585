"""Carriers for a queue that knows methods alone: each batch of a group has a connection of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.method import Attempt, Carrier, Parcel
from momentum_trio.delivery.outcome import Bounced, Deferred, Outcome
from momentum_trio.net.next_hop import NextHop

UNSERVED = Deferred("451 4.3.0 [internal] fault in delivery")


class OneBatch:
    """A feed of attempts, all of one batch and one routing domain. outcomes: of each, once it is reported."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self._attempts, self._taken = attempts, 0
        self.outcomes: list[Outcome | None] = [None] * len(attempts)
        batch = attempts[0].batch
        self.domain, self.binding_group, self.binding = attempts[0].domain, batch.binding_group, batch.binding
        self.chain: Chain = attempts[0].chain
        self.gateway: NextHop | None = attempts[0].gateway

    @property
    def left(self) -> int:
        """How many of them nobody took yet."""
        return self.outcomes.count(None)

    async def take(self, recipients_max: int, idle_seconds: float) -> Parcel | None:
        """As Feed's: nothing more will come once all are taken."""
        attempts = self._attempts[self._taken : self._taken + recipients_max]
        self._taken += len(attempts)
        return Parcel(attempts) if attempts else None

    async def more(self, recipients_max: int) -> Parcel | None:
        """As Feed's."""
        return await self.take(recipients_max, 0.0)

    async def report(self, parcel: Parcel, outcomes: Sequence[Outcome]) -> None:
        """As Feed's."""
        first = next(place for place, attempt in enumerate(self._attempts) if attempt is parcel.attempts[0])
        self.outcomes[first : first + len(outcomes)] = outcomes

    @contextmanager
    def admit_host(self, host: str) -> Iterator[bool]:
        """As Feed's: nothing is limited."""
        yield True

    def reached(self) -> None:
        """As Feed's."""

    def unreachable(self, failure: Deferred | Bounced) -> None:
        """As Feed's."""
        self.outcomes = [known or failure for known in self.outcomes]


class ByBatch:
    """A carrier as a Method."""

    group_max = 1000
    gathers = False
    attempts_max = 128
    domain_attempts_max = 16

    def __init__(self, carrier: Carrier) -> None:
        self.word = carrier.word
        self._carrier = carrier

    async def attempt(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        """Deliver *attempts* (see Method), those of one batch and routing domain together."""
        parcels: dict[tuple[str, str], list[int]] = {}
        for place, attempt in enumerate(attempts):
            parcels.setdefault((attempt.batch.batch_id, attempt.domain), []).append(place)
        found: dict[int, Outcome] = {}
        for places in parcels.values():
            feed = OneBatch([attempts[place] for place in places])
            left = -1
            while feed.left != left and feed.left:  # a connection may end before all had their turn
                left = feed.left
                await self._carrier.carry(feed)
            found.update(zip(places, [outcome or UNSERVED for outcome in feed.outcomes], strict=True))
        return [found[place] for place in range(len(attempts))]
