"""Which ways messages go, by number: as many as an operator has bindings and moves."""

from __future__ import annotations

from typing import NamedTuple


class Way(NamedTuple):
    """Which way a message goes. routing_domain: where an operator rerouted it, or empty: its path's domain."""

    binding_group: str
    binding: str
    routing_domain: str


class Ways(dict[tuple[str, str, str], int]):
    """The number of each way; a new one gets the next. all: the ways, by number."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Way] = []

    def __missing__(self, way: tuple[str, str, str]) -> int:
        number = self[way] = len(self.all)
        self.all.append(Way(*way))
        return number
