"""A manager journals what simulated nodes count, and a server answers: each event once, whoever dies meanwhile."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from managed import MANAGER_ADDRESS, MANAGER_NAME, Managed
from simulated_host import read_reply

from momentum_trio.cluster.series_files import SeriesFiles
from momentum_trio.machine import Machine
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.series_server import IDLE_SECONDS, SESSIONS_MAX, serve_series
from momentum_trio.protocol.series.wire import answers
from sim.world import World

FOLDER = "/var/log/eccluster/aslogger"
SHARED = (
    'Replicate "metrics" { Parameters = "connect;reception" } Replicate "eccmgr_metrics" { Parameters = "connect" }'
)
AS_LOGGER = 'as_logger { log_interval = 10 series_include_default = all series_exclude = ( "^recep" ) }'
CONNECT = "show count for 0.0.0.0/0 in connect aggregate"


class Site(Managed):
    """They, a client that connects, and a server that is asked."""

    def __init__(self) -> None:
        super().__init__(SHARED, AS_LOGGER)

    async def connect(self, name: str, count: int) -> None:
        """So many SMTP sessions at node *name*."""

        async def one(_: Machine) -> None:
            with trio.socket.socket() as socket:
                await socket.connect((self.addresses[name], 25))
                await read_reply(socket)
                await socket.send(b"QUIT\r\n")
                await read_reply(socket)

        for _ in range(count):
            await self.client.call(one)

    async def serve(self) -> None:
        """A cidr_server beside the manager."""

        async def serve(machine: Machine, *, task_status: trio.TaskStatus[Endpoint]) -> None:
            files = SeriesFiles(machine.disk, FOLDER)
            await serve_series(machine, files, Endpoint.parse("*:9000"), task_status=task_status)

        await self.hosts[MANAGER_NAME].start(serve)

    async def asked(self, *questions: str) -> list[str]:
        """What the server answers, lines and complaints."""

        async def ask(_: Machine) -> list[str]:
            lines, found = answers(), list[str]()
            with trio.fail_after(30), trio.socket.socket() as socket:
                await socket.connect((MANAGER_ADDRESS, 9000))
                await socket.send("\r\n".join((*questions, "")).encode())
                for _question in questions:
                    while (line := lines.next()) != "":
                        if line is None:
                            lines.receive(await socket.recv(4096))
                        else:
                            found.append(line)
            return found

        return await self.client.call(ask)

    async def counted(self) -> int:
        lines = await self.asked(CONNECT)
        return sum(int(line.rpartition(":")[2]) for line in lines)


def test_each_connection_is_journalled_once_whoever_dies_meanwhile() -> None:
    async def story(site: Site) -> None:
        await site.serve()
        await site.connect("labrat-1", 5)
        await site.connect("labrat-2", 3)
        await trio.sleep(12)
        assert await site.counted() == 8
        await site.connect("labrat-1", 2)
        await trio.sleep(2)
        site.hosts["labrat-1"].kill()
        await trio.sleep(12)
        await site.boot("labrat-1")
        await site.managed(*site.names)
        await site.connect("labrat-1", 4)
        await trio.sleep(12)
        assert await site.counted() == 14
        assert await site.order(CONNECT) == "0.0.0.0/0          :        14\n"
        assert (await site.order("show available")).startswith("connect : ")
        assert await site.order("show count for spam", may_fail=True) == "'spam' is not an IPv4 or IPv6 address\n"
        site.hosts[MANAGER_NAME].kill()
        await site.connect("labrat-1", 7)  # nobody is there to hear of them
        await site.boot_manager()
        await site.serve()
        await site.managed(*site.names)
        await site.connect("labrat-1", 2)
        await trio.sleep(2)
        await site.order("shutdown")  # before the interval is over
        await trio.sleep(5)
        available, count, details, *wrong = await site.asked("show available", CONNECT, "cache details", "show it all")
        assert available.startswith("connect : ")
        assert count == "0.0.0.0/0          :        16"
        assert details == "$VAR1 = ["
        assert wrong[-1] == "? expected 'count' instead of 'it'"

    Site().tell(story)


def test_a_server_is_not_harmed_by_who_asks_badly() -> None:
    world = World(1)
    server, client = world.host("server", "10.0.0.1"), world.host("client", "10.0.0.2")

    async def serve(machine: Machine, *, task_status: trio.TaskStatus[Endpoint]) -> None:
        files = SeriesFiles(machine.disk, FOLDER)
        await files.open()
        await serve_series(machine, files, Endpoint.parse("*:9000"), task_status=task_status)

    async def ask(octets: bytes, seconds: float, _: Machine) -> bytes:
        received = b""
        with trio.move_on_after(seconds), trio.socket.socket() as socket:
            await socket.connect(("10.0.0.1", 9000))
            for at in range(0, len(octets), 1000):
                await socket.send(octets[at : at + 1000])
            while more := await socket.recv(4096):
                received += more
        return received

    async def main() -> None:
        await server.start(serve)
        async with trio.open_nursery() as nursery:
            for _ in range(SESSIONS_MAX):  # who are silent, and leave
                nursery.start_soon(client.call, partial(ask, b"show ", 5))
            await trio.sleep(1)
            assert await client.call(partial(ask, b"show available\n", 1)) == b""
        assert await client.call(partial(ask, b"x" * 5000, 5)) == b"? a line of more than 4096 octets\n\n"
        assert (await client.call(partial(ask, b"\xff\x00\n\n", 5))).count(b"\n\n") == 2
        assert await client.call(partial(ask, b"show available\n", 5)) == b"\n"
        began = trio.current_time()
        assert await client.call(partial(ask, b"", 2 * IDLE_SECONDS)) == b""
        assert trio.current_time() - began == pytest.approx(IDLE_SECONDS, abs=1)

    world.run(main)
