"""How well addresses could be reached lately, by binding: which to leave alone, and which to prefer among equals."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

import trio

ADDRESSES_MAX = 50_000
DECAY = 0.25
"""The share of a new measurement in the mean."""

QUICK_SECONDS, SLOW_SECONDS = 0.05, 0.4
"""Between these the time to connect counts: the slowest address gets one connection where the quickest gets eight, so
that none is left out."""

Key = tuple[str, str, int]


@dataclass(slots=True)
class Metric:
    """What is known of one address. connect_seconds: a decaying mean; 0: not known. used_at: trio's time."""

    connect_seconds: float = 0.0
    failed_at: float = -math.inf
    used_at: float = -math.inf


class AddressMetrics:
    """What is known of addresses, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._metrics: OrderedDict[Key, Metric] = OrderedDict()
        self._swept_at = -math.inf

    def failed(self, key: Key) -> None:
        """A connection failed before any mail was told of."""
        metric = self._touched(key)
        metric.failed_at = metric.used_at

    def worked(self, key: Key, connect_seconds: float) -> None:
        """A connection came about, in so many seconds: earlier failures are forgiven."""
        metric = self._touched(key)
        metric.failed_at = -math.inf
        known = metric.connect_seconds
        metric.connect_seconds = known + DECAY * (connect_seconds - known) if known else connect_seconds

    def known(self, key: Key) -> Metric | None:
        """What is known of an address."""
        return self._metrics.get(key)

    def rests(self, key: Key, seconds: float) -> bool:
        """Whether it failed less than *seconds* ago."""
        metric = self._metrics.get(key)
        return metric is not None and trio.current_time() - metric.failed_at < seconds

    def weight(self, key: Key, lifetime: float) -> float:
        """How much is to be sent there, against others; of one that is not known as much as of a quick one."""
        metric = self._metrics.get(key)
        holds = metric is not None and trio.current_time() - metric.used_at < lifetime
        seconds = metric.connect_seconds if metric is not None and holds else 0.0
        return 1.0 / min(max(seconds, QUICK_SECONDS), SLOW_SECONDS)

    def sweep(self, interval: float, lifetime: float) -> None:
        """Forget what is older than *lifetime*, unless that was done less than *interval* seconds ago."""
        now = trio.current_time()
        if now - self._swept_at >= interval:
            self._swept_at = now
            for key in [key for key, metric in self._metrics.items() if now - metric.used_at >= lifetime]:
                del self._metrics[key]

    def forgive(self, addresses: Collection[str]) -> None:
        """Forget that any of *addresses* failed, whatever the binding."""
        for (_, address, _), metric in self._metrics.items():
            if address in addresses:
                metric.failed_at = -math.inf

    def _touched(self, key: Key) -> Metric:
        metric = self._metrics.setdefault(key, Metric())
        metric.used_at = trio.current_time()
        self._metrics.move_to_end(key)
        if len(self._metrics) > ADDRESSES_MAX:
            self._metrics.popitem(last=False)
        return metric
