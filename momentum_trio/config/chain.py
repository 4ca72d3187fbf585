"""The scopes that answer for one option, most specific first (spec: config-language, section 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from momentum_trio.config.value import Setting


class AnsweringScope(Protocol):
    """A scope of a configuration tree as a chain sees it.

    kind: lower-case name of the scope (``peer``), ``global`` for the file level. instance: ``10.0.0.0/8``, or empty.
    settings: what it sets itself, by lower-case option name.
    """

    @property
    def kind(self) -> str: ...
    @property
    def instance(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Setting]: ...


class Chain:
    """Scopes in the order in which they are asked. Immutable; lives and dies with its generation.

    resolved: memory of ``Options.resolve``, keyed by the Options class.
    """

    __slots__ = ("resolved", "scopes")

    def __init__(self, scopes: Sequence[AnsweringScope]) -> None:
        self.scopes = tuple(scopes)
        self.resolved: dict[type, Any] = {}

    def find(self, key: str, scopes: frozenset[str]) -> Setting | None:
        """The setting of option *key* (lower case) that holds; only scopes in which it is valid are asked."""
        owner = self.owner(key, scopes)
        return None if owner is None else owner.settings[key]

    def owner(self, key: str, scopes: frozenset[str]) -> AnsweringScope | None:
        """The scope whose setting holds: throttle counters belong to it."""
        for scope in self.scopes:
            if key in scope.settings and scope.kind in scopes:
                return scope
        return None
