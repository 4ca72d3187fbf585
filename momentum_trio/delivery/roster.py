"""What the queue knows of each message in custody: one row of numbers by ticket, some 80 octets, and no object."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from enum import IntEnum

NONE = -1
"""No ticket: the end of a strand."""

ROWS_MIN = 1024
GROWTH_PART = 8  # columns grow by an eighth

ATTEMPTS_MAX = 0xFFFF


class Standing(IntEnum):
    """Where a ticket's message stands.

    ABSENT: no message has the ticket. READY: it waits for its turn. IN_HAND: it is being tried, failed or reported.
    DELAYED: it waits for its time.
    """

    ABSENT = 0
    READY = 1
    IN_HAND = 2
    DELAYED = 3


class Strand:
    """Tickets in an order, linked through two columns of the roster; a ticket is in one strand at most."""

    __slots__ = ("count", "first", "last")

    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = NONE


class Roster:
    """The columns.

    lane: number of the message's lane. attempts: made so far. born: when it was received, in trio's time, so that no
    step of the wall clock in this life makes it older. due: when a delayed one is ready again, in trio's milliseconds.
    """

    def __init__(self) -> None:
        self.standing = array("B")
        self.lane = array("i")
        self.attempts = array("H")
        self.born = array("d")
        self.due = array("q")
        self._before = array("i")
        self._after = array("i")

    def __len__(self) -> int:
        """How many rows there are, taken or not."""
        return len(self.standing)

    def enter(self, ticket: int, lane: int, born: float, attempts: int) -> None:
        """A message is in custody now. It stands nowhere yet: the caller says where, at once."""
        if ticket >= len(self.standing):
            self._grow(ticket + 1)
        assert self.standing[ticket] == Standing.ABSENT, "a ticket is given to one message at a time"
        self.standing[ticket] = Standing.IN_HAND
        self.lane[ticket] = lane
        self.born[ticket] = born
        self.attempts[ticket] = min(attempts, ATTEMPTS_MAX)

    def lay(self, ticket: int, standing: int, lane: int, strand: Strand, born: float, attempts: int) -> None:
        """As ``enter``, and it stands at the end of *strand* at once: for very many."""
        standings = self.standing
        if ticket >= len(standings):
            self._grow(ticket + 1)
        assert not standings[ticket], "a ticket is given to one message at a time"
        standings[ticket] = standing
        self.lane[ticket] = lane
        self.born[ticket] = born
        self.attempts[ticket] = min(attempts, ATTEMPTS_MAX) if attempts else 0
        self.append(strand, ticket)

    def leave(self, ticket: int) -> None:
        """A message that was in hand is in custody no longer."""
        assert self.standing[ticket] == Standing.IN_HAND
        self.standing[ticket] = Standing.ABSENT

    def _grow(self, rows: int) -> None:
        more = max(rows - len(self.standing), ROWS_MIN, len(self.standing) // GROWTH_PART)
        for column in (self.standing, self.lane, self.attempts, self.born, self.due, self._before, self._after):
            column.frombytes(bytes(more * column.itemsize))

    def append(self, strand: Strand, ticket: int) -> None:
        """Put *ticket* at the end of *strand*."""
        last = strand.last
        self._before[ticket], self._after[ticket] = last, NONE
        if last == NONE:
            strand.first = ticket
        else:
            self._after[last] = ticket
        strand.last = ticket
        strand.count += 1

    def prepend(self, strand: Strand, ticket: int) -> None:
        """Put *ticket* before all others of *strand*."""
        first = strand.first
        self._before[ticket], self._after[ticket] = NONE, first
        if first == NONE:
            strand.last = ticket
        else:
            self._before[first] = ticket
        strand.first = ticket
        strand.count += 1

    def remove(self, strand: Strand, ticket: int) -> None:
        """Take *ticket* out of *strand*, wherever in it it is."""
        before, after = self._before[ticket], self._after[ticket]
        if before == NONE:
            strand.first = after
        else:
            self._after[before] = after
        if after == NONE:
            strand.last = before
        else:
            self._before[after] = before
        strand.count -= 1

    def tickets(self, strand: Strand) -> Iterator[int]:
        """Those of *strand* in their order. It must not change meanwhile."""
        ticket = strand.first
        while ticket != NONE:
            yield ticket
            ticket = self._after[ticket]
