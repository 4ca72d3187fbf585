"""``threads``: the worker threads of this machine, by kind (spec/console.md section 8)."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.console.command import Answer, Command, Data, Request
from momentum_trio.machine.facts import PoolFacts


async def _stats(request: Request) -> Answer:
    pools = request.administration.instruments.pools()
    return Answer("\n".join(line for pool in pools for line in _lines(pool)), list(map(_fields, pools)))


def _lines(pool: PoolFacts) -> Iterator[str]:
    yield f"{pool.name} thread pool: concurrency {pool.concurrency}"
    if pool.invocations:
        yield f"{'Total invocations':>32}: {pool.invocations}"
        yield f"{'Observed average concurrency':>32}: {pool.crowd / pool.invocations:.2f}"
        yield f"{'Thread pool saturation':>32}: {_saturation(pool):5.2f}%"
        yield f"{'Average wallclock time per op':>32}: {_milliseconds(pool):.2f}ms"
        yield f"{'Current thread count':>32}: {pool.busy}"
        yield "  [inactive threads]"
        yield f"{'Current thread count':>32}: {pool.concurrency - pool.busy}"


def _saturation(pool: PoolFacts) -> float:
    """How much of what it could have done it did."""
    return 100 * pool.busy_seconds / (pool.observed_seconds * pool.concurrency) if pool.observed_seconds else 0.0


def _milliseconds(pool: PoolFacts) -> float:
    return 1000 * pool.busy_seconds / pool.invocations if pool.invocations else 0.0


def _fields(pool: PoolFacts) -> Data:
    return {
        "pool": pool.name,
        "concurrency": pool.concurrency,
        "busy": pool.busy,
        "waiting": pool.waiting,
        "invocations": pool.invocations,
        "average_concurrency": round(pool.crowd / max(pool.invocations, 1), 2),
        "saturation": round(_saturation(pool), 2),
        "milliseconds": round(_milliseconds(pool), 2),
    }


async def _io(request: Request) -> Answer:
    return _queue(request, "IO")


async def _cpu(request: Request) -> Answer:
    return _queue(request, "CPU")


def _queue(request: Request, name: str) -> Answer:
    waiting = sum(pool.waiting for pool in request.administration.instruments.pools() if pool.name == name)
    return Answer(f"Jobs in the {name} pool\n{waiting} jobs", {"pool": name, "jobs": waiting})


STATS = Command(
    ("threads", "stats"),
    "Show what the worker threads do.",
    _stats,
    help="IO: files; CPU: other work that would block, such as passwords and user names. Inactive threads are those\n"
    "that could be had at once.",
)
IO_QUEUE = Command(("threads", "io", "queue"), "Show how many jobs with files wait for a worker thread.", _io)
CPU_QUEUE = Command(("threads", "cpu", "queue"), "Show how many other jobs wait for a worker thread.", _cpu)
