"""What a node with ``cluster {}`` runs; without the scope, nothing.

A life of it ends, and another begins, when the node gets another name, other groups or another heartbeat; what else the
configuration says of the cluster changes within a life.
"""

from __future__ import annotations

import traceback

import trio

from momentum_trio.cluster.duravip import Serve
from momentum_trio.cluster.identity import NoIdentity
from momentum_trio.cluster.leases import LeasedState
from momentum_trio.console.dispatch import Dispatch
from momentum_trio.listener.kind import Generations
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.msgc.member import Member
from momentum_trio.msgc.msgc_options import MsgcClientOptions
from momentum_trio.node.census import Census
from momentum_trio.node.cluster_life import Dial, Life
from momentum_trio.node.cluster_standing import Standing, standing
from momentum_trio.node.elsewhere import Tell
from momentum_trio.node.relayed import RelayedConsole
from momentum_trio.protocol.cluster.membership import NodeType

BUS_CLIENT = "msgc_client"
REST_SECONDS = 5.0
"""Between a life that a fault of ours has ended and the next."""


def dial_bus(machine: Machine, generations: Generations, connection: str) -> Member:
    """A connection to the bus of that name, as the configuration that holds has it."""
    return Member(
        machine, connection, lambda: MsgcClientOptions.resolve(generations.current.tree.chain_scope(BUS_CLIENT))
    )


class ClusterPlane:
    """The cluster module of one node. life: as long as the node is in a cluster, connected to it or not.

    tell: takes where mail belongs whose address another node has. limits: those over all nodes, where they are counted
    over the bus. node_type: what the node is in its cluster.
    """

    def __init__(
        self,
        machine: Machine,
        generations: Generations,
        census: Census,
        dial: Dial,
        serve: Serve,
        tell: Tell,
        limits: LeasedState | None = None,
        node_type: NodeType = NodeType.MOMENTUM,
    ) -> None:
        self.limits, self._node_type = limits, node_type
        self._machine, self._generations, self._census, self._dial = machine, generations, census, dial
        self._serve, self._tell = serve, tell
        self.life: Life | None = None

    async def run(self, console: Dispatch) -> None:
        """Be in the cluster that the configuration has, if any, until cancelled. console: runs what is relayed."""
        while True:
            stands = self._standing()
            if isinstance(stands, Standing):
                await self._live(stands, console)
            else:
                await self._generations.changed()

    def _standing(self) -> Standing | NoIdentity | None:
        return standing(self._machine, self._generations.current.tree)

    async def _live(self, stands: Standing, console: Dispatch) -> None:
        """One life. A fault of ours ends it, is told, and the next begins."""
        relayed = RelayedConsole(self._machine, console, f"cluster:{stands.control_group}")
        life = Life(
            self._machine,
            self._generations,
            self._census,
            stands,
            self._dial,
            relayed.perform,
            self._serve,
            self._tell,
            self.limits,
            self._node_type,
        )
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(life.run)
                self.life = life
                while self._standing() == stands:
                    await self._generations.changed()
                    life.replan()
                nursery.cancel_scope.cancel()
        except* Exception as faults:  # noqa: BLE001 (ours: this life ends, the node lives)
            text = f"the cluster module begins anew\n{''.join(traceback.format_exception(faults))}"
            self._machine.events.publish(Panic(self._machine.clock.now(), Level.CRITICAL, text))
            self.life = None
            await trio.sleep(REST_SECONDS)
        finally:
            self.life = None
