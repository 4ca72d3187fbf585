"""Reloads under load: no client is refused or disturbed, no mail is lost, and the host is no bigger afterwards."""

from __future__ import annotations

import os
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from host import Host, running
from reload_driver import SECONDS, Crowd, Operator, Seen, operating

# `make test` keeps it small; `make campaign` runs it whole.
RELOADS = int(os.environ.get("MOMENTUM_RELOADS", "28"))
SESSIONS = 50 if "MOMENTUM_RELOADS" in os.environ else 10
WARM_UP = 12
BLOCKS_PER_RELOAD_MAX = 20
"""Of Python's memory: a generation that stayed would be thousands."""
BLOCKS_MAX = 10_000
"""What may be there besides: caches that have filled since."""

CONFIG = """
Hostname = "{name}"
SpoolBase = "{folder}/spool"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "{folder}/mail/%d/%l" }}
Domain "elsewhere.example" {{ Max_Retries = {turn} }}
ESMTP_Listener {{
  Idle_Time = {idle}
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" )
  Listen "{address}:{port}" {{}}
}}
Control_Listener {{ Listen "{folder}/control" {{}} }}
"""


@dataclass
class Site:
    """A real host under reconfiguration. address: of its Listen."""

    host: Host
    operator: Operator
    port: int
    turn: int = 0
    address: str = "*"

    async def reload(self, name: str = "mail.example.com") -> None:
        """By turns: the Listen between wildcard and specific address, and something that no client was told of."""
        self.turn += 1
        if self.turn % 2:
            self.address = "127.0.0.1" if self.address == "*" else "*"
        text = config(self.host.folder, self.port, self.address, self.turn, name)
        await self.operator.reload(text, by_signal=self.turn % 4 >= 2)
        (listen,) = [row for row in await self.operator.ask("listeners") if row["listener"] == "ESMTP_Listener"]
        assert (listen["listen"], listen["state"]) == (f"{self.address}:{self.port}", "open")

    async def quiet(self) -> None:
        """Return when everything is delivered and nobody is connected."""
        while True:
            summary = await self.operator.ask("summary")
            if not (summary["total_queue_size"] or summary["inbound_concurrency"]):
                return
            await trio.sleep(0.1)

    def descriptors(self) -> Counter[str]:
        """What the host's descriptors are of, less what tells one from another."""
        folder = Path(f"/proc/{self.host.process.pid}/fd")
        return Counter(re.sub(r"[0-9a-f]{4,}|\d+", "#", os.readlink(path)) for path in folder.iterdir())

    def lost(self, seen: Seen) -> set[str]:
        """What was answered 250 and lies in no mailbox."""
        subjects = set()
        for path in (self.host.folder / "mail").glob("example.com/*/new/*"):
            found = re.search(r"^Subject: (\S+)$", path.read_text(), re.MULTILINE)
            assert found, path
            subjects.add(found[1])
        return seen.accepted - subjects


def config(folder: Path, port: int, address: str, turn: int, name: str) -> str:
    return CONFIG.format(folder=folder, port=port, address=address, turn=turn, idle=300 + turn // 2, name=name)


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        await told.bind(f"{folder}/told")
        text = config(folder, port, "*", 0, "mail.example.com")
        with running(folder, text, wrapper=("env", f"NOTIFY_SOCKET={folder}/told")) as host:
            async with operating(host, told) as operator:
                yield Site(host, operator, port)


@pytest.mark.usefixtures("socket_filter")
@pytest.mark.timeout(1800)
async def test_nobody_notices_a_reload(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        early = await reloaded(here, WARM_UP)
        descriptors, before = here.descriptors(), await here.operator.ask("memory")
        seen = await reloaded(here, RELOADS)
        after = await here.operator.ask("memory")
        print(f"{RELOADS} reloads, {SESSIONS} sessions, {seen.connections} connections, {len(seen.accepted)} messages")
        print(f"{seen.delayed} of them held off for a second; blocks {before['blocks']} to {after['blocks']}")

        assert early.failures + seen.failures == Counter()
        assert early.came_again + seen.came_again == 0
        assert here.lost(early) | here.lost(seen) == set()
        assert len(seen.accepted) > SESSIONS
        assert here.descriptors() == descriptors
        assert after["tasks"] == before["tasks"]
        assert after["blocks"] - before["blocks"] < BLOCKS_MAX + RELOADS * BLOCKS_PER_RELOAD_MAX
        await whoever_was_greeted_by_another_name_comes_again(here)


async def reloaded(here: Site, count: int) -> Seen:
    """What the sessions saw of *count* reloads, once everything is at rest again."""
    async with Crowd(here.port, SESSIONS).at_work() as seen:
        for _ in range(count):
            await here.reload()
    await here.quiet()
    return seen


async def whoever_was_greeted_by_another_name_comes_again(here: Site) -> None:
    """The driver's other half: each session that stays is told once, the others at most once."""
    async with Crowd(here.port, SESSIONS).at_work() as seen:
        await messages(seen, 3 * SESSIONS)
        await here.reload("other.example.com")
        await messages(seen, 3 * SESSIONS)
    await here.quiet()
    assert seen.failures == Counter()
    assert SESSIONS // 2 <= seen.came_again <= SESSIONS
    assert here.lost(seen) == set()


async def messages(seen: Seen, count: int) -> None:
    """Return when so many more are accepted."""
    with trio.fail_after(SECONDS):
        enough = len(seen.accepted) + count
        while len(seen.accepted) < enough:  # noqa: ASYNC110 (nothing announces it)
            await trio.sleep(0.05)
