"""What comes of messages in custody on its way into the log.

Conclusions need not be durable at once: they gather until a group is written anyway, and one record tells of many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, Generic, NamedTuple, TypeVar

from momentum_trio.spool.committer import Request
from momentum_trio.spool.content_files import ContentFiles
from momentum_trio.spool.frame import Frame, Kind
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.message import Conclusion, Retry
from momentum_trio.spool.recent import Recent
from momentum_trio.spool.wire import Ended, Settled, Wire, due_of, shortened

T = TypeVar("T")

SETTLED_OCTETS = 512  # of one message in a record of outcomes, at most


class Named(NamedTuple, Generic[T]):
    """A message in custody, and what came of it."""

    ticket: int
    message_id: str
    what: T


def ended_of(concluded: Sequence[Named[Conclusion]]) -> Ended:
    """The wire form of conclusions."""
    return Ended(
        [named.message_id for named in concluded if named.what is Conclusion.DELIVERED],
        [named.message_id for named in concluded if named.what is not Conclusion.DELIVERED],
    )


def parts(values: Sequence[T], count_max: int) -> Iterator[Sequence[T]]:
    """*values* in parts of at most so many."""
    return (values[first : first + count_max] for first in range(0, len(values), count_max))


class Outcomes:
    """Of one spool. record_octets_max: of a record of them, about; more go into several.

    gathered: conclusions that no group has taken yet.
    """

    def __init__(self, ledger: Ledger, recent: Recent, files: ContentFiles, wire: Wire, record_octets_max: int) -> None:
        self._ledger, self._recent, self._files, self._wire = ledger, recent, files, wire
        self._record_max = max(1, record_octets_max // SETTLED_OCTETS)
        self._concluded: list[Named[Conclusion]] = []
        self.gathered = 0

    def gather(self, concluded: Sequence[tuple[int, Conclusion]]) -> None:
        """Keep them until a group is written."""
        named = self.named(concluded)
        self._concluded += named
        self.gathered += len(named)

    def take(self) -> list[Request]:
        """The records of what has gathered. Nobody waits for them."""
        concluded, self._concluded = self._concluded, []
        return [self._gathered(part) for part in parts(concluded, self._record_max)]

    def _gathered(self, ended: Sequence[Named[Conclusion]]) -> Request:
        def handed() -> None:
            self.gathered -= len(ended)
            self.conclude(ended)

        frame = Frame.of(Kind.SETTLED, self._wire.encode(Settled(ended_of(ended), [])))
        return Request(["outcomes"], [frame], demands_sync=False, recallable=False, handed=handed)

    def requests(
        self, concluded: Sequence[tuple[int, Conclusion]], postponed: Sequence[tuple[int, Retry]]
    ) -> list[Request]:
        """The records of outcomes that somebody waits for."""
        both = zip_longest(parts(concluded, self._record_max), parts(postponed, self._record_max), fillvalue=())
        return [self._settled(*part) for part in both]

    def _settled(self, concluded: Sequence[tuple[int, Conclusion]], postponed: Sequence[tuple[int, Retry]]) -> Request:
        ended = self.named(concluded)
        dues = [named._replace(what=shortened(named.what)) for named in self.named(postponed)]
        settled = Settled(ended_of(ended), [due_of(named.message_id, named.what) for named in dues])
        frame = Frame.of(Kind.SETTLED, self._wire.encode(settled))

        def handed() -> None:
            self.conclude(ended)
            for named in dues:
                if self.still(named):
                    self._ledger.postpone(named.ticket, named.what)

        return Request(["outcomes"], [frame], demands_sync=False, recallable=False, handed=handed)

    def named(self, tickets: Iterable[tuple[int, T]]) -> list[Named[T]]:
        """Those of messages in custody, by their ids too: a ticket may pass to another while a request waits."""
        ids, holds = self._ledger.messages.ids, self._ledger.holds
        return [Named(ticket, ids[ticket], what) for ticket, what in tickets if holds(ticket)]

    def still(self, named: Named[Any]) -> bool:
        """Whether the ticket is still the same message's."""
        return self._ledger.holds(named.ticket) and self._ledger.messages.ids[named.ticket] == named.message_id

    def conclude(self, ended: Iterable[Named[Conclusion]]) -> None:
        """End custody in the ledger, of those that are in it still."""
        for named in ended:
            gone = self._ledger.conclude(named.ticket) if self.still(named) else None
            if gone is not None:
                self._recent.drop(gone.row)
                if gone.file:
                    self._files.retire(gone.file)
