"""Lists of domains with left globs, as Relay_Domains has them (spec/listeners.md section 2.4)."""

from __future__ import annotations

EXPECTED = "a list of domains, each a name, *.tail or *tail"


class DomainGlobs:
    """A set of domains: exact ones, and tails that stood behind a star.

    ``*.x`` holds ``a.x`` and not ``x``; ``*x`` holds ``x``, ``a.x`` and ``badx`` too; ``*`` holds all. Case is ignored
    in the items; asked with lower-case domains. The empty domain is in none.
    """

    __slots__ = ("_exact", "_tails", "items")

    def __init__(self, *items: str) -> None:
        """Raises ValueError for an item that is no domain, or has a star elsewhere than in front."""
        self.items = tuple(item.lower() for item in items)
        for item in self.items:
            if not item.rstrip(".") or "*" in item[1:] or not item.isascii() or any(octet.isspace() for octet in item):
                raise ValueError(f"expected {EXPECTED}, not {item!r}")
        names = [item.rstrip(".") for item in self.items]
        self._exact = frozenset(name for name in names if not name.startswith("*"))
        self._tails = tuple(name[1:] for name in names if name.startswith("*"))

    def __contains__(self, domain: str) -> bool:
        return bool(domain) and (domain in self._exact or domain.endswith(self._tails))

    def __bool__(self) -> bool:
        return bool(self.items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DomainGlobs) and self.items == other.items

    def __hash__(self) -> int:
        return hash(self.items)

    def __repr__(self) -> str:
        return f"DomainGlobs{self.items!r}"
