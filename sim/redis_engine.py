"""An engine on a host, as far as ``limits/redis.py`` uses Redis: the simulator's own, in memory, and perhaps slow.

What its scripts do is said beside them (``limits/redis_scripts``); a test compares that with the real one. What it
keeps is gone with the life of the program, as of a Redis that keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from momentum_trio.limits.redis_scripts import SCRIPTS, Store
from momentum_trio.machine import Machine

from .resp import Answer, Commands, Fault, ProtocolError, said

PORT = 6379
BACKLOG = 64
RECEIVE_OCTETS = 64 * 1024
READ_ENTRIES_MAX = 1_000


class RedisEngine:
    """One life of it. slow: seconds before each answer, asked anew each time."""

    def __init__(self, machine: Machine, slow: Callable[[], float]) -> None:
        self._machine, self._slow = machine, slow
        self.store = Store(machine.entropy.octets(20).hex().encode())
        self._scripts = {script.sha: script for script in SCRIPTS}
        self._loaded: set[bytes] = set()
        self._added = trio.Event()

    def seem_old(self, prefix: str = "momentum") -> None:
        """As if it had run for long: it grants seats at once."""
        self.store.hashes[f"{{{prefix}}}:engine".encode()] = {b"run": self.store.run, b"since": b"1"}

    async def serve(self, connection: trio.socket.SocketType) -> None:
        """Answer one client until it leaves, or says what is none of our commands."""
        commands = Commands()
        with connection:
            try:
                while octets := await connection.recv(RECEIVE_OCTETS):
                    for command in commands.receive(octets):
                        await trio.sleep(self._slow())
                        answer = said(await self._answer(command))
                        while answer:
                            answer = answer[await connection.send(answer) :]
            except (OSError, ProtocolError):
                pass

    async def _answer(self, command: Sequence[bytes]) -> Answer:
        name, *arguments = command
        match name.upper():
            case b"HELLO":
                return {b"server": b"redis", b"version": b"7.0.15", b"proto": 3, b"id": 1}
            case b"PING":
                return b"PONG"
            case b"CLIENT" | b"SELECT":
                return b"OK"
            case b"SCRIPT" if len(arguments) == 2:
                return self._load(arguments[1])
            case b"EVALSHA" if len(arguments) >= 2:
                return self._run(arguments)
            case b"XREAD":
                return await self._read(arguments)
        return Fault("ERR unknown command")

    def _load(self, lua: bytes) -> Answer:
        sha = next((script.sha for script in SCRIPTS if script.lua == lua), None)
        if sha is None:
            return Fault("ERR no script of ours")
        self._loaded.add(sha)
        return sha

    def _run(self, arguments: Sequence[bytes]) -> Answer:
        sha, count, *rest = arguments
        if sha not in self._loaded:
            return Fault("NOSCRIPT No matching script. Please use EVAL.")
        keys, values = rest[: int(count)], rest[int(count) :]
        now = self._machine.clock.now()
        self.store.expire(int(now * 1000))
        answer = self._scripts[sha].effect(self.store, keys, values, now)
        if any(self.store.streams.get(key) for key in keys):
            self._added.set()
            self._added = trio.Event()
        return answer

    async def _read(self, arguments: Sequence[bytes]) -> Answer:
        """XREAD COUNT n BLOCK ms STREAMS key id."""
        words = [argument.upper() for argument in arguments]
        count = int(arguments[words.index(b"COUNT") + 1]) if b"COUNT" in words else READ_ENTRIES_MAX
        block = int(arguments[words.index(b"BLOCK") + 1]) if b"BLOCK" in words else 0
        stream, last = arguments[words.index(b"STREAMS") + 1 :]
        milliseconds, _, number = last.partition(b"-")
        after = (int(milliseconds), int(number or 0))
        with trio.move_on_after(block / 1000):
            while not (found := self._entries(stream, after, count)):
                await self._added.wait()
        return {stream: [[b"%d-%d" % place, fields] for place, fields in found]} if found else None

    def _entries(self, stream: bytes, after: tuple[int, int], count: int) -> list[tuple[tuple[int, int], list[bytes]]]:
        return [entry for entry in self.store.streams.get(stream, ()) if entry[0] > after][:count]


async def run_redis(
    machine: Machine,
    address: str,
    slow: Callable[[], float] = lambda: 0.0,
    *,
    task_status: trio.TaskStatus[RedisEngine] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Be an engine at *address* until cancelled. started: it, when its socket listens."""
    engine = RedisEngine(machine, slow)
    with trio.socket.socket() as listening:
        listening.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        await listening.bind((address, PORT))
        listening.listen(BACKLOG)
        task_status.started(engine)
        async with trio.open_nursery() as clients:
            while True:
                connection, _ = await listening.accept()
                clients.start_soon(engine.serve, connection)
