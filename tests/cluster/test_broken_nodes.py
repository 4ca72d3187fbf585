"""Nodes that answer wrongly: who asks them ends the connection, says so, and goes on when they answer right."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import trio
from node_world import PORT, SECRET, TREES, node, place, world
from test_log_pull import gathered, lines, log_for_ever
from test_moves_crash import MAIL, fill, kept

from momentum_trio.cluster.channel import Broken, Channel, hello
from momentum_trio.cluster.log_pull import PullCounts, pull_logs
from momentum_trio.delivery.move import Moved
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Panic
from momentum_trio.msgc.line import Uncounted
from momentum_trio.protocol.cluster.eccluster import (
    PREFACE,
    Answer,
    Kept,
    Lines,
    LogFacts,
    Logs,
    Reader,
    Ready,
    Replayed,
    Said,
)
from momentum_trio.protocol.msgc.link import Link

LOG = Logs((LogFacts("mainlog", bytes(8), 9, (Reader("master", 0, 36),)),))
SECRETS = (SECRET.encode(),)


async def answer_wrongly(machine: Machine, name: str, said: list[list[Answer]], *, task_status: Any) -> None:
    """A program: a node that lets everybody in, and then says *said* whatever it is asked."""
    with trio.socket.socket() as listening:
        listening.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        await listening.bind(("0.0.0.0", PORT))
        listening.listen(5)
        task_status.started()
        while True:
            socket, _ = await listening.accept()
            with socket, suppress(Broken, ConnectionResetError):
                link = Link.called(hello(machine, name, SECRETS), SECRETS, PREFACE)
                channel = Channel(machine.wire(socket), link, Uncounted())
                await channel.opened()
                await channel.welcome()
                for messages in said:
                    await channel.receive()
                    await channel.send(messages)
                while await socket.recv(4096):
                    pass


@pytest.mark.parametrize(
    "said",
    [
        [[Kept()]],
        [[Ready(1), Ready(1)]],
        [[Ready(1)], [Kept()]],
        [[Ready(1)], [LOG, LOG]],
        [[Ready(1)], [LOG], [Kept()]],
        [[Ready(1)], [LOG], [Lines(b"half a li"), Replayed(bytes(8), 0, 36, 0, 60, is_damaged=False)]],
        [[Ready(1)], [LOG], [Lines(b"\n")] * 1200],
    ],
)
def test_logs(said: list[list[Answer]]) -> None:
    async def story() -> None:
        a, mgr = hosts.hosts["a"], hosts.hosts["mgr"]
        counts, records = PullCounts(), list[Any]()

        async def manage(machine: Machine) -> None:
            machine.events.subscribe(records.append)
            await pull_logs(machine, "mgr", lambda: [place("a")], lambda: TREES["mgr"], counts)

        await a.start(answer_wrongly, "a", said)
        await mgr.boot(manage)
        await trio.sleep(10)
        assert counts.failures
        assert counts.octets == 0
        assert any(isinstance(each, Panic) and each.text.startswith("logs of a: ") for each in records)
        a.kill()
        if said == [[Kept()]]:
            await a.start(log_for_ever)
            await trio.sleep(30)
            assert gathered(hosts) == lines(0, 12)

    hosts = world(names=("a", "mgr"))
    hosts.run(story)


@pytest.mark.parametrize(
    "said",
    [
        [[Ready(1), Said(b"220 b\r\n")]],
        [[Ready(1)], [Said(b"220 b\r\n")], [Kept()]],
        [[Ready(1)], [Said(b"554 no\r\n")]],
        [[Ready(1)], [Said(b"\xff\r\n")]],
    ],
)
def test_mail(said: list[list[Answer]]) -> None:
    async def story() -> None:
        a, b = hosts.hosts["a"], hosts.hosts["b"]
        await a.call(fill)
        await b.start(answer_wrongly, "b", said)

        async def move(machine: Machine) -> Moved:
            async with node(machine, "a") as made:
                return await made.moves.move(MAIL, place("b"))

        moved = await a.call(move)
        assert (moved.moved, moved.left) == (0, 3)
        assert moved.why.startswith("b: ")
        assert len(await a.call(kept, "a")) == 3

    hosts = world()
    hosts.run(story)
