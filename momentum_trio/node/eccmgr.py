"""``eccmgr``: the manager of a cluster, which commands its nodes and gathers their logs, and carries no mail."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.cluster.plan import CLUSTER
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener.kind import ListenerKind
from momentum_trio.node.cluster_standing import cluster_options
from momentum_trio.node.no_mail import open_no_mail
from momentum_trio.node.program import Program
from momentum_trio.node.tables import LISTENERS, MANAGER_COMMANDS, MANAGER_LISTENERS
from momentum_trio.protocol.cluster.membership import NodeType


def unfit(tree: ConfigTree) -> tuple[str, ...]:
    """Why *tree* is no configuration of a manager, a sentence each."""
    has_cluster = tree.root.child(CLUSTER) is not None and cluster_options(tree).enabled
    none = () if has_cluster else ("a manager needs a cluster {} that is enabled: there is none in its configuration",)
    return (*none, *(f"a manager carries no mail: it has no {kind.scope}" for kind in _out_of_place(tree)))


def _out_of_place(tree: ConfigTree) -> Iterator[ListenerKind]:
    return (kind for kind in LISTENERS if kind not in MANAGER_LISTENERS and tree.root.child(kind.key) is not None)


MANAGER = Program("eccmgr", MANAGER_LISTENERS, MANAGER_COMMANDS, NodeType.MANAGER, open_no_mail, unfit)
