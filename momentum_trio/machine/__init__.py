"""F2: the world beside the network, as one value.

Production code gets a ``Machine`` at the top and hands its parts down; ``os_machine.os_machine()`` makes the real one,
``sim`` another. The network is not here: it is trio's, and the simulator stands below ``trio.socket``.
"""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.machine.contract import (
    Addresses,
    Adopted,
    Clock,
    Entropy,
    Gate,
    Nameservers,
    Process,
    Spawn,
    Tls,
    Work,
)
from momentum_trio.machine.disk import Disk
from momentum_trio.machine.events import Events


@dataclass(frozen=True, slots=True)
class Machine:
    """One host's world. A part that is None is one this machine cannot do (yet); who needs it says so and refuses."""

    clock: Clock
    disk: Disk
    entropy: Entropy
    work: Work
    process: Process
    events: Events
    adopted: Adopted | None = None
    tls: Tls | None = None
    nameservers: Nameservers | None = None
    spawn: Spawn | None = None
    addresses: Addresses | None = None
    gate: Gate | None = None
