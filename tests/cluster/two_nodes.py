"""Two whole nodes of a cluster on simulated hosts, ``a`` and ``b``, and a third host that is no node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import trio
from simulated_host import CONFIG_PATH, read_folder, read_reply, send_all, write_file

from momentum_trio.cluster.channel import NodePlace
from momentum_trio.console.command import Answer
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Record
from momentum_trio.msgc.msgc_options import Place
from momentum_trio.node.move_desk import move_mail
from momentum_trio.node.node import run_node
from sim.host import Life
from sim.world import World

T = TypeVar("T")
PORT = 4802
SECRET = "correct horse battery staple"
ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2", "other": "10.0.0.9"}
CONFIG = """
Hostname = "{name}.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Binding "mail" {{}}
Suspend_Delivery = {suspended}
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }}
Cluster_Secret = "{secret}"
cluster {{
  Nodename = "{name}"
  Nodeaddr = "{address}"
  logs = [ mainlog = "/var/log/mainlog.cluster" ]
}}
ec_logger "durable" {{
  mainlog = "cluster:///var/log/mainlog.cluster"
  rejectlog = "/var/log/rejectlog" paniclog = "/var/log/paniclog" acctlog = ""
  heartbeat = 0
}}
ESMTP_Listener {{ Outbound_Binding = "mail" Listen ":25" {{}} }}
ECCluster_Listener {{ Listen ":4802" {{}} }}
"""


class Pair:
    """The hosts; ``records`` has what each node published, by name, over all its lives."""

    def __init__(self, seed: int = 1, **world: Any) -> None:
        self.world = World(seed, **world)
        self.hosts = {name: self.world.host(name, address, "127.0.0.1") for name, address in ADDRESSES.items()}
        self.lives: dict[str, Life] = {}
        self.records: dict[str, list[Record]] = {"a": [], "b": []}

    def run(self, story: Callable[[Pair], Awaitable[T]], *, suspended: str = "ab") -> T:
        """Boot both nodes and tell the *story*. suspended: nodes that deliver nothing."""

        async def main() -> T:
            for name in ("a", "b"):
                await self.configure(name, suspended=name in suspended)
                await self.boot(name)
            return await story(self)

        return self.world.run(main)

    async def configure(self, name: str, *, suspended: bool = True, more: str = "", secret: str = SECRET) -> None:
        """What the next life of a node reads."""
        text = CONFIG.format(name=name, address=ADDRESSES[name], suspended=str(suspended).lower(), secret=secret)
        await self.hosts[name].call(write_file, CONFIG_PATH, (text + more).encode())

    async def boot(self, name: str) -> None:
        """A new life; returns when it serves."""

        async def node(machine: Machine, *, task_status: Any) -> None:
            machine.events.subscribe(self.records[name].append)
            await run_node(machine, CONFIG_PATH, task_status=task_status)

        self.lives[name] = await self.hosts[name].start(node)

    async def move(self, to: str, of: str = "a") -> Answer:
        """Have the mail of the binding of one node move to the other."""
        administration = self.lives[of].started.administration
        asked = move_mail("default", "mail", NodePlace(to, Place(ADDRESSES[to], PORT)))
        answer: Answer = await administration.ask_mail(asked.command, asked.words)
        return answer

    async def send(self, *forward_paths: str, to: str = "a", subject: str = "one") -> str:
        """One message by SMTP, from the third host; the last reply."""
        return await self.hosts["other"].call(send_message, ADDRESSES[to], forward_paths, subject)

    async def mailbox(self, name: str, local_part: str) -> list[bytes]:
        """The messages that a node has delivered there."""
        return await self.hosts[name].call(read_folder, f"/var/mail/example.com/{local_part}/new")


async def send_message(_machine: Machine, address: str, forward_paths: Sequence[str], subject: str) -> str:
    lines = ["EHLO other.example.com", "MAIL FROM:<ann@client.example>"]
    lines += [f"RCPT TO:<{path}>" for path in forward_paths]
    lines += ["DATA", f"From: <ann@client.example>\r\nSubject: {subject}\r\n\r\nbody\r\n."]
    with trio.fail_after(60), trio.socket.socket() as socket:
        await socket.connect((address, 25))
        reply = await read_reply(socket)
        for line in lines:
            await send_all(socket, line.encode() + b"\r\n")
            reply = await read_reply(socket)
        return reply
