"""Who a node is in its cluster: its name, its subcluster, its address (spec/cluster.md section 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import trio

from momentum_trio.cluster.cluster_options import ClusterOptions, is_name
from momentum_trio.net.netblock import parse_address

NODE_NAME, SUB_CLUSTER = "EC_NODE_NAME", "EC_SUB_CLUSTER"
"""Environment variables."""
DEFAULT_SUBCLUSTER = "default"
SUBCLUSTER_GROUP = "ec_sc_"
"""Before the name of a subcluster: its group."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A node's names."""

    nodename: str
    subcluster: str

    @property
    def subcluster_group(self) -> str:
        """``ec_sc_default``."""
        return SUBCLUSTER_GROUP + self.subcluster


@dataclass(frozen=True, slots=True)
class NoIdentity:
    """A node that cannot be in a cluster, and why."""

    why: str


def identity(options: ClusterOptions, environment: Mapping[str, str], hostname: str) -> Identity | NoIdentity:
    """Who the node is: by *options*, else by the environment, else by the host's name up to its first dot."""
    nodename = options.nodename or environment.get(NODE_NAME, "") or hostname.partition(".")[0].lower()
    subcluster = options.subcluster or environment.get(SUB_CLUSTER, "") or DEFAULT_SUBCLUSTER
    said = "a word of a-z, 0-9, '.', '_' and '-'"
    if not is_name(nodename):
        source = NODE_NAME if environment.get(NODE_NAME) else "the host's name"
        return NoIdentity(f"the name of this node, '{nodename}' by {source}, is not {said}: set Nodename in cluster")
    if not is_name(subcluster):
        return NoIdentity(f"the subcluster '{subcluster}' by {SUB_CLUSTER} is not {said}")
    return Identity(nodename, subcluster)


async def node_address(options: ClusterOptions, nodename: str) -> str:
    """The node's address in the cluster: Nodeaddr, else what *nodename* resolves to, never loopback.

    Empty where it has none: then nobody can be told where to reach its ECCluster_Listener.
    """
    if options.nodeaddr:
        return options.nodeaddr
    try:
        found = await trio.socket.getaddrinfo(nodename, None, type=trio.socket.SOCK_STREAM)
    except OSError:
        return ""
    addresses = [parse_address(str(address[0]).partition("%")[0]) for *_, address in found]
    return next((str(address) for address in addresses if not address.is_loopback), "")
