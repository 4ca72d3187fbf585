"""The server of the message bus on a node: it runs while ``msgc_server {}`` stands in the configuration."""

from __future__ import annotations

from collections.abc import Iterator

import trio

from momentum_trio.cluster.cluster_options import ClusterOptions
from momentum_trio.cluster.identity import Identity, NoIdentity, identity
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener import msgcserver
from momentum_trio.listener.kind import Generations, Services
from momentum_trio.listener.listen_options import ListenOptions
from momentum_trio.machine import Machine
from momentum_trio.metrics import table
from momentum_trio.metrics.metric import Family, Sample, one
from momentum_trio.msgc.msgc_options import MsgcClientOptions, MsgcServerOptions
from momentum_trio.msgc.secret import secrets_of
from momentum_trio.msgc.server import BusServer

SERVER, CLIENT, CLUSTER = "msgc_server", "msgc_client", "cluster"


def server_options(tree: ConfigTree) -> MsgcServerOptions:
    """Those of the server of the bus."""
    return MsgcServerOptions.resolve(tree.chain_scope(SERVER))


def has_server(tree: ConfigTree) -> bool:
    """Whether this node is to run a server of the bus."""
    return tree.root.child(SERVER) is not None and server_options(tree).enabled


def node_identity(machine: Machine, tree: ConfigTree) -> Identity | NoIdentity:
    """What this node is called in its cluster."""
    options = ClusterOptions.resolve(tree.chain_scope(CLUSTER))
    return identity(options, machine.process.environment, machine.process.hostname)


async def bus_problems(machine: Machine, tree: ConfigTree) -> list[str]:
    """Why the bus could not be run as *tree* has it: the name of this node, the files of secrets."""
    problems = []
    if has_server(tree):
        options, who = server_options(tree), node_identity(machine, tree)
        if isinstance(who, NoIdentity):
            problems.append(f"msgc_server: {who.why}")
        elif options.peers and who.nodename not in dict(options.peers):
            problems.append(f"msgc_server: this node, {who.nodename}, is not in Peers, which names every server")
    for word, kind in ((SERVER, MsgcServerOptions), (CLIENT, MsgcClientOptions)):
        if tree.root.child(word) is not None:
            try:
                await secrets_of(machine, kind.resolve(tree.chain_scope(word)))
            except OSError as fault:
                problems.append(f"{word}: Cluster_Secret: {fault.strerror or fault}")
    return problems


def bus_warnings(tree: ConfigTree) -> Iterator[str]:
    """What an operator should know of the bus: that nothing is proved on it, that nobody reaches it."""
    if not has_server(tree):
        return
    options, kind = server_options(tree), msgcserver.KIND.key
    chains = [tree.chain_for(kind, scope.endpoint, None) for scope in tree.listens(kind)]
    if not any(ListenOptions.resolve(chain).enable for chain in chains):
        yield "msgc_server: no Listen of a msgcserver_listener is enabled: nobody reaches this server of the bus"
    if options.peers and not options.secret:
        yield (
            "msgc_server: without Cluster_Secret nobody on the bus has to prove who he is: whoever can speak from an "
            "address in Peers, or is on this host, is let in"
        )


async def run_bus(machine: Machine, generations: Generations, services: Services) -> None:
    """Run the server of the bus while the configuration has one, until cancelled. It is *services*' while it runs."""
    while True:
        if not has_server(generations.current.tree):
            await generations.changed()
            continue
        who = node_identity(machine, generations.current.tree)
        assert isinstance(who, Identity)  # bus_problems
        bus = services.bus = BusServer(machine, who.nodename, lambda: server_options(generations.current.tree))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bus.run)
                while has_server(generations.current.tree):
                    bus.reconfigured()
                    await generations.changed()
                nursery.cancel_scope.cancel()
        finally:
            services.bus = None


def bus_families(bus: BusServer | None) -> Iterator[Family]:
    """Of the server of the bus; without one, nothing."""
    if bus is None or (life := bus.life) is None:
        return
    yield Family(table.BUS_CONNECTIONS, [Sample(life.peer_count, ("server",)), Sample(life.member_count, ("client",))])
    yield Family(table.BUS_ENDS, [Sample(count, (code.name.lower(),)) for code, count in sorted(bus.ends.items())])
    yield one(table.BUS_SERVERS, len(life.core.view.members))
    yield one(table.BUS_PRIMARY, life.core.view.primary)
