"""A redis-server of a test's own, from Debian's package: on a Unix socket in a folder, nothing kept."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from peers import environment, program

START_SECONDS = 10.0


class RedisProcess:
    """One. socket: its path."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"unix://{self.socket}"

    async def start(self) -> None:
        """Start it, or another in its place that knows nothing."""
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(  # noqa: ASYNC220  (that takes no time)
            [program("redis-server"), *options, "--dir", str(self._folder)],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with trio.fail_after(START_SECONDS):
            while not await self._answers():  # noqa: ASYNC110  (what is waited for tells nobody)
                await trio.sleep(0.01)

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None
        try:
            stream = await trio.open_unix_socket(str(self.socket))
        except OSError:
            return False
        async with stream:
            await stream.send_all(b"PING\r\n")
            return (await stream.receive_some(100)).startswith(b"+PONG")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@asynccontextmanager
async def redis_process(folder: Path) -> AsyncIterator[RedisProcess]:
    """One that runs for the block."""
    process = RedisProcess(folder)
    await process.start()
    try:
        yield process
    finally:
        process.kill()
