"""What a node in a cluster has to tell of metrics."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.metrics import table
from momentum_trio.metrics.metric import Family, Sample, one
from momentum_trio.node.cluster_life import Life


def cluster_families(life: Life | None) -> Iterator[Family]:
    """Of its cluster module; without one, nothing."""
    if life is None:
        return
    connections = (life.control, life.cluster)
    yield Family(table.CLUSTER_UP, [Sample(bool(each.bus.name), (each.letter,)) for each in connections])
    members = [report.member for report in life.membership.reports()]
    yield one(table.CLUSTER_MEMBERS, len(members))
    yield one(table.CLUSTER_LEADER, bool(members) and members[0] == life.cluster.bus.name)
    yield Family(table.CLUSTER_VIEWS, [Sample(each.traffic.views, (each.letter,)) for each in connections])
    sent, received = Sample(life.traffic.sent, ("sent",)), Sample(life.traffic.received, ("received",))
    yield Family(table.CLUSTER_UPDATES, [sent, received])
    keys = [(name, len(shared.part.replica.totals())) for name, shared in life.shared.items()]
    yield Family(table.CLUSTER_KEYS, [Sample(count, (name,)) for name, count in keys])
    dropped = [(each, sorted(each.traffic.dropped.items())) for each in connections]
    yield Family(
        table.CLUSTER_DROPPED,
        [Sample(count, (each.letter, why)) for each, whys in dropped for why, count in whys],
    )
    yield one(table.CLUSTER_EXPELLED, life.cluster.traffic.expelled)
