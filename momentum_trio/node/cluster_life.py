"""One life of the cluster plane: two connections to the bus, and every part that meets there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import trio

from momentum_trio import __version__
from momentum_trio.cluster.assembly import BusMember, Connection, GroupAssembly
from momentum_trio.cluster.channel import NodePlace
from momentum_trio.cluster.cluster_options import (
    OUTBOUND_BINDING_DOMAINS,
    OUTBOUND_DOMAINS,
    SERIES,
)
from momentum_trio.cluster.duravip import FloatingAddresses, Serve
from momentum_trio.cluster.heartbeat import Heartbeat
from momentum_trio.cluster.identity import node_address
from momentum_trio.cluster.jobs import Jobs
from momentum_trio.cluster.leases import LeasedState
from momentum_trio.cluster.log_pull import pull_logs
from momentum_trio.cluster.membership import Membership
from momentum_trio.cluster.plan import Planned, planned
from momentum_trio.cluster.relay import Perform, Relay
from momentum_trio.cluster.replication import Replication, Structure, Terms, Traffic
from momentum_trio.cluster.series_journal import SeriesJournals
from momentum_trio.listener.kind import Generations
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Panic, Record
from momentum_trio.net.host_port import HostPort
from momentum_trio.node.census import Census
from momentum_trio.node.cluster_standing import Standing, cluster_options, eccluster_port
from momentum_trio.node.control_cache import ControlCache
from momentum_trio.node.elsewhere import Elsewhere, Tell
from momentum_trio.protocol.cluster.heartbeat import Pulse
from momentum_trio.protocol.cluster.membership import Announcement, NodeType

ANNOUNCE_SECONDS = 1.0
"""How often it is looked whether what we say of ourselves has changed."""
ADDRESS_SECONDS = 30.0
"""How often the node's name is looked up."""
NUMBER_OCTETS = 6
"""Of the number before that of the first command: enough that no two lives of one process meet in it."""
PANIC_TOPIC = "paniclog"
PANIC_CHARACTERS_MAX = 8_000


class RunningMember(BusMember, Protocol):
    """A connection to the bus that somebody has to run: ``msgc.member.Member``."""

    @property
    def server(self) -> str:
        """Where it is connected to; empty while cut off."""
        ...

    async def run(self) -> None:
        """Be connected, and connect again, until cancelled."""
        ...


Dial = Callable[[str], RunningMember]
"""Makes a connection to the bus, by its name."""


@dataclass(slots=True)
class Shared:
    """An object that is replicated in this life."""

    planned: Planned
    part: Replication
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class Life:
    """One life, with the parts that others ask for.

    shared: the objects that are replicated, by name, in the order of the configuration. address: ours in the cluster
    network; empty where it is not known. traffic: what the objects have said and heard.
    """

    def __init__(
        self,
        machine: Machine,
        generations: Generations,
        census: Census,
        stands: Standing,
        dial: Dial,
        perform: Perform,
        serve: Serve,
        tell: Tell,
        limits: LeasedState | None = None,
        node_type: NodeType = NodeType.MOMENTUM,
    ) -> None:
        self._limits, self._node_type = limits, node_type
        self._machine, self._generations, self._census = machine, generations, census
        self.stands, self._perform = stands, perform
        pid = machine.process.pid
        self._buses = dial(f"ec0-{pid}"), dial(f"ec1-{pid}")
        self.control = Connection("m", self._buses[0], stands.control_group, stands.log_group)
        subcluster_group = "" if self.is_manager else stands.identity.subcluster_group
        self.cluster = Connection("s", self._buses[1], stands.cluster_group, subcluster_group)
        self._nursery: trio.Nursery | None = None
        self.address = ""
        self.jobs = Jobs()
        self.traffic = Traffic()
        self.shared: dict[str, Shared] = {}
        self.membership = Membership(self.cluster_assembly, self._announcement)
        self.floating = FloatingAddresses(machine, self.cluster_assembly, generations.current.tree, serve)
        self._elsewhere = Elsewhere(machine, self.floating, self.membership, tell)
        self.journals = SeriesJournals(machine, lambda: generations.current.tree)

    @property
    def is_manager(self) -> bool:
        """Whether it is a manager's: in no subcluster, asked nothing, and the one that gathers logs."""
        return self._node_type is NodeType.MANAGER

    @property
    def cluster_assembly(self) -> GroupAssembly:
        """The group of the bus in which objects are shared and addresses agreed on."""
        return self.cluster.assemblies[self.stands.cluster_group]

    @property
    def control_assembly(self) -> GroupAssembly:
        """The group of the bus over which commands are relayed."""
        return self.control.assemblies[self.stands.control_group]

    @property
    def server(self) -> str:
        """The server of the bus that the cluster's connection goes to; empty while cut off."""
        return self._buses[1].server

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live, until cancelled. started: all parts are there."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._open_parts(nursery)
            task_status.started()
            self._machine.events.subscribe(self._tell_log)
            try:
                async with trio.open_nursery() as connections:
                    for task in (*(bus.run for bus in self._buses), self.control.run, self.cluster.run):
                        connections.start_soon(task)
            finally:
                self._machine.events.unsubscribe(self._tell_log)
                if self._limits is not None:
                    self._limits.part()

    def _open_parts(self, nursery: trio.Nursery) -> None:
        """Every concern of the cluster module meets the others of its kind here."""
        self._open_heartbeat(nursery)
        self.cluster_assembly.add(self.membership, self.floating)
        nursery.start_soon(self.floating.run)
        nursery.start_soon(self._elsewhere.run)
        nursery.start_soon(self._announce)
        self.replan()
        who = self.stands.identity
        names = None if self.is_manager else (who.nodename, who.subcluster)
        first = int.from_bytes(self._machine.entropy.octets(NUMBER_OCTETS), "big")
        self.relay = Relay(self.control_assembly, nursery, self.jobs, names, self._perform, first)
        self.control_assembly.add(self.relay)
        self.control_cache = ControlCache(self.relay, self.membership)
        if self.is_manager:
            nursery.start_soon(self.journals.run)
            nursery.start_soon(
                pull_logs, self._machine, who.nodename, self._nodes, lambda: self._generations.current.tree
            )
        if self._limits is not None:
            self._limits.join(self.cluster_assembly)
            self.cluster_assembly.add(self._limits)

    def _open_heartbeat(self, nursery: trio.Nursery) -> None:
        pulse = Pulse(self.stands.heartbeats_per_sec, self.stands.heartbeat_start_delay, trio.current_time())
        heartbeat = Heartbeat(self.cluster_assembly, pulse, self._expel)
        self.cluster_assembly.guard = heartbeat
        nursery.start_soon(heartbeat.run)

    def _expel(self, members: frozenset[str]) -> None:
        """By agreement *members* are out; if we are, we come anew."""
        self.cluster_assembly.expel(members)
        if self.cluster.bus.name in members:
            self.cluster.reset()

    def reset(self) -> None:
        """Leave all groups and come anew."""
        self.control.reset()
        self.cluster.reset()

    # Who we are

    async def _announce(self) -> None:
        """Say who we are, and again whenever that has changed."""
        while True:
            options = cluster_options(self._generations.current.tree)
            self.address = await node_address(options, self.stands.identity.nodename)
            looked_up = trio.current_time()
            while trio.current_time() < looked_up + ADDRESS_SECONDS:
                self.membership.announce()
                await trio.sleep(ANNOUNCE_SECONDS)

    def _nodes(self) -> Sequence[NodePlace]:
        """Where the nodes are whose logs are gathered, one of each name."""
        said = [report.said for report in self.membership.reports() if report.said is not None]
        nodes = [one for one in said if one.type is NodeType.MOMENTUM and one.address and one.port]
        return tuple(
            {
                one.nodename: NodePlace(one.nodename, HostPort(one.address, one.port), one.subcluster) for one in nodes
            }.values()
        )

    def _announcement(self) -> Announcement:
        if self.is_manager:
            name = self.control.bus.name
            return Announcement("", "", NodeType.MANAGER, name, __version__, "", 0, (self.stands.cluster_group,))
        who = self.stands.identity
        port = eccluster_port(self._generations.current.tree) if self.address else 0
        return Announcement(
            who.nodename,
            who.subcluster,
            NodeType.MOMENTUM,
            self.control.bus.name,
            __version__,
            self.address,
            port,
            self.stands.groups,
        )

    def _tell_log(self, record: Record) -> None:
        """What is for the paniclog is told in log_group as well; nobody waits for it."""
        log = self.control.assemblies.get(self.stands.log_group)
        if log is not None and isinstance(record, Panic):
            text = f"[{record.level.value}] {record.text}"
            log.publish(PANIC_TOPIC, text[:PANIC_CHARACTERS_MAX].encode("utf-8", "replace"))

    # What is replicated

    def replan(self) -> None:
        """Replicate what the configuration has replicated now, and have float what floats now."""
        self.floating.reconfigured(self._generations.current.tree)
        if self._nursery is None:
            return  # not begun yet
        wanted = {plan.name: plan for plan in planned(self._generations.current.tree) if isinstance(plan, Planned)}
        for name, shared in list(self.shared.items()):
            if wanted.get(name) != shared.planned:
                shared.scope.cancel()
                shared.part.retire()
                del self.shared[name]
        for plan in wanted.values():
            if plan.name not in self.shared:
                self._share(plan, self._nursery)
        self.shared = {name: self.shared[name] for name in wanted if name in self.shared}

    def _share(self, plan: Planned, nursery: trio.Nursery) -> None:
        by_name = plan.kind in (OUTBOUND_DOMAINS, OUTBOUND_BINDING_DOMAINS)
        structure = Structure.GAUGE_TABLE if by_name else Structure.CIDR_TREE
        terms = Terms(plan.name, structure, plan.max_delay_seconds, plan.max_pending)
        shared = self.shared[plan.name] = Shared(plan, Replication(self.cluster_assembly, terms, self.traffic))
        is_journalled = all(other.planned.kind != plan.kind or other is shared for other in self.shared.values())
        if self.is_manager and plan.kind in SERIES and is_journalled:  # once, under whatever names it is shared
            shared.part.replica.heard = self.journals.hears(plan.kind)
        nursery.start_soon(self._replicate, shared)

    async def _replicate(self, shared: Shared) -> None:
        with shared.scope, self._census.counting(shared.planned, shared.part.add):
            self.cluster_assembly.add(shared.part)
            try:
                await shared.part.run()
            finally:
                self.cluster_assembly.remove(shared.part)
