"""What an earlier life left owed, until it was handed to the queue."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import trio

from momentum_trio.mail.path import domain_of
from momentum_trio.spool.columns import NONE
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.message import Owed
from momentum_trio.spool.wire import Recipient

STRIDE_MESSAGES = 10_000  # between two checkpoints
NEW = -1  # of domains


class Arrears:
    """Messages found at opening, and the domains of their paths: these are not needed once the queue has its lanes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._domains: list[str] = []
        self._numbers: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._tickets, self._domain = array("I"), array("I")  # in order; and of each the number of its domain

    def note(self, tickets: Iterable[int], recipients: Iterable[Recipient]) -> None:
        """Messages were read. What is concluded later on in the log is not owed."""
        known = self._known.get
        paths = [recipient.forward_path for recipient in recipients]
        numbers = [known(path[path.rfind("@") :], NEW) for path in paths]
        if NEW in numbers:
            numbers = [self._number(path) for path in paths]
        self._tickets.extend(tickets)
        self._domain.extend(array("I", numbers))

    def _number(self, path: str) -> int:
        """Of the domain of *path*. What stands from the last ``@`` on tells it, but for a literal, and is kept."""
        domain = domain_of(path).lower()
        number = self._numbers.get(domain)
        if number is None:
            number = self._numbers[domain] = len(self._domains)
            self._domains.append(domain)
        if not path.endswith("]"):
            self._known[path[path.rfind("@") :]] = number
        return number

    async def settle(self) -> None:
        """The log is read to its end: note who is owed, in its order."""
        messages = self._ledger.messages
        if len(self._tickets) != messages.used:
            await self._forget_gone()
        for first in range(0, len(self._tickets), STRIDE_MESSAGES):
            for ticket in self._tickets[first : first + STRIDE_MESSAGES]:
                messages.owing[ticket] = 1
            await trio.lowlevel.checkpoint()
        self._numbers.clear()
        self._known.clear()

    async def _forget_gone(self) -> None:
        """Some ended, or came again as copies: a ticket may have been noted for several messages; the last counts."""
        ledger = self._ledger
        domain = array("I", [0]) * len(ledger.messages.ids)
        for ticket, number in zip(self._tickets, self._domain, strict=True):
            domain[ticket] = number
        self._tickets, self._domain = array("I"), array("I")
        for segment in ledger.segments:
            for count, row in enumerate(ledger.rows(segment), 1):
                tickets = list(ledger.open(row))
                self._tickets.extend(tickets)
                self._domain.extend(domain[ticket] for ticket in tickets)
                if count % STRIDE_MESSAGES == 0:
                    await trio.lowlevel.checkpoint()

    def owed(self) -> Iterator[Owed]:
        """Each message once, unless it was concluded meanwhile; then nothing is kept of them here."""
        ledger, messages = self._ledger, self._ledger.messages
        batch, owing, begins_at = messages.batch, messages.owing, ledger.batches.begins_at
        for ticket, number in zip(self._tickets, self._domain, strict=True):
            if batch[ticket] == NONE or not owing[ticket]:
                continue
            owing[ticket] = 0
            binding_group, binding, rerouted = ledger.way(ticket)
            domain = rerouted or self._domains[number]
            yield Owed(ticket, domain, binding_group, binding, begins_at[batch[ticket]], ledger.retry(ticket))
        self._domains, self._domain, self._tickets = [], array("I"), array("I")
