"""Whole nodes of one cluster on simulated hosts, and one host beside them that is in none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from simulated_host import CONFIG_PATH, console, write_file

from momentum_trio.node.node import run_node
from sim.host import Host, Life
from sim.world import World

T = TypeVar("T")

PATIENCE_SECONDS = 60
CONFIG = """
cluster {
  Heartbeat_Start_Delay = 2
  Nodename = "%(name)s"
  Nodeaddr = "%(address)s"
  Replicate "inbound_cidr" {}
  Replicate "outbound_cidr" {}
  Replicate "outbound_domains" {}
  Replicate "outbound_binding_domains" {}
  Replicate "metrics" { Parameters = "connect" }
%(cluster)s
}
msgc_server {
  Peers = [ %(peers)s ]
  Cluster_Secret = "0123456789abcdef"
}
msgc_client {
  Cluster_Secret = "0123456789abcdef"
  Reconnect_Interval = 1
}
msgcserver_listener { Listen "*:4809" {} }
ECCluster_Listener { Listen "*:4802" {} }
ESMTP_Listener { Listen "*:25" {} }
HTTP_Listener { Listen "127.0.0.1:2081" {} }
httpsrv {}
Control_Listener { Listen "/run/control" {}
%(control)s
}
Relay_Domains = ( "example.com" )
Maildir_Path = "/var/mail/{domain}/{localpart}"
Delivery_Method = "maildir"
%(more)s
"""


class Nodes:
    """Nodes ``labrat-1`` and on. lives: of those that run."""

    def __init__(self, count: int = 3, seed: int = 1) -> None:
        self.world = World(seed)
        self.names = [f"labrat-{number}" for number in range(1, count + 1)]
        self.addresses = {name: f"10.0.0.{number}" for number, name in enumerate(self.names, 1)}
        self.hosts = {name: self.world.host(name, address, "127.0.0.1") for name, address in self.addresses.items()}
        self.client: Host = self.world.host("client", "10.0.9.9")
        self.lives: dict[str, Life] = {}

    def run(self, story: Callable[[Nodes], Awaitable[T]]) -> T:
        """Boot all nodes, wait until they are together, tell the *story*."""

        async def main() -> T:
            for name in self.names:
                await self.configure(name)
                await self.boot(name)
            await self.together(*self.names)
            return await story(self)

        return self.world.run(main)

    async def configure(self, name: str, **more: str) -> None:
        peers = " ".join(f'{each} = "{address}"' for each, address in self.addresses.items())
        said = {"cluster": "", "control": "", "more": "", "name": name, "address": self.addresses[name], "peers": peers}
        await self.hosts[name].call(write_file, CONFIG_PATH, (CONFIG % (said | more)).encode())

    async def boot(self, name: str) -> None:
        self.lives[name] = await self.hosts[name].start(run_node, CONFIG_PATH)

    async def ask(self, name: str, line: str, *, may_fail: bool = False) -> str:
        """What the console of node *name* answers."""
        return await self.hosts[name].call(console, line, may_fail=may_fail)

    async def until(self, true: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
        with trio.fail_after(seconds):
            while not await true():  # noqa: ASYNC110  (what is awaited is asked of a node)
                await trio.sleep(0.5)

    async def together(self, *names: str) -> None:
        """Wait until each of *names* shows these as the members, and knows all about them."""

        async def they_are() -> bool:
            shown = [await self.members(name) for name in names]
            return all(sorted(each) == sorted(names) for each in shown)

        await self.until(they_are)

    async def members(self, name: str) -> list[str]:
        text = await self.ask(name, "cluster membership")
        return [line.removeprefix("Node Name: ") for line in text.splitlines() if line.startswith("Node Name: ")]
