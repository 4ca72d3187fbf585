"""Throttles that all nodes share, in Redis and over our own bus, in one run: how much is admitted of what may be, how
long an answer takes, and what it costs. All nodes are in one process, over loopback; Redis is a process of its own.

One throttle at a time, hammered by TASKS of each node. Of what is admitted 1.000 is all that the throttle allows; above
it would be a fault. «wait» is from the first refusal of an event to its admission.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import trio

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS), str(TESTS / "limits"), str(TESTS / "msgc")]

from bus_mesh import Mesh, mesh  # noqa: E402
from forms import redis_nodes  # noqa: E402
from redis_process import redis_process  # noqa: E402

from momentum_trio.cluster.assembly import Connection  # noqa: E402
from momentum_trio.cluster.leases import LeasedState  # noqa: E402
from momentum_trio.config.load import load_text  # noqa: E402
from momentum_trio.limits.contract import SharedState  # noqa: E402
from momentum_trio.machine.os_machine import os_machine  # noqa: E402
from momentum_trio.msgc.member import Member  # noqa: E402
from momentum_trio.msgc.msgc_options import MsgcClientOptions  # noqa: E402
from momentum_trio.node.schema import DECLARED  # noqa: E402
from momentum_trio.protocol.cluster.holding import LATE_SECONDS  # noqa: E402

TASKS = 2
KEY = ("global", "cluster_outbound_throttle_messages")
GROUP = "ec_cluster"
RATES = ((100.0, 10.0), (1_000.0, 100.0), (10_000.0, 1_000.0))

Form = Callable[[int], AbstractAsyncContextManager[list[SharedState]]]


@asynccontextmanager
async def redis(count: int) -> AsyncIterator[list[SharedState]]:
    """Nodes at a Redis of their own."""
    with tempfile.TemporaryDirectory() as folder:
        async with redis_process(Path(folder)) as process, redis_nodes(process, count) as nodes:
            yield [*nodes]


@asynccontextmanager
async def msgc(count: int) -> AsyncIterator[list[SharedState]]:
    """Nodes each with its server of the bus."""
    names = [f"n{number}" for number in range(count)]
    async with mesh(*names) as bus, trio.open_nursery() as nursery:
        await bus.until_together()
        nodes = []
        for name in names:
            connection = Connection("s", dial(bus, name), GROUP)
            node = LeasedState(os_machine(), name)
            node.join(connection.assemblies[GROUP])
            connection.assemblies[GROUP].add(node)
            nursery.start_soon(connection.run)
            await nursery.start(node.run)
            nodes.append(node)
        with trio.fail_after(30):
            while not all(len(node.members()) == count and node.is_up for node in nodes):  # noqa: ASYNC110  (what is waited for tells nobody)
                await trio.sleep(0.05)
        await trio.sleep(LATE_SECONDS + 1)  # until the oldest grants
        yield [*nodes]
        nursery.cancel_scope.cancel()


def dial(bus: Mesh, name: str) -> Member:
    """A connection to the server of that node."""
    text = f'msgc_client {{ Server = ( "127.0.0.1:{bus.nodes[name].port}" ) }}\n'
    options = MsgcClientOptions.resolve(load_text(text, declared=DECLARED).chain_scope("msgc_client"))
    member = Member(bus.nodes[name].machine, "ec1-1", lambda: options)
    bus.nursery.start_soon(member.run)
    return member


FORMS: dict[str, Form] = {"redis": redis, "msgc": msgc}


async def hammer(state: SharedState, rate: float, burst: float, until: float, waits: list[float]) -> None:
    """Want events all the time."""
    refused_at = None
    while (now := trio.current_time()) < until:
        admission = state.throttle(KEY, rate, burst)
        if admission.admitted:
            waits.append(0.0 if refused_at is None else now - refused_at)
            refused_at = None
            await trio.lowlevel.checkpoint()
        else:
            refused_at = now if refused_at is None else refused_at
            await trio.sleep(admission.after_seconds)


async def measure(form: Form, nodes: int, seconds: float) -> None:
    """A line for each rate."""
    async with form(nodes) as states:
        for rate, burst in RATES:
            waits: list[float] = []
            cpu, began = resource.getrusage(resource.RUSAGE_SELF).ru_utime, trio.current_time()
            async with trio.open_nursery() as nursery:
                for state in states:
                    for _ in range(TASKS):
                        nursery.start_soon(hammer, state, rate, burst, began + seconds, waits)
            cpu = resource.getrusage(resource.RUSAGE_SELF).ru_utime - cpu
            part = len(waits) / (rate * (trio.current_time() - began) + burst)
            waited = sorted(wait for wait in waits if wait) or [0.0]
            p50, p99 = (1000 * waited[int(len(waited) * share)] for share in (0.5, 0.99))
            each = 1e6 * cpu / max(len(waits), 1)
            print(
                f"{rate:8.0f}/s  admitted {len(waits):6d}, {part:.3f} of what may be;"
                f" wait p50 {p50:6.1f} ms, p99 {p99:6.1f} ms; CPU {each:6.1f} us an event",
                flush=True,
            )
            await trio.sleep(1.5)  # what is left of grants lapses


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forms", nargs="*", choices=FORMS, default=list(FORMS))
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3.0)
    asked = parser.parse_args()
    for name in asked.forms:
        print(f"{name}, {asked.nodes} nodes")
        trio.run(measure, FORMS[name], asked.nodes, asked.seconds)


if __name__ == "__main__":
    main()
