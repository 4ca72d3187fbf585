"""TLS contexts of outbound connections, made once for the same terms and anew when their files change."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms, TlsContext
from momentum_trio.machine.disk import Stat

CONTEXTS_MAX = 500
LOOK_SECONDS = 5.0
"""How old the news about a file may be."""

Stamps = tuple[tuple[float, int], ...]


@dataclass(slots=True)
class Kept:
    """A context. stamps: time of change and size of its files. looked_at: trio's time."""

    context: TlsContext
    stamps: Stamps
    looked_at: float


class ClientContexts:
    """The contexts of one node."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._kept: OrderedDict[ClientTlsTerms, Kept] = OrderedDict()

    async def context(self, terms: ClientTlsTerms) -> TlsContext:
        """The context of *terms*. Files that were right and are not any more, half written perhaps, change nothing.

        Raises: OSError and ValueError as ``Tls.client_context`` does.
        """
        kept = self._kept.get(terms)
        if kept is not None and trio.current_time() - kept.looked_at < LOOK_SECONDS:
            self._kept.move_to_end(terms)
            return kept.context
        try:
            return await self._look(terms, kept)
        except (OSError, ValueError):
            if kept is None:
                raise
            return kept.context

    async def _look(self, terms: ClientTlsTerms, kept: Kept | None) -> TlsContext:
        stamps = await self._stamps(terms)
        looked_at = trio.current_time()
        if kept is not None and kept.stamps == stamps:
            kept.looked_at = looked_at
            return kept.context
        assert self._machine.tls is not None
        context = await self._machine.tls.client_context(terms)
        self._kept[terms] = Kept(context, stamps, looked_at)
        if len(self._kept) > CONTEXTS_MAX:
            self._kept.popitem(last=False)
        return context

    async def _stamps(self, terms: ClientTlsTerms) -> Stamps:
        if not terms.files:
            return ()
        facts = await self._machine.disk.perform([Stat(path) for path in terms.files])
        return tuple((fact.modified, fact.size) for fact in facts)
