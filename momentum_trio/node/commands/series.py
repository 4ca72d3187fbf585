"""What a manager's console is asked about journals of series: as ``cidr_cli`` (spec/cluster.md section 10)."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.node.commands.eccmgr import WITHOUT_CLUSTER

LINES_MAX = 10_000
"""Of one answer; cidr_cli shows any number."""


async def _ask(request: Request, words: str) -> Answer:
    there = request.administration.cluster
    if there is None:
        return failure(WITHOUT_CLUSTER)
    lines, complaints = await there.series(f"{words} {request.rest}")
    if len(lines) > LINES_MAX:
        return failure(f"{len(lines)} lines: ask for fewer (limit, cidrsize), or ask by cidr_cli")
    return Answer("\n".join((*complaints, *lines)), {"lines": lines, "complaints": complaints}, failed=bool(complaints))


async def _available(request: Request) -> Answer:
    return await _ask(request, "show available")


async def _count(request: Request) -> Answer:
    return await _ask(request, "show count")


async def _details(request: Request) -> Answer:
    return await _ask(request, "cache details")


SHOW_AVAILABLE = Command(
    ("show", "available"), "Show which series as_logger has journalled, and of which time.", _available
)
SHOW_COUNT = Command(
    ("show", "count"),
    "Show how often something happened of addresses, by the journals.",
    _count,
    arguments="for CIDR in SERIES [CLAUSE ...]",
    help="As cidr_cli takes it: show count for 0.0.0.0/0 in connect since 20080423 order by count limit 10.",
)
CACHE_DETAILS = Command(("cache", "details"), "Show which journals are kept in memory.", _details)
