"""The modules of mail authentication that a configuration has: spf_v1, dkim_validate, dmarc. Told without trio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from momentum_trio.config.binding import Nested
from momentum_trio.config.chain import Chain
from momentum_trio.config.enabled import first_enabled
from momentum_trio.reception.mail_authentication_options import DkimValidationOptions, DmarcOptions, SpfOptions
from momentum_trio.reception.policy.phase import PolicyPhase

SPF, DKIM, DMARC, AUTHENTICATION_RESULTS = "spf_v1", "dkim_validate", "dmarc", "authentication_results"
"""The names of their rows; the last one is there where one of the others is."""

PHASES: Mapping[str, frozenset[PolicyPhase]] = {
    SPF: frozenset((PolicyPhase.MAILFROM,)),
    DKIM: frozenset((PolicyPhase.DATA, PolicyPhase.DATA_SPOOL)),
    DMARC: frozenset((PolicyPhase.DATA_SPOOL,)),
    AUTHENTICATION_RESULTS: frozenset((PolicyPhase.DATA,)),
}

M = TypeVar("M", SpfOptions, DkimValidationOptions, DmarcOptions)


@dataclass(frozen=True, slots=True)
class Modules:
    """The first module of each kind that is enabled; None: there is none. DMARC has the others checked by itself."""

    spf: SpfOptions | None = None
    dkim: DkimValidationOptions | None = None
    dmarc: DmarcOptions | None = None

    @classmethod
    def of(cls, root: Nested) -> Modules:
        """Those of a configuration. root: its file level."""
        dmarc = _first(root, DMARC, DmarcOptions)
        nothing = Chain(())
        spf = _first(root, SPF, SpfOptions) or (SpfOptions.resolve(nothing) if dmarc else None)
        dkim = _first(root, DKIM, DkimValidationOptions) or (DkimValidationOptions.resolve(nothing) if dmarc else None)
        return cls(spf, dkim, dmarc)

    @property
    def names(self) -> Iterator[str]:
        """Of their rows, in the order in which they are asked."""
        held = {SPF: self.spf, DKIM: self.dkim, DMARC: self.dmarc}
        found = [name for name, options in held.items() if options is not None]
        return iter((*found, AUTHENTICATION_RESULTS) if found else ())


def _first(root: Nested, kind: str, group: type[M]) -> M | None:
    chain = first_enabled(root, kind, group.resolve)
    return None if chain is None else group.resolve(chain)
