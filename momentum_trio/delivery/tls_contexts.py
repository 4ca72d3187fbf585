"""TLS contexts of outbound connections, made once for the same terms and anew when their files change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import trio

from momentum_trio.delivery.cache_counts import CacheCounts, CacheReport
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms, TlsContext
from momentum_trio.machine.stamps import LOOK_SECONDS, Stamps, stamps_of

CONTEXTS_MAX = 500


@dataclass(slots=True)
class Kept:
    """A context. stamps: time of change and size of its files. looked_at, made_at: trio's time."""

    context: TlsContext
    stamps: Stamps
    looked_at: float
    made_at: float


class ClientContexts:
    """The TLS contexts of a node's outbound connections, one for all connections of the same terms."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._kept: OrderedDict[ClientTlsTerms, Kept] = OrderedDict()
        self._counts = CacheCounts()

    def __iter__(self) -> Iterator[tuple[ClientTlsTerms, Kept]]:
        """Those that are kept, the one used last at the end."""
        return iter(self._kept.items())

    def flush(self) -> int:
        """Keep none of them; how many there were. Connections go on with those they have."""
        count = len(self._kept)
        self._kept.clear()
        self._counts.forced += count
        return count

    def report(self) -> CacheReport:
        """Of those that are kept."""
        return CacheReport("tls", CONTEXTS_MAX, len(self._kept), self._counts)

    async def context(self, terms: ClientTlsTerms) -> TlsContext:
        """The context of *terms*. Files that were right and are not any more, half written perhaps, change nothing.

        Raises: OSError and ValueError as ``Tls.client_context`` does.
        """
        kept = self._kept.get(terms)
        if kept is not None and trio.current_time() - kept.looked_at < LOOK_SECONDS:
            self._kept.move_to_end(terms)
            self._counts.hits += 1
            return kept.context
        try:
            return await self._look(terms, kept)
        except (OSError, ValueError):
            if kept is None:
                raise
            return kept.context

    async def _look(self, terms: ClientTlsTerms, kept: Kept | None) -> TlsContext:
        stamps = await stamps_of(self._machine.disk, terms.files)
        looked_at = trio.current_time()
        if kept is not None and kept.stamps == stamps:
            kept.looked_at = looked_at
            self._counts.hits += 1
            return kept.context
        self._counts.misses += 1
        assert self._machine.tls is not None
        context = await self._machine.tls.client_context(terms)
        self._kept[terms] = Kept(context, stamps, looked_at, looked_at)
        self._counts.stores += 1
        if len(self._kept) > CONTEXTS_MAX:
            self._kept.popitem(last=False)
            self._counts.displaced += 1
        return context
