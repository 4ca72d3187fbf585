"""How a node is to stand in its cluster: what the life of its cluster plane depends on."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.cluster.cluster_options import ClusterOptions
from momentum_trio.cluster.identity import Identity, NoIdentity, identity
from momentum_trio.cluster.plan import CLUSTER, planned
from momentum_trio.config.tree import ConfigTree
from momentum_trio.machine import Machine

ECCLUSTER_PORT = 4802
"""Of an ECCluster_Listener, by convention."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Its names, groups and heartbeat."""

    identity: Identity
    cluster_group: str
    control_group: str
    log_group: str
    heartbeat_start_delay: float
    heartbeats_per_sec: int

    @property
    def groups(self) -> tuple[str, ...]:
        """Those that members are told it is in."""
        return (self.control_group, self.identity.subcluster_group, self.cluster_group)


def cluster_options(tree: ConfigTree) -> ClusterOptions:
    """What the scope ``cluster`` says, by default where there is none."""
    return ClusterOptions.resolve(tree.chain_scope(CLUSTER))


def standing(machine: Machine, tree: ConfigTree) -> Standing | NoIdentity | None:
    """How the node is to stand by *tree*; None: in no cluster."""
    options = cluster_options(tree)
    if tree.root.child(CLUSTER) is None or not options.enabled:
        return None
    who = identity(options, machine.process.environment, machine.process.hostname)
    if isinstance(who, NoIdentity):
        return who
    return Standing(
        who,
        options.cluster_group,
        options.control_group,
        options.log_group,
        options.heartbeat_start_delay,
        options.heartbeats_per_sec,
    )


def cluster_problems(machine: Machine, tree: ConfigTree) -> tuple[str, ...]:
    """Why the node cannot be in the cluster that *tree* describes, a sentence each."""
    stands = standing(machine, tree)
    if stands is None:
        return ()
    who = (stands.why,) if isinstance(stands, NoIdentity) else ()
    return (*who, *_alike(stands), *(each for each in planned(tree) if isinstance(each, str)))


def _alike(stands: Standing | NoIdentity) -> tuple[str, ...]:
    """Groups of one connection that have the same name."""
    if isinstance(stands, NoIdentity):
        return ()
    pairs = ((stands.control_group, stands.log_group), (stands.cluster_group, stands.identity.subcluster_group))
    return tuple(f"two groups of the cluster are called '{one}'" for one, other in pairs if one == other)


def eccluster_port(tree: ConfigTree) -> int:
    """Where the node's ECCluster_Listener is: the port of its first Listen on TCP; 0 where it has none."""
    ports = (scope.endpoint.port for scope in tree.listens("eccluster_listener") if not scope.endpoint.path)
    return next(ports, 0)
