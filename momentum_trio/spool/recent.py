"""Batches committed or read a moment ago, so that a delivery at once asks no disk: envelope and inline content."""

from __future__ import annotations

from collections import OrderedDict

from msgspec.structs import replace

from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.message import Batch, Held, Message

RECENT_OCTETS_MAX = 32 * 1024 * 1024
OBJECT_OCTETS = 1024  # about what the objects of one message take


class RecentBatch:
    """One of them. content: None when it lies in a file of its own."""

    __slots__ = ("_batch", "_open", "content", "octets")

    def __init__(self, batch: Batch, content: bytes | None) -> None:
        self.content = content
        self.octets = OBJECT_OCTETS * (1 + len(batch.messages)) + len(content or b"")
        self._batch = batch
        self._open: dict[str, Message] | None = None  # by id; made when there are several to find one of

    def held(self, ledger: Ledger, ticket: int) -> Held:
        """The message of *ticket*, which is in this batch. What was concluded since the last asking is left out."""
        message = self._find(ledger, ticket)
        way, batch = ledger.way(ticket), self._batch
        if (batch.binding_group, batch.binding) != (way.binding_group, way.binding):
            batch = replace(batch, binding_group=way.binding_group, binding=way.binding)
        return Held(batch, message, ledger.retry(ticket))

    def _find(self, ledger: Ledger, ticket: int) -> Message:
        messages = self._batch.messages
        if len(messages) == 1:
            return messages[0]
        row = ledger.batch_of(ticket)
        if self._open is None:
            self._open = {message.message_id: message for message in messages}
        if ledger.batches.open[row] != len(self._open):
            self._open = {message_id: self._open[message_id] for message_id in ledger.open_by_id(row)}
            self._batch = replace(self._batch, messages=tuple(self._open.values()))
        return self._open[ledger.messages.ids[ticket]]


class Recent:
    """By row of the ledger, within RECENT_OCTETS_MAX; the oldest goes first."""

    def __init__(self, octets_max: int = RECENT_OCTETS_MAX) -> None:
        self._octets_max = octets_max
        self._octets = 0
        self._batches: OrderedDict[int, RecentBatch] = OrderedDict()

    def put(self, row: int, batch: Batch, content: bytes | None) -> RecentBatch:
        """Keep it for a while."""
        if row in self._batches:
            self.drop(row)
        recent = self._batches[row] = RecentBatch(batch, content)
        self._octets += recent.octets
        while self._octets > self._octets_max and len(self._batches) > 1:
            self._octets -= self._batches.popitem(last=False)[1].octets
        return recent

    def get(self, row: int) -> RecentBatch | None:
        """If it is still here."""
        return self._batches.get(row)

    def drop(self, row: int) -> None:
        """It is no longer needed, or no longer so."""
        recent = self._batches.pop(row, None)
        if recent is not None:
            self._octets -= recent.octets
