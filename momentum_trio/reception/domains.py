"""Lists of domains with left globs, as Relay_Domains has them (spec/listeners.md section 2.4)."""

from __future__ import annotations

from momentum_trio.config.kind import DOMAINS
from momentum_trio.config.option import Kind
from momentum_trio.config.value import Value

EXPECTED = "a list of domains, each a name, *.tail or *tail"


class DomainGlobs:
    """A set of domains: exact ones, and tails that stood behind a star.

    ``*.x`` holds ``a.x`` and not ``x``; ``*x`` holds ``x``, ``a.x`` and ``badx`` too. Asked with lower-case domains.
    """

    __slots__ = ("_exact", "_tails", "items")

    def __init__(self, items: tuple[str, ...] = ()) -> None:
        self.items = items
        self._exact = frozenset(item for item in items if not item.startswith("*"))
        self._tails = tuple(item[1:] for item in items if item.startswith("*"))

    def __contains__(self, domain: str) -> bool:
        return bool(domain) and (domain in self._exact or domain.endswith(self._tails))

    def __bool__(self) -> bool:
        return bool(self.items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DomainGlobs) and self.items == other.items

    def __hash__(self) -> int:
        return hash(self.items)

    def __repr__(self) -> str:
        return f"DomainGlobs({self.items!r})"


def _parse(value: Value) -> DomainGlobs:
    items = tuple(item.rstrip(".") for item in DOMAINS.parse(value))
    for item in items:
        if not item or "*" in item[1:] or not item.isascii() or any(octet.isspace() for octet in item):
            raise ValueError(f"expected {EXPECTED}, not {item!r}")
    return DomainGlobs(items)


DOMAIN_GLOBS: Kind[DomainGlobs] = Kind("domain-list", _parse, lambda globs: DOMAINS.show(globs.items))
NO_DOMAINS = DomainGlobs()
