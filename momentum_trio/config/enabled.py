"""Modules of which a file may hold several: the first that is enabled holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from momentum_trio.config.binding import Nested
from momentum_trio.config.chain import Chain


class Switched(Protocol):
    """Options of a module, of which one says whether it is there."""

    @property
    def enabled(self) -> bool: ...


def first_enabled(root: Nested, kind: str, resolve: Callable[[Chain], Switched]) -> Chain | None:
    """The first scope of *kind* that is enabled, by itself; None: there is none. root: the file level."""
    chains = (Chain((scope,)) for scope in root.children if scope.kind == kind)
    return next((chain for chain in chains if resolve(chain).enabled), None)
