"""Floating addresses on whole nodes, simulated: who answers at them, through kills, partitions, and a reload."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import trio
from simulated_host import CONFIG_PATH, console, read_reply, write_file

from momentum_trio.machine import Machine
from momentum_trio.node.node import run_node
from sim.host import Host, Life
from sim.world import World

NODES = {"n1": "10.0.0.1", "n2": "10.0.0.2", "n3": "10.0.0.3"}
FLOATING = ("10.0.0.101", "10.0.0.102", "10.0.0.103")
CLIENT = "10.0.0.7"
SETTLING_SECONDS = 60
FAILOVER_SECONDS = 5

BUS = """
msgc_server {{ Peers = [ n1 = "10.0.0.1" n2 = "10.0.0.2" n3 = "10.0.0.3" ] Reconnect_Interval = 1 }}
msgcserver_listener {{ Listen "{own}:4809" {{}} Listen "127.0.0.1:4809" {{}} }}
msgc_client {{ Server = ( "127.0.0.1:4809" ) Reconnect_Interval = 1 }}
Control_Listener {{ Listen "/run/control" {{}} }}
Hostname = "{name}"
spoolbase = "/var/spool"
"""
CLUSTER = 'cluster {{ Nodename = "{name}" Nodeaddr = "{own}" Topology "10.0.0.0/24" {{ interface = "eth0" }} }}\n'
SERVICES = """
ESMTP_Listener {
  Listen "10.0.0.101:25" { Enable_Duravip = true Duravip_Preference = "n1" }
  Listen "10.0.0.102:25" { Enable_Duravip = true }
  Listen "10.0.0.103:25" { Duravip_Follow = "b" }
}
Binding "b" { Enable_Duravip = true Bind_Address = "10.0.0.102" }
"""


class Cluster:
    """Three nodes and a client in one world."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed)
        self.hosts = {name: self.world.host(name, own, "127.0.0.1") for name, own in NODES.items()}
        self.client = self.world.host("client", CLIENT)
        self.lives: dict[str, Life] = {}

    def run(self, story: Callable[[Cluster], Awaitable[None]]) -> None:
        async def main() -> None:
            for name in NODES:
                await self.configure(name, SERVICES)
                await self.boot(name)
            await story(self)

        self.world.run(main)

    async def configure(self, name: str, services: str) -> None:
        text = (BUS + CLUSTER).format(name=name, own=NODES[name]) + services
        await self.hosts[name].call(write_file, CONFIG_PATH, text.encode())

    async def boot(self, name: str) -> None:
        self.lives[name] = await self.hosts[name].start(run_node, CONFIG_PATH)

    def up(self) -> dict[str, list[str]]:
        """The nodes that have each floating address up."""
        return {a: [n for n, host in self.hosts.items() if ip_address(a) in host.addresses] for a in FLOATING}

    async def until(self, holds: Callable[[], bool], seconds: float) -> float:
        """Wait until it does; how long that took."""
        began = trio.current_time()
        while not holds():
            assert trio.current_time() < began + seconds, self.up()
            await trio.sleep(0.1)
        return trio.current_time() - began

    async def settled(self, seconds: float = SETTLING_SECONDS) -> dict[str, str]:
        """The one node that has each address, and answers there."""
        await self.until(lambda: all(len(nodes) == 1 for nodes in self.up().values()), seconds)
        await trio.sleep(1.0)
        owners = {address: nodes[0] for address, nodes in self.up().items()}
        for address, owner in owners.items():
            assert await self.client.call(greeting, address) == owner
        return owners


async def greeting(machine: Machine, address: str) -> str:
    """Who says hello at *address*; nothing where nobody does."""
    with trio.move_on_after(2), trio.socket.socket() as socket:
        try:
            await socket.connect((address, 25))
            return (await read_reply(socket)).split()[1]
        except OSError:
            pass
    return ""


async def ask(host: Host, line: str) -> str:
    return await host.call(console, line)


def test_each_address_is_answered_at_by_one_node_and_followers_are_with_their_binding() -> None:
    async def story(cluster: Cluster) -> None:
        owners = await cluster.settled()
        assert owners["10.0.0.101"] == "n1"
        assert owners["10.0.0.102"] == owners["10.0.0.103"] != "n1"
        shown = await ask(cluster.hosts["n3"], "cluster duravip show")
        assert "10.0.0.101: (owned,safe) ESMTP:25\n" in shown
        assert " *  \tn1 ESMTP:25\n" in shown
        assert f" *  \t{owners['10.0.0.102']} ESMTP:25 multivip\n" in shown
        listens = await ask(cluster.hosts["n1"], "listeners")
        assert "elsewhere" in listens

    Cluster().run(story)


def test_a_killed_owners_addresses_are_answered_at_by_others_within_seconds_and_return() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.settled()
        cluster.hosts["n1"].kill()
        answers = [""]

        async def ask_again() -> None:
            while answers[-1] in ("", "n1"):
                answers.append(await cluster.client.call(greeting, "10.0.0.101"))
                await trio.sleep(0.1)

        began = trio.current_time()
        with trio.fail_after(FAILOVER_SECONDS):
            await ask_again()
        assert answers[-1] in ("n2", "n3")
        assert trio.current_time() - began < FAILOVER_SECONDS
        # The dead process's kernel keeps the address until its lease is over, and does not answer for it any more.
        await cluster.until(lambda: "n1" not in cluster.up()["10.0.0.101"], 20)
        await cluster.boot("n1")
        await cluster.until(lambda: cluster.up()["10.0.0.101"] == ["n1"], SETTLING_SECONDS)
        assert (await cluster.settled())["10.0.0.101"] == "n1"

    Cluster().run(story)


def test_each_side_of_a_partition_has_all_and_one_of_them_after_it() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.settled()
        cluster.world.partition(cluster.hosts["n1"], cluster.hosts["n2"])
        cluster.world.partition(cluster.hosts["n1"], cluster.hosts["n3"])
        await cluster.until(lambda: all(len(nodes) == 2 for nodes in cluster.up().values()), SETTLING_SECONDS)
        cluster.world.heal_all()
        await cluster.settled(2 * SETTLING_SECONDS)

    Cluster(2).run(story)


def test_a_node_that_ends_hands_its_addresses_over_and_has_none_up() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.settled()
        cluster.lives["n1"].signal("SIGTERM")
        await cluster.until(lambda: cluster.up()["10.0.0.101"] not in ([], ["n1"]), FAILOVER_SECONDS)
        await cluster.lives["n1"].ended.wait()
        assert all("n1" not in nodes for nodes in cluster.up().values())

    Cluster(3).run(story)


def test_moves_and_reloads() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.settled()
        assert await ask(cluster.hosts["n2"], "cluster duravip move 10.0.0.101 to n3") == "10.0.0.101 moves to n3\n"
        await cluster.until(lambda: cluster.up()["10.0.0.101"] == ["n3"], FAILOVER_SECONDS)
        assert (await cluster.settled())["10.0.0.101"] == "n3"
        for name in NODES:  # 10.0.0.101 floats no more
            changed = SERVICES.replace('Listen "10.0.0.101:25" { Enable_Duravip = true Duravip_Preference = "n1" }', "")
            await cluster.configure(name, changed)
            await ask(cluster.hosts[name], "config reload")
        await cluster.until(lambda: cluster.up()["10.0.0.101"] == [], FAILOVER_SECONDS)

    Cluster(4).run(story)
