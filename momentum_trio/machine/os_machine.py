"""The real machine."""

from __future__ import annotations

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Roles
from momentum_trio.machine.events import Events
from momentum_trio.machine.os_addresses import OsAddresses
from momentum_trio.machine.os_adopted import OsAdopted
from momentum_trio.machine.os_clock import OsClock
from momentum_trio.machine.os_databases import OsDatabases
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.machine.os_entropy import OsEntropy
from momentum_trio.machine.os_gate import OsGate
from momentum_trio.machine.os_nameservers import OsNameservers
from momentum_trio.machine.os_process import OsProcess
from momentum_trio.machine.os_spawn import OsSpawn
from momentum_trio.machine.os_tls import OsTls
from momentum_trio.machine.os_wire import OsWire
from momentum_trio.machine.os_work import OsWork


def os_machine(roles: Roles | None = None) -> Machine:
    """This host's world. Make one per node; its parts hold what belongs to the process (workers, adopted sockets).

    roles: what children it may spawn.
    """
    disk, work, databases = OsDisk(), OsWork(), OsDatabases()
    return Machine(
        clock=OsClock(),
        disk=disk,
        entropy=OsEntropy(),
        work=work,
        process=OsProcess(),
        events=Events(),
        adopted=OsAdopted(),
        tls=OsTls(),
        databases=databases,
        nameservers=OsNameservers(),
        spawn=OsSpawn(roles or {}),
        addresses=OsAddresses(),
        gate=OsGate(),
        wire=OsWire,
        pools=lambda: (work.facts(), disk.facts(), databases.facts()),
    )
