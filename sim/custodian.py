"""How much mail each node has in custody: from its own records of receptions and ends, not from its spool."""

from __future__ import annotations

from dataclasses import dataclass, field

from momentum_trio.mail.record import Delivered, Failed, Received

from .world import World

OVERHEAD_OCTETS = 2_000  # of a record beside its content, at most: envelope, trace header field, frame


@dataclass(slots=True)
class Batch:
    """A batch in custody. messages: those that have not ended."""

    octets: int
    messages: dict[str, None] = field(default_factory=dict)


class Custodian:
    """Follows the records of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._read = 0
        self._batches: dict[tuple[str, str], Batch] = {}
        self._octets: dict[str, int] = {}

    def live_octets(self, host: str) -> int:
        """What the mail in custody of *host* may take in its spool now."""
        records = self._world.records
        while self._read < len(records):
            life, record = records[self._read]
            self._read += 1
            if isinstance(record, Received):
                self._begin(life.host.name, record)
            elif isinstance(record, Delivered) or (isinstance(record, Failed) and record.permanent):
                self._end(life.host.name, record)
        return self._octets.get(host, 0)

    def _begin(self, host: str, record: Received) -> None:
        batch = self._batches.get((host, record.batch_id))
        if batch is None:
            batch = self._batches[host, record.batch_id] = Batch(record.octets + OVERHEAD_OCTETS)
            self._octets[host] = self._octets.get(host, 0) + batch.octets
        batch.messages[record.message_id] = None

    def _end(self, host: str, record: Delivered | Failed) -> None:
        batch = self._batches.get((host, record.batch_id))
        if batch is not None:
            batch.messages.pop(record.message_id, None)
            if not batch.messages:
                del self._batches[host, record.batch_id]
                self._octets[host] -= batch.octets
