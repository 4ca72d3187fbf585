"""What nodes are to each other over ECCluster, without the rest of them: small programs on simulated hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from itertools import count
from typing import Any

import trio

from momentum_trio.cluster.channel import NodePlace
from momentum_trio.cluster.log_service import LogService
from momentum_trio.config.load import load_text
from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.blackhole import Blackhole
from momentum_trio.delivery.move import Moves
from momentum_trio.delivery.queue import Queue
from momentum_trio.limits.local import LocalState
from momentum_trio.listener import eccluster
from momentum_trio.listener.kind import Connection, Counters, Generation, Generations, Services
from momentum_trio.listener.node_to_node import NodeToNode
from momentum_trio.log.jlogs import Jlogs
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Record
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.host_port import HostPort
from momentum_trio.node.node_to_node import bind_with, connect_with, published_logs
from momentum_trio.node.schema import DECLARED
from momentum_trio.reception.transfer import Transfers
from momentum_trio.spool.message import Owed
from momentum_trio.spool.spool import Spool, SpoolTerms, open_spool
from sim.world import World

PORT = 4802
ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2", "mgr": "10.0.0.3"}
SECRET = "correct horse battery staple"
LOG = "/var/log/mainlog.cluster"
LISTEN = Endpoint.parse(f":{PORT}")
TERMS = SpoolTerms("/spool", segment_octets=64 * 1024, large_message_octets=1000)
TEXT = """
Suspend_Delivery = {suspended}
Delivery_Method = BLACKHOLE
Cluster_Secret = "{secret}"
Binding "mail" {{}}
cluster {{ Nodename = "{name}" logs = [ mainlog = "{log}" ] Log_Idle_Interval = 2 }}
Logs {{ Logfile = "/gathered/%Y-%m-%d/%{{l}}/%{{n}}" }}
ECCluster_Listener {{ Listen ":4802" {{}} }}
"""


def tree_of(name: str, secret: str = SECRET, more: str = "", suspended: str = "true") -> ConfigTree:
    """The configuration of a node."""
    text = TEXT.format(name=name, secret=secret, log=LOG, suspended=suspended)
    return load_text(text + more, declared=DECLARED)


TREES = {name: tree_of(name) for name in ADDRESSES}


def place(name: str) -> NodePlace:
    """Where a node is."""
    return NodePlace(name, HostPort(ADDRESSES[name], PORT))


class Node:
    """One life of a node: its spool, its queue, its logs, and who answers others."""

    def __init__(self, machine: Machine, name: str, spool: Spool, tree: ConfigTree) -> None:
        self.machine, self.name, self.spool = machine, name, spool
        self.generations = Generations(Generation(1, tree))
        self.records: list[Record] = []
        machine.events.subscribe(self.records.append)
        self.queue = Queue(machine, spool, self.generations, [Blackhole()], LocalState(name))
        self.moves = Moves(machine, spool, self.queue, connect_with(machine, self.generations))
        self.jlogs = Jlogs(machine.disk, machine.entropy)
        self.taken: list[Owed] = []
        transfers = Transfers(machine, spool, self._take, bind_with(self.generations))
        logs = LogService(self.jlogs, lambda: published_logs(self.generations.current.tree))
        self.nodes = NodeToNode(logs, transfers)
        self.services = Services(machine, LocalState(name), node_to_node=self.nodes)
        self.draining = trio.Event()
        self._numbers = count(1)

    def _take(self, owed: Owed) -> None:
        self.taken.append(owed)
        self.queue.take_found(owed)

    async def listen(self) -> None:
        """Answer others until cancelled."""
        socket = trio.socket.socket()
        socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        await socket.bind(("0.0.0.0", PORT))
        socket.listen(10)
        async with trio.open_nursery() as nursery:
            while True:
                accepted, address = await socket.accept()
                nursery.start_soon(self._converse, accepted, address)

    async def _converse(self, socket: trio.socket.SocketType, address: Any) -> None:
        with socket:
            await eccluster.converse(self.connection(socket, address), self.services)

    def connection(self, socket: trio.socket.SocketType, address: Any) -> Connection:
        """One that was accepted."""
        return Connection(
            socket,
            LISTEN,
            "eccluster_listener",
            f"connection {next(self._numbers)}",
            ip_address(address[0]),
            f"{address[0]}:{address[1]}",
            f"{ADDRESSES[self.name]}:{PORT}",
            False,
            None,
            self.generations,
            Counters(),
            self.draining,
        )


@asynccontextmanager
async def node(
    machine: Machine, name: str, tree: ConfigTree | None = None, terms: SpoolTerms = TERMS
) -> AsyncIterator[Node]:
    """A life, for the block."""
    async with open_spool(machine, terms) as spool:
        made = Node(machine, name, spool, tree or TREES[name])
        async with trio.open_nursery() as nursery:
            await nursery.start(made.queue.run)
            nursery.start_soon(made.listen)
            yield made
            nursery.cancel_scope.cancel()
        await made.jlogs.close()


async def run_for_ever(machine: Machine, name: str, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
    """A program: a node that answers others."""
    async with node(machine, name) as made:
        task_status.started(made)
        await trio.sleep_forever()


def world(seed: int = 1, names: Sequence[str] = ("a", "b")) -> World:
    """Hosts of those names."""
    made = World(seed)
    for name in names:
        made.host(name, ADDRESSES[name], "127.0.0.1")
    return made
