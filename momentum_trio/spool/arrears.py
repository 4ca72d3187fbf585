"""What an earlier life left owed, until it was handed to the queue."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import trio

from momentum_trio.mail.path import domain_of
from momentum_trio.spool.columns import GROWTH_ROWS, NONE
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.message import Owed
from momentum_trio.spool.wire import Recipient


class Arrears:
    """Messages found at opening, and the domains of their paths: these are not needed once the queue has its lanes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._domains: list[str] = []
        self._numbers: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._domain = array("I")  # by ticket
        self._tickets = array("I")  # in order

    def note(self, tickets: Iterable[int], recipients: Iterable[Recipient]) -> None:
        """Messages were read. What is concluded later on in the log is not owed."""
        known, domain = self._known, self._domain
        for ticket, recipient in zip(tickets, recipients, strict=True):
            path = recipient.forward_path
            number = known.get(path[path.rfind("@") :])
            if number is None:
                number = self._number(path)
            try:
                domain[ticket] = number
            except IndexError:
                domain.frombytes(bytes((ticket + GROWTH_ROWS - len(domain)) * domain.itemsize))
                domain[ticket] = number

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
        owing = self._ledger.messages.owing
        for segment in self._ledger.segments:
            tickets = self._ledger.tickets(segment)
            self._tickets.extend(tickets)
            for ticket in tickets:
                owing[ticket] = 1
            await trio.lowlevel.checkpoint()
        self._numbers.clear()
        self._known.clear()

    def owed(self) -> Iterator[Owed]:
        """Each message once, unless it was concluded meanwhile; then nothing is kept of them here."""
        ledger, messages = self._ledger, self._ledger.messages
        batch, owing, begins_at = messages.batch, messages.owing, ledger.batches.begins_at
        for ticket in self._tickets:
            if batch[ticket] == NONE or not owing[ticket]:
                continue
            owing[ticket] = 0
            binding_group, binding, rerouted = ledger.way(ticket)
            domain = rerouted or self._domains[self._domain[ticket]]
            yield Owed(ticket, domain, binding_group, binding, begins_at[batch[ticket]], ledger.retry(ticket))
        self._domains, self._domain, self._tickets = [], array("I"), array("I")
