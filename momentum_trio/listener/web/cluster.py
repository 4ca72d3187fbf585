"""``GET /api/v1/cluster``: who is in the cluster of this node, and what its nodes share."""

from __future__ import annotations

import msgspec

from momentum_trio.console.clustered import Clustered, MemberRow, SharedRow
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import Command, Operation, Route
from momentum_trio.protocol.http.response import Response, of_json


class Member(msgspec.Struct, frozen=True):
    """One member, as the console's ``cluster membership`` has it; what it has not said yet is empty."""

    private_name: str
    nodename: str
    subcluster: str
    type: str
    version: str
    address: str
    groups: tuple[str, ...]
    leader: bool

    @classmethod
    def of(cls, row: MemberRow) -> Member:
        """The same of *row*."""
        return cls(
            row.private_name,
            row.nodename,
            row.subcluster,
            row.type,
            row.version,
            row.address,
            row.groups,
            row.is_leader,
        )


class Shared(msgspec.Struct, frozen=True):
    """One replicated object. keys: how many there are on all nodes; total: the sum of their counts."""

    name: str
    structure: str
    keys: int
    total: int


class Cluster(msgspec.Struct, frozen=True):
    """The cluster as this node sees it. connected: to the bus. primary: most servers of the bus are in its view."""

    nodename: str
    connected: bool
    primary: bool
    leader: str
    members: list[Member]
    shared: list[Shared]


class Clusters(msgspec.Struct, frozen=True):
    """results: null where the node is in no cluster."""

    results: Cluster | None


async def get(exchange: Exchange) -> Response:
    """As the console's ``cluster membership`` and ``cluster shared list``."""
    assert exchange.services.administration is not None
    cluster = exchange.services.administration.cluster
    return of_json(Clusters(None if cluster is None else _seen(cluster)))


def _seen(cluster: Clustered) -> Cluster:
    info = cluster.info()
    members = [Member.of(row) for row in cluster.members()]
    shared = [_shared(cluster, row) for row in cluster.shared()]
    return Cluster(cluster.nodename, bool(info.connections), info.is_primary, info.leader, members, shared)


def _shared(cluster: Clustered, row: SharedRow) -> Shared:
    view = cluster.shared_view(row.name)
    counts = {} if isinstance(view, str) else view.counts
    return Shared(row.name, row.structure, len(counts), sum(counts.values()))


CLUSTER = Route(
    "GET",
    "/api/v1/cluster",
    get,
    Command("cluster membership"),
    Operation("Who is in the cluster, and what is shared", gives={200: Clusters}),
)
