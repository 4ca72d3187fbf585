"""What the console shows of queues: rows, pages and their values for JSON (spec/console.md sections 8 and 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from momentum_trio.console.command import Data
from momentum_trio.delivery.census import Count
from momentum_trio.delivery.outbound import OutboundConnection
from momentum_trio.delivery.tally import Tally
from momentum_trio.node.link import Said

ROWS_MAX = 10_000
"""Rows that are shown at most; a last line says how many more there are."""

MAILQ_DOMAIN_END, MAILQ_WIDTH = 58, 74
SUMMARY_STARS = 44

Order = Callable[[Count], bool]


def _row(label: str, count: Count, connections_width: int = 3) -> str:
    """``label  C:  0  A:      8  D:     0  S:     0``."""
    shown = f"C:{count.connections:{connections_width}d}  A:{count.active:7d}  D:{count.delayed:6d}  S:{count.sent:6d}"
    return f"{label}{shown}"


def fields(count: Count) -> dict[str, Data]:
    """What a console that asks for JSON gets of *count*."""
    return {
        "connections": count.connections,
        "active": count.active,
        "delayed": count.delayed,
        "sent": count.sent,
        "failed": count.failed,
    }


def total_of(counts: Iterator[Count]) -> Count:
    """*counts* added up, field by field."""
    total = Count()
    for count in counts:
        total.add(count)
    return total


def domain_rows(counted: Mapping[str, Count], shown: Order, *, summary: bool = False) -> Said:
    """One row for each domain that is *shown*, and the total of all. summary: in the manner of ``domain all``."""
    names = sorted(name for name, count in counted.items() if shown(count))
    total = total_of(iter(counted.values()))
    rows = [_row(f"Domain: {name:>30}  ", counted[name]) for name in names[:ROWS_MAX]]
    rows += _more(len(names))
    last = _row("Totals: " if summary else f"{'Total:':>38}  ", total, 4)
    text = "\n".join([*(["Domain summary:"] if summary else []), *rows, last])
    of_domain = _aged if summary else fields
    domains: list[Data] = [{"domain": name, **of_domain(counted[name])} for name in names[:ROWS_MAX]]
    return Said(text, {"domains": domains, "total": of_domain(total)})


def _aged(count: Count) -> dict[str, Data]:
    return {**fields(count), "oldest_seconds": round(count.oldest_seconds, 3)}


def domain_page(count: Count, connections: Sequence[OutboundConnection], now: float) -> Iterator[str]:
    """The part of ``domain NAME`` that tells of its mail, and of the *connections* to it. now: trio's time."""
    yield "Queue:"
    yield f"        Active: {count.active:10d}"
    yield f"        Delayed: {count.delayed:9d}"
    yield f"Deliveries: {count.sent:9d}"
    yield f"Failures: {count.failed:11d}"
    yield f"Active Connections: {len(connections)}"
    for number, each in enumerate(connections[:ROWS_MAX], 1):
        state = f"{each.stage.words} ({(now - each.since) * 1000:.2f}ms)"
        yield f"[{number:2d}] FD: {each.descriptor:6d}  IP: {each.place.address_text:>15}  State: {state}"
    yield from _more(len(connections))


def _more(count: int) -> list[str]:
    return [f"... and {count - ROWS_MAX} more"] if count > ROWS_MAX else []


def mailq(counted: Mapping[tuple[str, str, str], Count], limit: int) -> Said:
    """The queues by binding group and binding, *limit* of them."""
    keys = sorted(counted)[: min(limit, ROWS_MAX)]
    head = f"{'Group/Binding':<{MAILQ_DOMAIN_END - 6}}Domain{'AQ':>8}{'DQ':>8}"
    rows = [_queue(key, counted[key]) for key in keys]
    data: list[Data] = [
        {"binding_group": key[0], "binding": key[1], "domain": key[2], **fields(counted[key])} for key in keys
    ]
    return Said("\n".join([head, "-" * MAILQ_WIDTH, *rows]), data)


def _queue(key: tuple[str, str, str], count: Count) -> str:
    name = f"{key[0]}/{key[1]} "
    return f"{name}{key[2]:>{max(MAILQ_DOMAIN_END - len(name), 0)}}{count.active:8d}{count.delayed:8d}"


def binding_summaries(
    bindings: Sequence[tuple[tuple[str, str], Count, Tally, int]], group: str, uptime_seconds: float
) -> Said:
    """What each binding did since the start; with a *group*, also what all of them did."""
    blocks, data = list[str](), list[Data]()
    for (binding_group, binding), count, tally, residents in bindings:
        title = f"Binding {binding}" + (f" in Binding Group {binding_group}" if group else "")
        blocks += _block(title, "Resident", count, tally, residents, uptime_seconds)
        data.append({"binding_group": binding_group, "binding": binding, **_summed(count, tally, residents)})
    if group:
        count = total_of(each[1] for each in bindings)
        tally = Tally(*(sum(column) for column in zip(*(_columns(each[2]) for each in bindings), strict=True)))
        residents = sum(each[3] for each in bindings)
        blocks += ["*" * SUMMARY_STARS]
        blocks += _block(f"Binding Group {group}", "Incore", count, tally, residents, uptime_seconds)
    return Said("\n".join(blocks), {"bindings": data, "uptime_seconds": int(uptime_seconds)})


def _columns(tally: Tally) -> tuple[int, int, int]:
    return tally.received, tally.delivered, tally.failed


def _block(title: str, where: str, count: Count, tally: Tally, residents: int, uptime_seconds: float) -> Iterator[str]:
    seconds = max(uptime_seconds, 1.0)
    yield f"Summary Statistics For {title}"
    for label, value in (
        ("Open Connections", f"{count.connections:7d}"),
        ("Active Queue Size", f"{count.active:6d}"),
        ("Total Queue Size", f"{count.active + count.delayed:6d}"),
        ("Successfully Delivered Messages", f"{tally.delivered:6d}"),
        ("Failed Messages", f"{tally.failed:6d}"),
        ("Received Messages", f"{tally.received:6d}"),
        (f"{where} Messages", f"{residents:6d}"),
        ("Delivery Rate", f"{(tally.delivered + tally.failed) / seconds:6.2f} messages/second"),
        ("Reception Rate", f"{tally.received / seconds:6.2f} messages/second"),
        ("Uptime", f"{int(uptime_seconds):6d} seconds"),
    ):
        yield f"        {label}: {value}"


def _summed(count: Count, tally: Tally, residents: int) -> dict[str, Data]:
    return {
        "connections": count.connections,
        "active": count.active,
        "delayed": count.delayed,
        "received": tally.received,
        "delivered": tally.delivered,
        "failed": tally.failed,
        "resident": residents,
    }
