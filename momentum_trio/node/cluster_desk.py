"""What the console is told and asks of the cluster: ``console.clustered.Clustered``, of one life of the plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from momentum_trio.cluster.membership import MemberReport
from momentum_trio.cluster.plan import canonical
from momentum_trio.cluster.replication import GLOBAL
from momentum_trio.console.broadcast import Broadcasting
from momentum_trio.console.clustered import ClusterInfo, MemberRow, SharedRow, SharedView
from momentum_trio.listener.kind import Generations
from momentum_trio.net.endpoint import endpoint_text
from momentum_trio.net.netblock import parse_address
from momentum_trio.node.cluster_life import Life, Shared
from momentum_trio.node.cluster_standing import ECCLUSTER_PORT, eccluster_port
from momentum_trio.node.duravip_desk import DuravipDesk
from momentum_trio.protocol.series.answer import SeriesAnswer

BUS_PORT = 4809
"""Of a server of the bus, by convention."""
NOWHERE = "0.0.0.0:0"


class ClusterDesk:
    """One life's."""

    def __init__(self, life: Life, generations: Generations) -> None:
        self._life, self._generations = life, generations

    @property
    def nodename(self) -> str:
        """As ``console.clustered.Clustered`` has it."""
        return self._life.stands.identity.nodename

    @property
    def nodeaddr(self) -> str:
        """As ``console.clustered.Clustered`` has it."""
        return _place(self._life.address, eccluster_port(self._generations.current.tree) or ECCLUSTER_PORT)

    @property
    def floating(self) -> DuravipDesk:
        """As ``console.clustered.Clustered`` has it."""
        return DuravipDesk(self._life.floating)

    @property
    def broadcasting(self) -> Broadcasting:
        """As ``console.clustered.Clustered`` has it."""
        return self._life.control_cache

    def info(self) -> ClusterInfo:
        """As ``console.clustered.Clustered`` has it."""
        life, stands = self._life, self._life.stands
        port = life.server.rpartition(":")[2]
        current = life.membership.current
        return ClusterInfo(
            port=int(port) if port.isdigit() else BUS_PORT,
            connections=tuple(f"{c.letter}:{c.bus.name}" for c in (life.control, life.cluster) if c.bus.name),
            control_group=stands.control_group,
            cluster_group=stands.cluster_group,
            log_group=stands.log_group,
            leader=life.membership.leader,
            is_primary=current is not None and current.primary,
        )

    def members(self) -> Sequence[MemberRow]:
        """As ``console.clustered.Clustered`` has it."""
        return [_row(report) for report in self._life.membership.reports()]

    def reset(self) -> None:
        """As ``console.clustered.Clustered`` has it."""
        self._life.reset()

    def abort(self, job: int) -> bool:
        """As ``console.clustered.Clustered`` has it."""
        return self._life.jobs.abort(job)

    def shared(self) -> Sequence[SharedRow]:
        """As ``console.clustered.Clustered`` has it."""
        return [_shared_row(shared) for shared in self._life.shared.values()]

    def shared_view(self, name: str, node: str = "") -> SharedView | str:
        """As ``console.clustered.Clustered`` has it."""
        shared = self._named(canonical(name))
        if shared is None:
            return f"There is no shared object '{name}'; there are: {', '.join(self._life.shared) or 'none'}"
        replica = shared.part.replica
        if not node:
            return SharedView(_shared_row(shared), GLOBAL, replica.totals())
        report = self._life.membership.of_node(node)
        if report is None:
            return f"There is no member '{node}'; there are: {', '.join(self._nodes()) or 'none'}"
        return SharedView(_shared_row(shared), report.member, replica.share(report.member))

    async def series(self, question: str) -> SeriesAnswer:
        """As ``console.clustered.Clustered`` has it."""
        return await self._life.journals.answer(question)

    def _named(self, name: str) -> Shared | None:
        known = {key.lower(): shared for key, shared in self._life.shared.items()}
        return known.get(name.lower())

    def _nodes(self) -> Iterator[str]:
        return (report.nodename for report in self._life.membership.reports())


def _row(report: MemberReport) -> MemberRow:
    said = report.said
    if said is None:
        return MemberRow(report.member, "", "", "", "", NOWHERE, (), report.is_leader)
    return MemberRow(
        said.control or report.member,
        said.nodename,
        said.subcluster,
        said.type.value,
        said.version,
        _place(said.address, said.port),
        said.groups,
        report.is_leader,
    )


def _place(address: str, port: int) -> str:
    try:
        return endpoint_text(parse_address(address), port) if address else NOWHERE
    except ValueError:  # what another node says of itself
        return NOWHERE


def _shared_row(shared: Shared) -> SharedRow:
    return SharedRow(shared.planned.name, shared.part.terms.structure.value, has_snapshots=True)
