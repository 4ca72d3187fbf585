"""``summary``: the node's counts, in the layout of spec/console.md section 8."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.console.facade import Summary


async def _summary(request: Request) -> Answer:
    match request.rest.lower():
        case "" | "with-mobile":
            summary = await request.administration.summary()
            return Answer(_text(summary), _fields(summary))
        case "reset":
            request.administration.reset_statistics()
            return Answer("statistics cleared.", {"reset": True})
    return failure("usage: summary [reset|with-mobile]")


def _text(summary: Summary) -> str:
    lines = [f"        {label}:{shape.format(value)}" for label, _, shape, value in _rows(summary)]
    return "\n".join(["Summary Statistics", *lines, *(f"Warning: {warning}" for warning in summary.warnings)])


def _fields(summary: Summary) -> Data:
    counts: dict[str, Data] = {name: value for _, name, _, value in _rows(summary)}
    return {**counts, "warnings": summary.warnings}


def _rows(summary: Summary) -> Iterator[tuple[str, str, str, int | float]]:
    """Label, name in JSON, shape of the value with what stands after it, value."""
    seconds = max(summary.since_reset_seconds, 1.0)
    gone = summary.delivered + summary.failed
    wide, narrow, rate, age = " {:7d}", " {:6d}", " {:6.2f} messages/second", " {:6d} seconds"
    yield "Outbound Concurrency", "outbound_concurrency", wide, summary.outbound_concurrency
    yield "Inbound Concurrency", "inbound_concurrency", wide, summary.inbound_concurrency
    yield "Active Domains", "active_domains", wide, summary.active_domains
    yield "Active Queue Size", "active_queue_size", narrow, summary.active_queue
    yield "Delayed Queue Size", "delayed_queue_size", narrow, summary.delayed_queue
    yield "Destaged Queue Size", "destaged_queue_size", narrow, 0
    yield "Total Queue Size", "total_queue_size", narrow, summary.active_queue + summary.delayed_queue
    yield "DNS A Queries", "dns_a_queries", narrow, summary.dns_a_queries
    yield "DNS MX Queries", "dns_mx_queries", narrow, summary.dns_mx_queries
    yield "Pending DNS Queries", "pending_dns_queries", " {:d}", summary.dns_pending
    yield "Query Rate", "query_rate", " {:6.2f} queries/second", summary.dns_queries / seconds
    yield "Successfully Delivered Messages", "delivered", narrow, summary.delivered
    yield "Failed Messages", "failed", narrow, summary.failed
    yield "Rejected Messages", "rejected", narrow, summary.rejected
    yield "Received Messages", "received", narrow, summary.received
    yield "Delivery Rate", "delivery_rate", rate, gone / seconds
    yield "Reception Rate", "reception_rate", rate, summary.received / seconds
    yield "Statistics Last Reset", "since_reset_seconds", age, int(summary.since_reset_seconds)
    yield "Uptime", "uptime_seconds", age, int(summary.uptime_seconds)


SUMMARY = Command(
    ("summary",),
    "Show statistics of the whole node, or count from zero again.",
    _summary,
    arguments="[reset|with-mobile]",
    help="The delivery rate counts successes and failures. 'received' are messages accepted for delivery.\n"
    "'with-mobile' is taken and adds nothing.",
    candidates=lambda request: () if request.rest else ("reset", "with-mobile"),
)
