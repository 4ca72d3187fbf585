"""Nodes of a cluster and their manager as processes on this host, with the configurations of docs/examples/cluster.

One node and the manager are killed with -9 and come back. ``MOMENTUM_CLUSTER_NODES`` says how many nodes there are:
``make campaign-cluster-real`` has five, and prints figures.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import trio
from programs import begin
from simulated_host import console, send_all

from momentum_trio.log.jlog import Jlog
from momentum_trio.machine.os_machine import os_machine

EXAMPLES = Path(__file__).parents[2] / "docs/examples/cluster"
COUNT = int(os.environ.get("MOMENTUM_CLUSTER_NODES", "3"))
NODES = tuple(f"labrat-{number}" for number in range(1, COUNT + 1))
MANAGER = "barca"
SECURITY = re.compile(r"Security \{.*?\n\}\n", re.DOTALL)
PEERS = re.compile(r"Peers = \[.*?\]", re.DOTALL)

SOON_SECONDS = 3.0
"""For commands and their answers, and until all know that a process was killed: its connections are reset at once. The
other steps take as long as processes take to start here.
"""
FLOODED = COUNT > 3
LIMIT, PART = 100, 0.95
"""Sessions of SMTP on all nodes together, and the part of them that a flood has to get. Where there is a limit a
cluster that begins takes no mail for some seconds, so that only the campaign has one.
"""
FLOOD_SECONDS = 10.0
MESSAGES = 20
"""Of one conversation."""
PATIENCE_SECONDS = 60.0
"""Longer than this nothing takes."""
LINES_OCTETS_MAX = 1 << 20
LEDGER = "ledger"
"""A second subscriber, who never checkpoints: the log keeps for the test all that was ever in it."""


def own_address() -> str:
    """One of this host's that is not loopback's, as Nodeaddr has to be; empty where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return ""
        address = str(probe.getsockname()[0])
    return "" if address.startswith(("127.", "0.")) else address


def free_ports(address: str, count: int) -> list[int]:
    """Ports that were free a moment ago."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((address, 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


class Site:
    """The processes of one test."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        ports = iter(free_ports(address, 3 * COUNT + 1))
        self.bus = {name: next(ports) for name in (*NODES, MANAGER)}
        self.smtp = {name: next(ports) for name in NODES}
        self.eccluster = {name: next(ports) for name in NODES}
        self.processes: dict[str, BaseProcess] = {}
        secret = folder / "cluster.secret"
        secret.write_text("what all of them know\n")
        secret.chmod(0o600)
        for name in (*NODES, MANAGER):
            (folder / name).mkdir()
            (folder / name / "conf").write_text(self._configuration(name))

    def _configuration(self, name: str) -> str:
        text = (EXAMPLES / ("eccluster.conf" if name == MANAGER else "ecelerity.conf")).read_text()
        own = self.folder / name
        peers = " ".join(f'{each} = "{self.address}:{port}"' for each, port in self.bus.items())
        text = PEERS.sub(f"Peers = [ {peers} ] Reconnect_Interval = 1", SECURITY.sub("", text))
        client = f'msgc_client {{ Server = ( "127.0.0.1:{self.bus[name]}" ) Reconnect_Interval = 1 }}'
        intervals = f"Nodeaddr = {self.address} Log_Idle_Interval = 1 Nodename = {name}"
        changes = [
            ("cluster {", f"cluster {{ {intervals} "),
            ("msgc_client {}", client),
            ("*:4809", f"*:{self.bus[name]}"),
            ("file:///etc/ecelerity/", f"file://{self.folder}/"),
            ("/tmp/2025", f"{own}/control"),
            ("/var/run/ecelerity/2025", f"{own}/control"),
            ("Cluster_Service_Sessions = 1000", f"Cluster_Service_Sessions = {LIMIT * FLOODED}"),
            ("=>master", f"?subscribers=master,{LEDGER}"),
        ]
        if name in NODES:
            changes += [("*:4802", f"{self.address}:{self.eccluster[name]}"), ("*:25", f"127.0.0.1:{self.smtp[name]}")]
        for old, new in changes:
            text = text.replace(old, new)
        return text.replace('"/var/', f'"{own}/var/').replace("cluster:///var/", f"cluster://{own}/var/")

    def start(self, name: str) -> None:
        """A process of it."""
        program = "eccmgr" if name == MANAGER else "ecelerity"
        self.processes[name] = begin(program, self.folder / name / "conf", self.folder / name / "output")

    def kill(self, name: str) -> None:
        self.processes[name].kill()  # with -9
        self.processes[name].join()

    def end(self) -> set[int | None]:
        """Ask all to end, and wait until they have: their statuses."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.join(PATIENCE_SECONDS)
        return {process.exitcode for process in self.processes.values()}

    async def ask(self, name: str, line: str, *, may_fail: bool = False) -> str:
        return await console(os_machine(), line, may_fail=may_fail, place=f"{self.folder}/{name}/control")

    async def members(self, name: str) -> set[str]:
        """The nodes that the console of *name* shows; none while it does not answer."""
        try:
            if name == MANAGER:
                text = await self.ask(name, "show cluster membership")
                return set(re.findall(r"<NodeName>(labrat-\d+)</NodeName>", text))
            text = await self.ask(name, "cluster membership")
            return set(re.findall(r"^Node Name: (labrat-\d+)$", text, re.MULTILINE))
        except OSError:
            return set()

    async def all_see(self, *nodes: str) -> float:
        """Wait until all that run see just *nodes*: how long it took."""

        async def they_do() -> bool:
            return all([await self.members(name) == set(nodes) for name in (*nodes, MANAGER)])

        return await until(they_do)

    async def told(self, line: str) -> str:
        """Broadcast *line*: what ``retrieve`` shows once all have answered."""
        shown = ""

        async def all_have() -> bool:
            nonlocal shown
            shown = await self.ask(MANAGER, f"retrieve {line}", may_fail=True)
            return all(f"[{name}]" in shown for name in NODES) and "has not answered" not in shown

        assert await self.ask(MANAGER, f"broadcast {line}") == f"Sent to {', '.join(NODES)}\n"
        await until(all_have)
        return shown

    async def send(self, name: str, to: str) -> None:
        """Messages to that node, MESSAGES of them."""
        message = [("MAIL FROM:<a@b.example>", "250"), (f"RCPT TO:<{to}@example.com>", "250")]
        message += [
            ("DATA", "354"),
            ("Subject: x\r\nFrom: a@b.example\r\nDate: Sun, 29 Nov 2026 15:00:00 +0000\r\n\r\nx\r\n.", "250"),
        ]
        with trio.fail_after(PATIENCE_SECONDS), await self.let_in(name) as client:
            for line, code in [("EHLO client.example", "250"), *message * MESSAGES]:
                await send_all(client, line.encode() + b"\r\n")
                assert (await client.recv(4096)).startswith(code.encode()), line

    async def let_in(self, name: str) -> trio.socket.SocketType:
        """A connection that is greeted: a cluster that begins grants no sessions for some seconds."""
        while True:
            client = trio.socket.socket()
            await client.connect(("127.0.0.1", self.smtp[name]))
            if (await client.recv(4096)).startswith(b"220"):
                return client
            client.close()
            await trio.sleep(0.2)

    def gathered(self, name: str) -> list[bytes]:
        """The lines of that node that the manager has."""
        files = sorted((self.folder / MANAGER / "var/log/eccluster").glob(f"*/*/*/mainlog/default/{name}"))
        return [line for file in files for line in file.read_bytes().splitlines()]

    def has_gathered(self, name: str, to: str) -> bool:
        """Whether the manager knows of each message to *to* there that it was taken, and that it was delivered."""
        lines = [line.split(b"@") for line in self.gathered(name)]
        taken = [fields[1] for fields in lines if fields[4:6] == [b"R", to.encode()]]
        delivered = [fields[1] for fields in lines if fields[4:5] == [b"D"] and fields[1] in taken]
        return len(taken) == len(delivered) == MESSAGES

    async def logged(self, name: str) -> list[bytes]:
        """The lines that were ever in its durable log; it runs no more."""
        machine = os_machine()
        log = Jlog(machine.disk, machine.entropy, f"{self.folder}/{name}/var/log/ecelerity/mainlog.cluster")
        await log.open(made=False)
        lines, at = b"", (await log.checkpoints())[LEDGER]
        while (taken := await log.read(at, LINES_OCTETS_MAX)).octets:
            lines, at = lines + taken.octets, taken.end
        await log.close()
        return lines.splitlines()


async def until(true: Callable[[], Awaitable[bool]]) -> float:
    """How long it took until it was."""
    began = time.monotonic()
    with trio.fail_after(PATIENCE_SECONDS):
        while not await true():  # noqa: ASYNC110 (processes of another kind)
            await trio.sleep(0.2)
    return time.monotonic() - began


@contextmanager
def running(folder: Path, address: str) -> Iterator[Site]:
    site = Site(folder, address)
    with ExitStack() as ends:
        for name in (*NODES, MANAGER):
            site.start(name)
            ends.callback(site.kill, name)
        yield site


async def test_nodes_and_their_manager(tmp_path: Path) -> None:
    if not (address := own_address()):
        pytest.skip("this host has no address but loopback: nobody could gather logs from it")
    others = NODES[:1] + NODES[2:]
    with running(tmp_path, address) as site:
        took = {"all together, from the start of their processes": await site.all_see(*NODES)}
        took["a command to all and its answers, twice"] = await _broadcast(site)
        began = time.monotonic()
        for name in NODES:
            await site.send(name, "first")
        took["mail for all nodes"] = time.monotonic() - began

        if FLOODED:
            took[f"a flood has {PART:.0%} of {LIMIT} sessions"] = await _flood(site)

        site.kill(NODES[1])
        took["all know that a node was killed"] = await site.all_see(*others)
        await site.send(NODES[0], "second")
        site.kill(MANAGER)
        await site.send(NODES[-1], "second")
        site.start(NODES[1])
        site.start(MANAGER)
        took["the node and the manager are back, from their starts"] = await site.all_see(*NODES)
        await site.send(NODES[1], "second")
        expected = [(name, "first") for name in others] + [(name, "second") for name in (NODES[0], NODES[1], NODES[-1])]

        async def are_gathered() -> bool:
            return all(site.has_gathered(*each) for each in expected)

        took["all lines gathered, from the last message"] = await until(are_gathered)
        assert site.end() == {0}
        for name in NODES:
            logged, gathered = await site.logged(name), site.gathered(name)
            assert gathered == logged[: len(gathered)], name
            assert len(set(gathered)) == len(gathered) >= 2 * MESSAGES
    for what, seconds in took.items():
        print(f"{COUNT} nodes: {what}: {seconds:.2f} s")
    assert took["a command to all and its answers, twice"] < SOON_SECONDS
    assert took["all know that a node was killed"] < SOON_SECONDS
    for name in (*NODES, MANAGER):
        assert not re.search("Traceback|CRITICAL", (tmp_path / name / "output").read_text())


async def _broadcast(site: Site) -> float:
    answer = "Message_Expiration = 4711\n"
    began = time.monotonic()
    assert "failed" not in await site.told("config set Message_Expiration 4711")
    assert await site.told("config get Message_Expiration") == "".join(f"[{name}]\n{answer}" for name in NODES)
    seconds = time.monotonic() - began
    for name in NODES:
        assert await site.ask(name, "config get Message_Expiration") == answer
    return seconds


async def _flood(site: Site) -> float:
    """Clients come to all nodes at once, and again when they are refused; never are more let in than LIMIT."""
    held: list[trio.socket.SocketType] = []
    began, reached = time.monotonic(), 0.0

    async def come(name: str) -> None:
        nonlocal reached
        while True:
            held.append(await site.let_in(name))
            assert len(held) <= LIMIT
            if len(held) >= PART * LIMIT and not reached:
                reached = time.monotonic() - began

    async with trio.open_nursery() as nursery:
        for name in NODES:
            for _ in range(4):
                nursery.start_soon(come, name)
        await trio.sleep(FLOOD_SECONDS)
        nursery.cancel_scope.cancel()
    print(f"{COUNT} nodes: {len(held)} of {LIMIT} sessions after {FLOOD_SECONDS:g} s of flood")
    for client in held:
        client.close()
    assert reached
    return reached
