"""Which configuration each node of a cluster has in force, generation by generation: looked at all through a run.

It is looked at whenever a node publishes a record, which it does after each change, and from time to time besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import trio

from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Array, Word

from .consoles import node_of
from .reference_configuration import Path, Words
from .scenario import FaultKind, Program, Scenario
from .service import Service

LOOK_SECONDS = 0.25


class Held(NamedTuple):
    """From *at* on, seconds since the load began, the node *host* had *tree*, until the next one. life: its number."""

    at: float
    host: str
    life: int
    tree: ConfigTree

    def words(self, path: Path, option: str) -> Words | None:
        """What the scope at *path* itself sets *option* (lower case) to; None where it does not."""
        scope = self.tree.scope(path)
        setting = None if scope is None else scope.settings.get(option)
        match None if setting is None else setting.value:
            case Word(text=text):
                return text
            case Array(items=items):
                return tuple(item.text for item in items if isinstance(item, Word))
        return None


def spoken_to(scenario: Scenario) -> set[str]:
    """The hosts at whose console somebody speaks."""
    return {name for fault in scenario.faults if fault.kind is FaultKind.CONSOLE for name in fault.targets}


def is_commanded(scenario: Scenario) -> bool:
    """Whether one of them is a manager, whose nodes do what they are told there."""
    told = spoken_to(scenario)
    return any(plan.name in told for plan in scenario.hosts if plan.program is Program.ECCMGR)


class Holding:
    """held: what is found is added to it. now: virtual seconds since the load began."""

    def __init__(self, services: Callable[[], Iterable[Service]], now: Callable[[], float], held: list[Held]) -> None:
        self._services, self._now, self._held = services, now, held
        self._seen: dict[str, tuple[int, int]] = {}  # by host: the life, and the generation

    def look(self) -> None:
        """See what each node has now."""
        for service in self._services():
            node, life = node_of(service), service.life
            if node is None or life is None:
                continue
            seen = life.number, node.administration.generation
            if self._seen.get(service.host.name) != seen:
                self._seen[service.host.name] = seen
                self._held.append(Held(self._now(), service.host.name, life.number, node.administration.tree))

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await trio.sleep(LOOK_SECONDS)
