"""Seats of limits that all nodes share, as each life of a node says that they are its own: looked at all through a run.

A life that has ended counts for as long as it was granted them: the others cannot know that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import trio

from momentum_trio.cluster.leases import LeasedState

from .checks.configuration import root_of
from .consoles import node_of
from .scenario import Program, Scenario
from .service import Service

LOOK_SECONDS = 0.25


class Look(NamedTuple):
    """What was held of the limit *key* at one moment. at: seconds since the load began. held: seats, by life of a node.

    limit: the largest that any of them went by.
    """

    at: float
    key: tuple[str, ...]
    limit: int
    held: dict[str, int]


def are_shared(scenario: Scenario) -> bool:
    """Whether there are nodes of a cluster, which may share limits."""
    plans = [plan for plan in scenario.hosts if plan.program is Program.ECELERITY]
    return any((root := root_of(plan)) is not None and root.child("cluster") is not None for plan in plans)


async def watch(services: Callable[[], Iterable[Service]], now: Callable[[], float], looks: list[Look]) -> None:
    """Add to *looks* until cancelled, where it is something else than before."""
    lives: dict[str, LeasedState] = {}
    before: dict[tuple[str, ...], dict[str, int]] = {}
    while True:
        lives = {name: limits for name, limits in lives.items() if limits.is_up} | dict(_running(services()))
        found = _looked_at(lives, now())
        looks.extend(look for look in found if before.get(look.key) != look.held)
        before = {look.key: look.held for look in found}
        await trio.sleep(LOOK_SECONDS)


def _running(services: Iterable[Service]) -> Iterable[tuple[str, LeasedState]]:
    for service in services:
        if (node := node_of(service)) is not None and service.life is not None:
            limits = node.administration.cluster_plane.limits
            if limits is not None:
                yield f"{service.host.name} ({service.life.number})", limits


def _looked_at(lives: dict[str, LeasedState], at: float) -> list[Look]:
    """What they hold by leases that have not run out."""
    looks: dict[tuple[str, ...], Look] = {}
    for name, limits in lives.items():
        for key, limit, seats in limits.held():
            before = looks.get(key, Look(at, key, limit, {}))
            looks[key] = Look(at, key, max(before.limit, limit), before.held | {name: seats})
    return list(looks.values())
