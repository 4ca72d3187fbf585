"""A feed for carriers that gives what a test wrote down, and remembers what it was told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.method import Attempt, Parcel
from momentum_trio.delivery.outcome import Bounced, Deferred, Outcome
from momentum_trio.net.next_hop import NextHop


@dataclass
class GivenFeed:
    """batches: attempts of one batch each, all of one lane; before each is taken, as long as *pauses* says goes by.

    outcomes: by message. failure: what was said to be unreachable. seats: hosts that have none left. told: all that the
    carrier said, in order.
    """

    batches: Sequence[Sequence[Attempt]]
    pauses: Sequence[float] = ()
    full: frozenset[str] = frozenset()
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failure: Deferred | Bounced | None = None
    told: list[str] = field(default_factory=list)
    idle_seconds: float = -1.0

    def __post_init__(self) -> None:
        first = self.batches[0][0]
        self.domain, self.binding_group, self.binding = first.domain, first.batch.binding_group, first.batch.binding
        self.chain: Chain = first.chain
        self.gateway: NextHop | None = first.gateway
        self._left = deque(deque(batch) for batch in self.batches)
        self._pauses = deque(self.pauses)
        self._in_hand: Parcel | None = None

    async def take(self, recipients_max: int, idle_seconds: float) -> Parcel | None:
        assert self._in_hand is None
        self.idle_seconds = idle_seconds
        if self._left:
            await trio.sleep(self._pauses.popleft() if self._pauses else 0)
        while self._left and not self._left[0]:
            self._left.popleft()
        if not self._left:
            return None
        batch = self._left[0]
        self._in_hand = Parcel([batch.popleft() for _ in range(min(recipients_max, len(batch)))])
        self.told.append("take")
        return self._in_hand

    async def more(self, recipients_max: int) -> Parcel | None:
        raise AssertionError  # SMTP has one parcel in hand

    async def report(self, parcel: Parcel, outcomes: Sequence[Outcome]) -> None:
        assert parcel is self._in_hand
        self._in_hand = None
        self.told.append("report")
        for attempt, outcome in zip(parcel.attempts, outcomes, strict=True):
            assert attempt.message.message_id not in self.outcomes
            self.outcomes[attempt.message.message_id] = outcome

    @contextmanager
    def admit_host(self, host: str) -> Iterator[bool]:
        admitted = host not in self.full
        self.told.append(f"host {host}" if admitted else f"no host {host}")
        yield admitted

    def reached(self) -> None:
        self.told.append("reached")

    def unreachable(self, failure: Deferred | Bounced) -> None:
        assert self.failure is None
        self.told.append("unreachable")
        self.failure = failure

    def outcome(self, attempt: Attempt) -> Outcome:
        """What became of one message: it was reported, or never taken because nobody could be reached."""
        known = self.outcomes.get(attempt.message.message_id, self.failure)
        assert known is not None
        return known

    def check_ended(self) -> None:
        """What was taken was reported."""
        assert self._in_hand is None
