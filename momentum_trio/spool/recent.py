"""Batches committed or read a moment ago, so that a delivery at once asks no disk: envelope and inline content."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.message import Batch, Held, Message

RECENT_OCTETS_MAX = 32 * 1024 * 1024
OBJECT_OCTETS = 1024  # about what the objects of one message take


class RecentBatch:
    """One of them. content: None when it lies in a file of its own."""

    __slots__ = ("_batch", "_open", "_open_count", "content", "octets")

    def __init__(self, batch: Batch, content: bytes | None) -> None:
        self.content = content
        self.octets = OBJECT_OCTETS * (1 + len(batch.messages)) + len(content or b"")
        self._batch = batch
        self._open: Mapping[str, Message] = {message.message_id: message for message in batch.messages}
        self._open_count = len(batch.messages)

    def held(self, ledger: Ledger, ticket: int) -> Held:
        """The message of *ticket*, which is in this batch. What was concluded since the last asking is left out."""
        row = ledger.batch_of(ticket)
        if ledger.batches.open[row] != self._open_count:
            open_ids = [ledger.messages.text(each) for each in ledger.open(row)]
            self._open = {message_id: self._open[message_id] for message_id in open_ids}
            self._open_count = len(open_ids)
            self._batch = replace(self._batch, messages=tuple(self._open.values()))
        way, batch = ledger.way(ticket), self._batch
        if (batch.binding_group, batch.binding) != (way.binding_group, way.binding):
            batch = replace(batch, binding_group=way.binding_group, binding=way.binding)
        return Held(batch, self._open[ledger.messages.text(ticket)], ledger.retry(ticket))


class Recent:
    """Within RECENT_OCTETS_MAX; the oldest goes first."""

    def __init__(self, octets_max: int = RECENT_OCTETS_MAX) -> None:
        self._octets_max = octets_max
        self._octets = 0
        self._batches: OrderedDict[str, RecentBatch] = OrderedDict()

    def put(self, batch: Batch, content: bytes | None) -> RecentBatch:
        """Keep it for a while."""
        self.drop(batch.batch_id)
        recent = self._batches[batch.batch_id] = RecentBatch(batch, content)
        self._octets += recent.octets
        while self._octets > self._octets_max and len(self._batches) > 1:
            self._octets -= self._batches.popitem(last=False)[1].octets
        return recent

    def get(self, batch_id: str) -> RecentBatch | None:
        """If it is still here."""
        return self._batches.get(batch_id)

    def content(self, batch_id: str) -> bytes | None:
        """Its content, if it is still here and lies in the log."""
        recent = self._batches.get(batch_id)
        return recent.content if recent is not None else None

    def drop(self, batch_id: str) -> None:
        """It is no longer needed, or no longer so."""
        recent = self._batches.pop(batch_id, None)
        if recent is not None:
            self._octets -= recent.octets
