"""Three simulated nodes and their manager, ``barca``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Self, TypeVar

from nodes_simulated import Nodes
from simulated_host import CONFIG_PATH, write_file

from momentum_trio.node.eccmgr import MANAGER
from momentum_trio.node.node import run_node

T = TypeVar("T")
MANAGER_NAME, MANAGER_ADDRESS = "barca", "10.0.0.100"
CONFIG = """
Hostname = "barca.example.com"
cluster { Heartbeat_Start_Delay = 2 Nodename = "barca" Nodeaddr = "10.0.0.100" Log_Idle_Interval = 2 %(cluster)s }
msgc_server { Peers = [ %(peers)s ] Cluster_Secret = "0123456789abcdef" }
msgc_client { Cluster_Secret = "0123456789abcdef" Reconnect_Interval = 1 }
msgcserver_listener { Listen "*:4809" {} }
Control_Listener { Listen "/run/control" {} }
Logs { Logfile = "/gathered/%%{l}/%%{s}/%%{n}" }
%(more)s
"""


class Managed(Nodes):
    """They, ``labrat-3`` in subcluster ``west``.

    cluster, more: of the manager's configuration, in ``cluster {}`` and beside it.
    """

    def __init__(self, cluster: str = "", more: str = "") -> None:
        super().__init__(3)
        self._of_manager = {"cluster": cluster, "more": more}
        self.addresses[MANAGER_NAME] = MANAGER_ADDRESS
        self.hosts[MANAGER_NAME] = self.world.host(MANAGER_NAME, MANAGER_ADDRESS, "127.0.0.1")

    def tell(self, story: Callable[[Self], Awaitable[T]], **of_nodes: str) -> T:
        """Boot all, wait until they are together, tell the *story*."""

        async def main() -> T:
            for name in self.names:
                given = {"cluster": 'Subcluster = "west"' if name == "labrat-3" else ""}
                await self.configure(name, **(of_nodes | given))
                await self.boot(name)
            peers = " ".join(f'{each} = "{address}"' for each, address in self.addresses.items())
            text = CONFIG % {"peers": peers, **self._of_manager}
            await self.hosts[MANAGER_NAME].call(write_file, CONFIG_PATH, text.encode())
            await self.boot_manager()
            await self.managed(*self.names)
            return await story(self)

        return self.world.run(main)

    async def boot_manager(self) -> None:
        """A new life of it."""
        self.lives[MANAGER_NAME] = await self.hosts[MANAGER_NAME].start(partial(run_node, program=MANAGER), CONFIG_PATH)

    async def managed(self, *names: str) -> None:
        """Wait until the manager knows all about these nodes, and they about it."""

        async def they_are() -> bool:
            text = await self.order("show cluster membership")
            seen = [f"<NodeName>{name}</NodeName>" in text for name in self.names]
            shown = [await self.members(name) for name in names]
            return seen == [name in names for name in self.names] and all(
                sorted(each) == sorted((*names, "(Null)")) for each in shown
            )

        await self.until(they_are)

    async def order(self, line: str, *, may_fail: bool = False) -> str:
        """What the manager's console answers."""
        return await self.ask(MANAGER_NAME, line, may_fail=may_fail)

    async def answered(self, line: str, *waiting: str) -> str:
        """What ``retrieve`` shows once nobody but *waiting* is left to answer."""
        shown = ""

        async def all_have() -> bool:
            nonlocal shown
            shown = await self.order(line, may_fail=True)
            return shown.count("has not answered yet") == len(waiting) and shown.startswith("[")

        await self.until(all_have)
        return shown
