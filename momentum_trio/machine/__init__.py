"""F2: the world beside the network, as one value.

Production code gets a ``Machine`` at the top and hands its parts down; ``os_machine.os_machine()`` makes the real one,
``sim`` another. The network is not here but for ``wire``: it is trio's, and the simulator stands below ``trio.socket``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from momentum_trio.machine.contract import (
    Addresses,
    Adopted,
    Clock,
    Databases,
    Entropy,
    Gate,
    Nameservers,
    Process,
    Spawn,
    Tls,
    Wire,
    Work,
    socket_itself,
)
from momentum_trio.machine.disk import Disk
from momentum_trio.machine.events import Events
from momentum_trio.machine.facts import PoolFacts


def no_pools() -> Sequence[PoolFacts]:
    """This machine has no worker threads."""
    return ()


@dataclass(frozen=True, slots=True)
class Machine:
    """One host's world. A part that is None is one this machine cannot do (yet); who needs it says so and refuses.

    wire: how octets go over a connected socket. pools: facts about its worker threads.
    """

    clock: Clock
    disk: Disk
    entropy: Entropy
    work: Work
    process: Process
    events: Events
    adopted: Adopted | None = None
    tls: Tls | None = None
    databases: Databases | None = None
    nameservers: Nameservers | None = None
    spawn: Spawn | None = None
    addresses: Addresses | None = None
    gate: Gate | None = None
    wire: Callable[[trio.socket.SocketType], Wire] = socket_itself
    pools: Callable[[], Sequence[PoolFacts]] = no_pools
