"""What the mail plane has to tell of metrics."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nlargest

from momentum_trio.delivery.census import Count
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.move import Moves
from momentum_trio.delivery.operations import Which
from momentum_trio.delivery.queue import Queue
from momentum_trio.events.hub import Hub
from momentum_trio.limits.contract import SharedState
from momentum_trio.listener.node_to_node import NodeToNode
from momentum_trio.metrics import table
from momentum_trio.metrics.metric import Distribution, Family, Metric, Sample, one
from momentum_trio.metrics.table import DOMAINS_SHOWN
from momentum_trio.spool.latencies import BOUNDS_SECONDS
from momentum_trio.spool.spool import Spool
from momentum_trio.webhook.webhooks import Webhooks


async def queue_families(queue: Queue) -> list[Family]:
    """Of what waits. Others have their turn while it is counted."""
    bindings, domains = dict[tuple[str, ...], Count](), dict[tuple[str, ...], Count]()
    for key, count in await queue.census.by_lane(Which()):
        bindings.setdefault(key[:2], Count()).add(count)
        domains.setdefault(key[2:], Count()).add(count)
    most = dict(nlargest(DOMAINS_SHOWN, domains.items(), key=lambda item: item[1].active + item[1].delayed))
    return [
        Family(table.QUEUE, list(_waiting(bindings))),
        one(table.QUEUE_DOMAINS, len(domains)),
        Family(table.QUEUE_DOMAIN, list(_waiting(most))),
        one(table.CONNECTIONS, queue.carriage.connections),
    ]


def _waiting(counted: dict[tuple[str, ...], Count]) -> Iterator[Sample]:
    for key, count in sorted(counted.items()):
        yield Sample(count.active, (*key, "active"))
        yield Sample(count.delayed, (*key, "delayed"))


def dns_families(hosts: Hosts) -> Iterator[Family]:
    """The metrics of questions to DNS."""
    yield Family(table.DNS_QUESTIONS, [Sample(count, (kind,)) for kind, count in sorted(hosts.questions.items())])
    yield one(table.DNS_PENDING, hosts.pending)


def spool_families(spool: Spool) -> Iterator[Family]:
    """The metrics of custody."""
    yield one(table.SPOOL_BYTES, spool.log_octets)
    yield one(table.SPOOL_LIVE_BYTES, spool.live_octets)
    yield one(table.SPOOL_BATCHES, spool.batches_in_custody)
    took = spool.latencies
    yield Family(table.COMMIT_SECONDS, (), Distribution(BOUNDS_SECONDS, tuple(took.counts), took.sum_seconds))


def limit_families(everywhere: SharedState) -> Iterator[Family]:
    """Whether limits over all nodes can be had."""
    yield one(table.SHARED_STATE_UP, everywhere.is_up)
    yield one(table.SHARED_STATE_MEMBERS, len(everywhere.members()))


def event_families(hub: Hub, webhooks: Webhooks) -> Iterator[Family]:
    """Of the event stream, and of those who are told of it."""
    yield one(table.EVENTS, hub.number)
    yield one(table.EVENT_FOLLOWERS, hub.followers)
    hooks = list(webhooks)

    def each(metric: Metric, values: list[int]) -> Family:
        return Family(metric, [Sample(value, (hook.name,)) for hook, value in zip(hooks, values, strict=True)])

    yield each(table.WEBHOOK_WAITING, [hook.waiting for hook in hooks])
    yield each(table.WEBHOOK_BYTES, [hook.octets for hook in hooks])
    yield each(table.WEBHOOK_EVENTS, [hook.counts.acknowledged for hook in hooks])
    yield each(table.WEBHOOK_LOST, [hook.counts.lost for hook in hooks])
    yield each(table.WEBHOOK_BATCHES, [hook.counts.batches for hook in hooks])
    yield each(table.WEBHOOK_FAILURES, [hook.counts.failures for hook in hooks])


def node_families(nodes: NodeToNode | None, moves: Moves) -> Iterator[Family]:
    """Of what this node is to others of its cluster."""
    if nodes is None:
        return
    refused = sorted((code.name.lower(), count) for code, count in nodes.refused.items())
    yield Family(table.ECCLUSTER_ENDS, [Sample(count, (why,)) for why, count in refused])
    yield one(table.LOG_REPLAYED_BYTES, nodes.logs.counts.lines_octets)
    yield one(table.LOG_CHECKPOINTS, nodes.logs.counts.checkpoints)
    yield one(table.MOVES_UNCERTAIN, moves.counts.uncertain)
