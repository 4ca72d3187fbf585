"""What a node's records add up to: plain numbers that grow, and are rendered when somebody asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from momentum_trio.mail.bounce_class import BounceClass
from momentum_trio.mail.bounce_reason import classify
from momentum_trio.mail.record import Delivered, Failed, Level, Panic, Received, Record, Rejected, Transferred
from momentum_trio.metrics import table
from momentum_trio.metrics.metric import Family, Sample, one

PROTOCOLS_MAX = 20
"""Words of Received that are told apart; there are five."""
PHASES_MAX = 100


class Tally:
    """Since the node started. received, rejected: messages taken, and refusals and deferrals said to clients."""

    def __init__(self) -> None:
        self.received = self.rejected = self._delivered = self._moved = self._deferred = 0
        self._receptions: dict[str, list[int]] = {}  # by protocol: messages, octets
        self._rejections: dict[tuple[str, int], int] = {}  # by phase and first digit
        self._bounces: dict[BounceClass, int] = defaultdict(int)
        self._panics: dict[Level, int] = dict.fromkeys(Level, 0)
        self._counting: Mapping[type[Record], Callable[[Any], None]] = {
            Received: self._count_received,
            Rejected: self._count_rejected,
            Delivered: self._count_delivered,
            Transferred: self._count_moved,
            Failed: self._count_failed,
            Panic: self._count_panic,
        }

    def take(self, record: Record) -> None:
        """Count *record*; a subscriber of the machine's events."""
        count = self._counting.get(record.__class__)
        if count is not None:
            count(record)

    def families(self) -> Iterator[Family]:
        """What it has come to."""
        by_protocol = sorted(self._receptions.items())
        yield Family(table.RECEPTIONS, [Sample(messages, (word,)) for word, (messages, _) in by_protocol])
        yield Family(table.RECEPTION_BYTES, [Sample(octets, (word,)) for word, (_, octets) in by_protocol])
        rejections = sorted(self._rejections.items())
        yield Family(table.REJECTIONS, [Sample(count, (phase, f"{digit}xx")) for (phase, digit), count in rejections])
        yield one(table.DELIVERIES, self._delivered)
        yield one(table.MOVED_MESSAGES, self._moved)
        yield one(table.DEFERRALS, self._deferred)
        bounces = sorted(self._bounces.items())
        yield Family(table.BOUNCES, [Sample(count, (kind.name.lower(),)) for kind, count in bounces])
        yield Family(table.PANICS, [Sample(count, (level.value,)) for level, count in self._panics.items()])

    def _count_received(self, record: Received) -> None:
        self.received += 1
        counts = self._receptions.get(record.protocol)
        if counts is None:
            if len(self._receptions) >= PROTOCOLS_MAX:
                return
            counts = self._receptions[record.protocol] = [0, 0]
        counts[0] += 1
        counts[1] += record.octets

    def _count_rejected(self, record: Rejected) -> None:
        self.rejected += 1
        key = record.phase, record.code // 100
        if key in self._rejections or len(self._rejections) < PHASES_MAX:
            self._rejections[key] = self._rejections.get(key, 0) + 1

    def _count_delivered(self, record: Delivered) -> None:
        self._delivered += 1

    def _count_moved(self, record: Transferred) -> None:
        self._moved += 1

    def _count_failed(self, record: Failed) -> None:
        if record.permanent:
            self._bounces[classify(record.reason)] += 1
        else:
            self._deferred += 1

    def _count_panic(self, record: Panic) -> None:
        self._panics[record.level] += 1
