"""What the console reads off its node: ``console.instruments.Instruments``, of the control plane and the process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import trio

from momentum_trio.console.counters import OperatorCounters
from momentum_trio.console.instruments import InboundConnection
from momentum_trio.listener.kind import Connection, ListenerKind
from momentum_trio.machine import Machine
from momentum_trio.machine.facts import MemoryFacts, PoolFacts, SystemFacts
from momentum_trio.mail.record import Panic
from momentum_trio.node.recent_panics import RecentPanics
from momentum_trio.node.supervisor import Supervisor


class NodeInstruments:
    """One node's. panics: fed from the start, before there is anything to go wrong."""

    def __init__(
        self, machine: Machine, kinds: Sequence[ListenerKind], supervisor: Supervisor, panics: RecentPanics
    ) -> None:
        self._machine, self._supervisor, self._panics = machine, supervisor, panics
        self.services = tuple(kind.service for kind in kinds)
        self.counters = OperatorCounters(machine.clock.now)

    def inbound(self) -> Sequence[InboundConnection]:
        """As ``console.instruments.Instruments`` has it."""
        open_now = (seen(kind, connection) for kind, connection in self._supervisor.connections())
        return sorted(open_now, key=lambda connection: connection.descriptor)

    def panics(self) -> Sequence[Panic]:
        """As ``console.instruments.Instruments`` has it."""
        return self._panics.all()

    def pools(self) -> Sequence[PoolFacts]:
        """As ``console.instruments.Instruments`` has it."""
        return self._machine.pools()

    async def system(self) -> SystemFacts:
        """As ``console.instruments.Instruments`` has it."""
        return await self._machine.work.run(self._machine.process.system)

    async def memory(self) -> MemoryFacts:
        """As ``console.instruments.Instruments`` has it."""
        facts = await self._machine.work.run(self._machine.process.memory)
        return replace(facts, tasks=trio.lowlevel.current_statistics().tasks_living)


def seen(kind: ListenerKind, connection: Connection) -> InboundConnection:
    """*connection* as an operator sees it."""
    doing = connection.doing() if connection.doing is not None else None
    return InboundConnection(
        connection.socket.fileno(),
        kind.service,
        connection.peer_address,
        connection.peer or connection.local,
        doing.phase if doing is not None else "",
        trio.current_time() - (doing.since if doing is not None else connection.began_at),
        doing is not None and doing.floating,
        "" if connection.tls is None else connection.tls.protocol,
    )
