"""What a node with ``cluster {}`` runs; without the scope, nothing.

A life of it ends, and another begins, when the node gets another name, other groups or another heartbeat; what else the
configuration says of the cluster changes within a life.
"""

from __future__ import annotations

import traceback

import trio

from momentum_trio.cluster.identity import NoIdentity
from momentum_trio.listener.kind import Generations
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.node.census import Census
from momentum_trio.node.cluster_life import Dial, Life
from momentum_trio.node.cluster_standing import Standing, standing

REST_SECONDS = 5.0
"""Between a life that a fault of ours has ended and the next."""


class ClusterPlane:
    """The cluster module of one node. life: as long as the node is in a cluster, connected to it or not."""

    def __init__(self, machine: Machine, generations: Generations, census: Census, dial: Dial) -> None:
        self._machine, self._generations, self._census, self._dial = machine, generations, census, dial
        self._changed = trio.Event()
        self._stands: Standing | NoIdentity | None = None
        self.life: Life | None = None

    async def run(self) -> None:
        """Be in the cluster that the configuration has, if it has one, until cancelled."""
        while True:
            self._changed = trio.Event()
            self._stands = standing(self._machine, self._generations.current.tree)
            if isinstance(self._stands, Standing):
                await self._live(self._stands)
            else:
                await self._changed.wait()

    def reconfigured(self) -> None:
        """Another generation of the configuration holds."""
        if standing(self._machine, self._generations.current.tree) != self._stands:
            self._changed.set()
        elif self.life is not None:
            self.life.replan()

    async def _live(self, stands: Standing) -> None:
        """One life. A fault of ours ends it, is told, and the next begins."""
        self.life = Life(self._machine, self._generations, self._census, stands, self._dial)
        try:
            await self.life.run(self._changed)
        except* Exception as faults:  # noqa: BLE001 (ours: this life ends, the node lives)
            text = f"the cluster module begins anew\n{''.join(traceback.format_exception(faults))}"
            self._machine.events.publish(Panic(self._machine.clock.now(), Level.CRITICAL, text))
            await trio.sleep(REST_SECONDS)
        finally:
            self.life = None
