"""TLS contexts for clients: made once for the same Listen and terms, and anew when their files change.

A Listen has its own, so that a session begun at one of them, where a client may have shown his certificate, is not
resumed at another (a context's session tickets are good for that context alone).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import TlsContext
from momentum_trio.machine.stamps import LOOK_SECONDS, Stamps, stamps_of
from momentum_trio.mail.record import Level, Panic
from momentum_trio.net.tls_terms import TlsTerms

CONTEXTS_MAX = 500


@dataclass(slots=True)
class Kept:
    """A context. stamps: time of change and size of its files. told: what the paniclog was told of newer ones, last."""

    context: TlsContext
    stamps: Stamps
    looked_at: float = 0.0
    told: str = ""


class ServerContexts:
    """The contexts of one plane's listeners."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._kept: OrderedDict[tuple[str, TlsTerms], Kept] = OrderedDict()
        self._looking = trio.Lock()

    async def context(self, listen: str, terms: TlsTerms) -> TlsContext:
        """The context of *terms* at *listen*, an endpoint as configured.

        Files that were right and are not any more, half written perhaps, change nothing; the paniclog says it once.
        Raises: OSError and ValueError as ``Tls.server_context`` does, where there has been none yet.
        """
        key = (listen, terms)
        if (fresh := self._fresh(key)) is not None:
            return fresh
        async with self._looking:
            if (fresh := self._fresh(key)) is None:
                fresh = await self._look(key, self._kept.get(key))
            return fresh

    def _fresh(self, key: tuple[str, TlsTerms]) -> TlsContext | None:
        kept = self._kept.get(key)
        if kept is None or trio.current_time() - kept.looked_at >= LOOK_SECONDS:
            return None
        self._kept.move_to_end(key)
        return kept.context

    async def _look(self, key: tuple[str, TlsTerms], kept: Kept | None) -> TlsContext:
        listen, terms = key
        try:
            stamps = await stamps_of(self._machine.disk, terms.files)
            if kept is None or kept.stamps != stamps:
                assert self._machine.tls is not None, "this machine has no TLS"
                context = await self._machine.tls.server_context(terms)
                kept = self._kept[key] = Kept(context, stamps)
        except (OSError, ValueError) as fault:
            if kept is None:
                raise
            self._keep_on(listen, terms, kept, fault)
        kept.looked_at = trio.current_time()
        self._kept.move_to_end(key)
        if len(self._kept) > CONTEXTS_MAX:
            self._kept.popitem(last=False)
        return kept.context

    def _keep_on(self, listen: str, terms: TlsTerms, kept: Kept, fault: Exception) -> None:
        said = f"TLS at {listen}: {terms.certificate}: {fault}: the certificate read before stays"
        if said != kept.told:
            self._machine.events.publish(Panic(self._machine.clock.now(), Level.ERROR, said))
        kept.told = said
