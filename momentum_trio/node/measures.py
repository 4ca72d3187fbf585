"""What a node has to tell of metrics: both planes' numbers, in the order of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import trio

from momentum_trio.console.facade import ListenReport, ListenState
from momentum_trio.listener.kind import Services
from momentum_trio.machine import Machine
from momentum_trio.metrics import table
from momentum_trio.metrics.metric import Family, Sample, one
from momentum_trio.metrics.table import METRICS
from momentum_trio.node.administration import NodeAdministration
from momentum_trio.node.bus_plane import bus_families
from momentum_trio.node.cluster_measures import cluster_families
from momentum_trio.node.link import ControlEnd, Measure, Measured


class Measures:
    """Those of one node."""

    def __init__(
        self, machine: Machine, administration: NodeAdministration, link: ControlEnd, services: Services
    ) -> None:
        """services: of the control plane."""
        self._machine, self._administration, self._link, self._services = machine, administration, link, services
        self._began = trio.current_time()

    async def __call__(self) -> Sequence[Family]:
        """All of them, as they are now. Raises trio.BrokenResourceError or EndOfChannel when the mail plane is gone."""
        measured = await self._link.ask(Measure())
        assert isinstance(measured, Measured)
        listens, bus = _listens(self._administration.listeners()), bus_families(self._services.bus)
        cluster = cluster_families(self._administration.cluster_plane.life)
        families = [*self._own(), *listens, *bus, *cluster, *await self._process()]
        places = {metric: place for place, metric in enumerate(METRICS)}
        return sorted((*families, *measured.families), key=lambda family: places[family.metric])

    def _own(self) -> Iterator[Family]:
        node = self._administration
        yield Family(table.INFO, (Sample(1, (node.version, node.hostname)),))
        yield one(table.UPTIME, trio.current_time() - self._began)
        yield one(table.GENERATION, node.generation)

    async def _process(self) -> Sequence[Family]:
        memory = await self._administration.instruments.memory()
        return (
            one(table.DESCRIPTORS, memory.descriptors),
            one(table.DESCRIPTORS_MAX, self._machine.process.descriptors_max()),
            one(table.MEMORY_BYTES, memory.resident),
            one(table.THREADS, memory.threads),
            one(table.TASKS, memory.tasks),
        )


def _listens(reports: Sequence[ListenReport]) -> Iterator[Family]:
    named = [((report.listener, report.endpoint), report) for report in reports]
    is_open = ListenState.OPEN
    yield Family(table.LISTEN_UP, [Sample(report.state is is_open, labels) for labels, report in named])
    yield Family(table.SESSIONS, [Sample(report.sessions, labels) for labels, report in named])
    yield Family(table.SESSIONS_TOTAL, [Sample(report.sessions_total, labels) for labels, report in named])
    yield Family(table.RECEIVED_BYTES, [Sample(report.octets_received, labels) for labels, report in named])
    yield Family(table.SENT_BYTES, [Sample(report.octets_sent, labels) for labels, report in named])
