"""The client on trio in the simulated world: connections that break, by a seed, cost no message and copy none."""

from __future__ import annotations

import pytest
import trio
from ecstream_server import SMALL, Act, EcstreamServer

from momentum_trio.client import ecstream
from momentum_trio.client.ecstream import Message, Terms, Tls
from momentum_trio.machine import Machine
from momentum_trio.machine.os_tls import make_context
from momentum_trio.net.tls_terms import TlsTerms
from sim.certificates import AUTHORITY, FOLDER, HERE, SERVER, SERVER_KEY, install
from sim.world import World

MESSAGES = [Message("", [f"bob{n}@b.example"], b"%d\r\n" % n + b"x" * 2000) for n in range(300)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tls", [False, True])
def test_connections_that_break_cost_no_message_and_copy_none(seed: int, tls: bool) -> None:
    world = World(seed, short=0.2)
    near, far = world.host("near", "10.0.0.7"), world.host("mx", "10.0.0.25")
    install(near.store)
    server = EcstreamServer(terms=SMALL, acts=[Act(held=2)], pauses=0.05)
    if tls:
        server.tls = make_context(TlsTerms(str(HERE / SERVER), str(HERE / SERVER_KEY)))
    for path in world.link(near, far):
        path.octets_per_second, path.latency_seconds = 200_000, 0.01

    async def inject(machine: Machine) -> int:
        terms = Terms(Tls(f"{FOLDER}/{AUTHORITY}") if tls else None, attempts_max=20, silence_seconds=10.0)
        async with ecstream.connect("mx", 1825, terms, machine=machine) as injector:
            return sum(result.taken for result in await injector.send(MESSAGES))

    async def main() -> int:
        await far.boot(lambda machine: server.serve("0.0.0.0", 1825))
        await trio.sleep(0.1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(break_connections)
            taken = await near.call(inject)
            nursery.cancel_scope.cancel()
        return taken

    async def break_connections() -> None:
        for _ in range(5):
            await trio.sleep(0.3 + 0.17 * seed)
            world.reset(near, far)
        await trio.sleep(1)
        world.partition(near, far)
        await trio.sleep(30)
        world.heal(near, far)

    assert world.run(main) == len(MESSAGES)
    assert sorted(taken.content for taken in server.messages) == sorted(message.content for message in MESSAGES)
    assert server.connections > 2
