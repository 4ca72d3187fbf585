"""What this node is to others of its cluster over ECCluster: its logs, mail it takes, and mail that it hands over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from momentum_trio.cluster.channel import Broken, NodePlace, connected
from momentum_trio.cluster.cluster_options import ClusterOptions
from momentum_trio.cluster.handing import Handover
from momentum_trio.cluster.identity import NoIdentity, identity
from momentum_trio.cluster.published_options import PublishedOptions
from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.move import Connect
from momentum_trio.listener.kind import Generations
from momentum_trio.machine import Machine
from momentum_trio.msgc.msgc_options import BusSecretOptions
from momentum_trio.msgc.secret import secrets_of
from momentum_trio.node.queue_desk import configured_bindings
from momentum_trio.protocol.cluster.eccluster import Service
from momentum_trio.protocol.msgc.frame import Code
from momentum_trio.reception.transfer import Bind

UNBOUND = ("default", "default")


def published_logs(tree: ConfigTree) -> Mapping[str, str]:
    """The logs that *tree* publishes, and their folders; none where there is no ``cluster``."""
    if tree.root.child("cluster") is None:
        return {}
    return dict(PublishedOptions.resolve(tree.chain_scope("cluster")).logs)


def connect_with(machine: Machine, generations: Generations) -> Connect:
    """How mail that moves gets to other nodes."""

    @asynccontextmanager
    async def connection(to: NodePlace) -> AsyncIterator[Handover]:
        tree = generations.current.tree
        options = ClusterOptions.resolve(tree.chain_scope("cluster"))
        who = identity(options, machine.process.environment, machine.process.hostname)
        if isinstance(who, NoIdentity):
            raise Broken(Code.NOT_ALLOWED, who.why, by_peer=False)
        try:
            secrets = await secrets_of(machine, BusSecretOptions.resolve(tree.chain_global()))
        except OSError as fault:
            raise Broken(Code.UNPROVED, f"Cluster_Secret: {fault}", by_peer=False) from None
        async with connected(machine, who.nodename, to, secrets, Service.MOVE) as channel:
            yield Handover(channel, who.nodename)

    def connect(to: NodePlace) -> AbstractAsyncContextManager[Handover]:
        return connection(to)

    return connect


def bind_with(generations: Generations) -> Bind:
    """The binding of mail that comes from another node: that which it had there, if it is configured here, too."""

    def bind(binding_group: str, binding: str) -> tuple[str, str]:
        known = configured_bindings(generations.current.tree)
        return (binding_group, binding) if (binding_group, binding) in known else UNBOUND

    return bind
