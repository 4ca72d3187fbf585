"""Several whole nodes on simulated hosts that share limits in a simulated Redis, and clients that hold sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from simulated_host import CONFIG_PATH, CONTROL, console, read_reply, write_file

from momentum_trio.mail.record import Panic, Record
from momentum_trio.node.node import run_node
from sim.redis_engine import RedisEngine, run_redis
from sim.world import World

REDIS = "10.0.0.9"
CONFIG = """
Hostname = "mx.example"
SpoolBase = "/var/spool/ecelerity"
Shared_State "redis" {{ URI = "redis://{redis}" {on_failure} }}
ESMTP_Listener {{ {options} Listen ":25" {{}} }}
HTTP_Listener {{ Always_Allow = true Listen "127.0.0.1:80" {{}} }}
Control_Listener {{ Listen "{control}" {{}} }}
"""
METRICS = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Nodes:
    """They, and the sessions that clients hold. slow: seconds before each answer of Redis."""

    def __init__(self, count: int, options: str, on_failure: str = "") -> None:
        self.world = World(1)
        self.on_failure = on_failure
        held = f"On_Failure = {on_failure}" if on_failure else ""
        self._config = CONFIG.format(redis=REDIS, on_failure=held, options=options, control=CONTROL).encode()
        self.redis = self.world.host("redis", REDIS)
        self.hosts = [self.world.host(f"n{number}", f"10.0.0.{20 + number}", "127.0.0.1") for number in range(count)]
        self.client = self.world.host("client", "10.0.0.7")
        self.slow = 0.001
        self.panics: list[list[str]] = [[] for _ in self.hosts]
        self._open: list[list[trio.Event]] = [[] for _ in self.hosts]
        self._nursery: trio.Nursery
        self.most = 0

    @property
    def sessions(self) -> int:
        """Sessions that are open at all nodes."""
        return sum(map(len, self._open))

    def run(self, story: Callable[[Nodes], Awaitable[None]]) -> None:
        async def main() -> None:
            (await self.start_redis()).seem_old()
            for number, host in enumerate(self.hosts):
                await host.call(write_file, CONFIG_PATH, self._config)
                life = await host.start(run_node, CONFIG_PATH)
                life.machine.events.subscribe(self._noting(number))
            await trio.sleep(2)
            async with trio.open_nursery() as self._nursery:
                await story(self)
                self._nursery.cancel_scope.cancel()

        self.world.run(main)

    def _noting(self, number: int) -> Callable[[Record], None]:
        def note(record: Record) -> None:
            if isinstance(record, Panic):
                self.panics[number].append(record.text)

        return note

    async def start_redis(self) -> RedisEngine:
        """A Redis that knows nothing."""
        engine: RedisEngine = (await self.redis.start(run_redis, REDIS, lambda: self.slow)).started
        return engine

    async def flood(self, *numbers: int, wanted: int, seconds: float = 5.0) -> int:
        """Let clients connect to these nodes until *wanted* sessions are open, for *seconds* at most; how many are."""
        with trio.move_on_after(seconds):
            while self.sessions < wanted:
                for number in numbers:
                    await self._nursery.start(self._session, number)
        return self.sessions

    def leave(self, *numbers: int) -> None:
        """All sessions of these nodes end."""
        for number in numbers:
            for end in self._open[number]:
                end.set()

    async def _session(self, number: int, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            await self.client.call(self._hold, number, task_status)
        except OSError:
            task_status.started()

    async def _hold(self, _: object, number: int, task_status: trio.TaskStatus[None]) -> None:
        with trio.socket.socket() as socket:
            await socket.connect((f"10.0.0.{20 + number}", 25))
            if not (await read_reply(socket)).startswith("220"):
                await trio.sleep(0.05)
                task_status.started()
                return
            self._open[number].append(end := trio.Event())
            self.most = max(self.most, self.sessions)
            task_status.started()
            await end.wait()
            self._open[number].remove(end)

    async def console(self, number: int, line: str) -> str:
        """The answer of a node's console."""
        return await self.hosts[number].call(console, line)

    async def metric(self, number: int, name: str) -> float:
        """One number of a node's /metrics."""

        async def ask(_: object) -> str:
            with trio.socket.socket() as socket:
                await socket.connect(("127.0.0.1", 80))
                await socket.send(METRICS)
                octets = b""
                while received := await socket.recv(65536):
                    octets += received
            return octets.decode()

        text = await self.hosts[number].call(ask)
        return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])
