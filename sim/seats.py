"""Seats of limits that all nodes share, as each node says that they are its own: looked at again and again in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import trio

from .checks.configuration import root_of
from .consoles import node_of
from .scenario import Program, Scenario
from .service import Service

LOOK_SECONDS = 0.25


class Look(NamedTuple):
    """What nodes held of the limit *key* at one moment. at: seconds since the load began. held: seats, by host.

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


def looked_at(services: Iterable[Service], at: float) -> list[Look]:
    """What each node that runs holds by a lease that has not run out. To be called inside the world."""
    looks: dict[tuple[str, ...], Look] = {}
    for service in services:
        node = node_of(service) if service.running else None
        limits = None if node is None else node.administration.cluster_plane.limits
        for key, limit, seats in () if limits is None else limits.held():
            before = looks.get(key, Look(at, key, limit, {}))
            held = before.held | {service.host.name: seats}
            looks[key] = Look(at, key, max(before.limit, limit), held)
    return list(looks.values())


async def watch(services: Callable[[], Iterable[Service]], now: Callable[[], float], looks: list[Look]) -> None:
    """Add to *looks* until cancelled, where it is something else than before."""
    before: dict[tuple[str, ...], dict[str, int]] = {}
    while True:
        found = looked_at(services(), now())
        looks.extend(look for look in found if before.get(look.key) != look.held)
        before = {look.key: look.held for look in found}
        await trio.sleep(LOOK_SECONDS)
