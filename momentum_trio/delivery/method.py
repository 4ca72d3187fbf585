"""What a way of delivering mail looks like from the queue. One file per method; ``node/tables.py`` lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.outcome import Outcome
from momentum_trio.net.next_hop import NextHop
from momentum_trio.spool.message import Batch, Message


@dataclass(frozen=True, slots=True)
class Attempt:
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
