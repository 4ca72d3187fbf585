"""Mail follows its floating address between whole nodes: nothing is lost, nothing comes twice, whatever breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

import pytest
import trio
from simulated_host import CONFIG_PATH, console, read_folder, read_reply, send_all, write_file

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Received, Record, Transferred
from momentum_trio.node.node import run_node
from sim.host import Life
from sim.world import World

NODES = {"n1": "10.0.0.1", "n2": "10.0.0.2", "n3": "10.0.0.3"}
FLOATING = ip_address("10.0.0.101")
SETTLING_SECONDS = 90
FOLLOWS_SECONDS = 10
"""What is settled, looked for and moved by then."""
CONFIG = """
Hostname = "{name}"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }}
Cluster_Secret = "correct horse battery staple"
cluster {{ Nodename = "{name}" Nodeaddr = "{own}" Topology "10.0.0.0/24" {{ interface = "eth0" }} }}
msgc_server {{ Peers = [ n1 = "10.0.0.1" n2 = "10.0.0.2" n3 = "10.0.0.3" ] Reconnect_Interval = 1 }}
msgcserver_listener {{ Listen "{own}:4809" {{}} Listen "127.0.0.1:4809" {{}} }}
msgc_client {{ Server = ( "127.0.0.1:4809" ) Reconnect_Interval = 1 }}
ECCluster_Listener {{ Listen "{own}:4802" {{}} }}
Control_Listener {{ Listen "/run/control" {{}} }}
ESMTP_Listener {{ Outbound_Binding = "b" Listen "{own}:25" {{}} }}
Binding "b" {{ Enable_Duravip = true Bind_Address = "10.0.0.101" {binding} }}
{more}
"""
PREFERRED = 'Duravip_Preference = "n1"'
WAITING = "Suspend_Delivery = true"


class Cluster:
    """Three nodes and a client. records: what each node published, over all its lives."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed)
        self.hosts = {name: self.world.host(name, own, "127.0.0.1") for name, own in NODES.items()}
        self.client = self.world.host("client", "10.0.0.7")
        self.lives: dict[str, Life] = {}
        self.records: dict[str, list[Record]] = {name: [] for name in NODES}
        self._news = trio.Event()

    def run(
        self, story: Callable[[Cluster], Awaitable[None]], *, binding: str = f"{PREFERRED} {WAITING}", more: str = ""
    ) -> None:
        """Boot all, wait until the address is up on one of them, tell the *story*."""

        async def main() -> None:
            for name in NODES:
                await self.configure(name, binding=binding, more=more)
                await self.boot(name)
            await self.until(lambda: len(self.owners) == 1)
            await story(self)

        self.world.run(main)

    async def configure(self, name: str, *, binding: str, more: str = "") -> None:
        text = CONFIG.format(name=name, own=NODES[name], binding=binding, more=more)
        await self.hosts[name].call(write_file, CONFIG_PATH, text.encode())

    async def boot(self, name: str) -> None:
        async def node(machine: Machine, *, task_status: trio.TaskStatus[object]) -> None:
            machine.events.subscribe(self.records[name].append)
            machine.events.subscribe(self._wake)
            await run_node(machine, CONFIG_PATH, task_status=task_status)

        self.lives[name] = await self.hosts[name].start(node)

    def _wake(self, _record: Record) -> None:
        self._news.set()

    @property
    def owners(self) -> list[str]:
        return [name for name, host in self.hosts.items() if FLOATING in host.addresses]

    async def until(self, holds: Callable[[], bool], seconds: float = SETTLING_SECONDS) -> None:
        with trio.fail_after(seconds):
            while not holds():
                self._news = trio.Event()
                with trio.move_on_after(0.5):
                    await self._news.wait()

    async def send(self, to: str, *local_parts: str) -> None:
        paths = [f"{each}@example.com" for each in local_parts]
        assert (await self.client.call(send_message, NODES[to], paths)).startswith("250")

    async def ask(self, name: str, line: str) -> str:
        return await self.hosts[name].call(console, line)

    async def go(self) -> None:
        """Deliver what waits, wherever it is."""
        for name in NODES:
            await self.ask(name, "config set binding b Suspend_Delivery false")
        await trio.sleep(2)

    async def delivered(self, *local_parts: str) -> Counter[tuple[str, str]]:
        """How often each node has delivered each message."""
        return Counter(
            {
                (name, each): len(found)
                for name, host in self.hosts.items()
                for each in local_parts
                if (found := await host.call(read_folder, f"/var/mail/example.com/{each}/new"))
            }
        )

    def moved(self, name: str) -> list[str]:
        """The messages that a node has handed over."""
        return [each.forward_path.partition("@")[0] for each in self.records[name] if isinstance(each, Transferred)]


async def send_message(_machine: Machine, address: str, forward_paths: Sequence[str]) -> str:
    """The last reply."""
    lines = ["EHLO other.example.com", "MAIL FROM:<ann@client.example>"]
    lines += [f"RCPT TO:<{path}>" for path in forward_paths]
    lines += ["DATA", "From: <ann@client.example>\r\nSubject: one\r\n\r\nbody\r\n."]
    with trio.fail_after(60), trio.socket.socket() as socket:
        await socket.connect((address, 25))
        reply: str = await read_reply(socket)
        for line in lines:
            await send_all(socket, line.encode() + b"\r\n")
            reply = await read_reply(socket)
        return reply


def test_mail_that_came_to_another_node_goes_to_the_owner_unless_nothing_is_delivered_at_all() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.send("n2", "bob")
        await cluster.send("n1", "ann")
        await trio.sleep(FOLLOWS_SECONDS)
        assert not cluster.moved("n2")
        for name in NODES:
            await cluster.ask(name, "config set Suspend_Delivery false")
        await trio.sleep(FOLLOWS_SECONDS)
        assert (cluster.moved("n1"), cluster.moved("n2")) == ([], ["bob"])
        assert await cluster.delivered("ann", "bob") == {("n1", "ann"): 1, ("n1", "bob"): 1}
        handed = [each for each in cluster.records["n2"] if isinstance(each, Transferred)]
        received = [each for each in cluster.records["n1"] if isinstance(each, Received)]
        assert [(each.forward_path, each.peer_address) for each in handed] == [("bob@example.com", NODES["n1"])]
        assert [(each.forward_path, each.protocol, each.peer_address) for each in received] == [
            ("ann@example.com", "esmtp", str(cluster.client.addresses[0])),
            ("bob@example.com", "xfer", NODES["n2"]),
        ]

    Cluster().run(story, binding=PREFERRED, more="Suspend_Delivery = true")


def test_mail_of_an_owner_that_ended_goes_to_the_next_one_when_the_node_is_back() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.send("n1", "bob", "eve")
        await cluster.configure("n1", binding=WAITING)
        cluster.hosts["n1"].kill()
        await cluster.until(lambda: bool({"n2", "n3"} & set(cluster.owners)))
        await cluster.boot("n1")
        await cluster.until(lambda: len(cluster.moved("n1")) == 2)
        (owner,) = cluster.owners
        await cluster.go()
        assert await cluster.delivered("bob", "eve") == {(owner, "bob"): 1, (owner, "eve"): 1}

    Cluster().run(story, binding=WAITING + " Duravip_Preference = n1")


def test_after_a_partition_the_mail_of_both_sides_is_with_the_one_owner() -> None:
    async def story(cluster: Cluster) -> None:
        for other in ("n2", "n3"):
            cluster.world.partition(cluster.hosts["n1"], cluster.hosts[other])
        await cluster.until(lambda: len(cluster.owners) == 2)
        for name in NODES:
            await cluster.send(name, f"to-{name}")
        await trio.sleep(FOLLOWS_SECONDS)
        (there,) = set(cluster.owners) - {"n1"}
        assert [name for name in NODES if cluster.moved(name)] == [name for name in ("n2", "n3") if name != there]
        cluster.world.heal_all()
        await cluster.until(lambda: len(cluster.owners) == 1)
        (owner,) = cluster.owners
        await trio.sleep(FOLLOWS_SECONDS)
        await cluster.go()
        subjects = [f"to-{name}" for name in NODES]
        assert await cluster.delivered(*subjects) == {(owner, each): 1 for each in subjects}

    Cluster().run(story)


@pytest.mark.parametrize(("victim", "after"), [("n1", 20), ("n2", 1)])
def test_a_crash_of_either_side_while_mail_moves(victim: str, after: int) -> None:
    """Of the owner, or of who hands over, when it has handed over so many: each message comes once."""
    subjects = [f"s{number}" for number in range(40)]

    async def story(cluster: Cluster) -> None:
        await cluster.send("n2", *subjects)
        await cluster.until(lambda: len(cluster.moved("n2")) >= after)
        assert len(cluster.moved("n2")) < len(subjects)
        cluster.hosts[victim].kill()
        await trio.sleep(5)
        await cluster.boot(victim)
        await cluster.until(lambda: cluster.owners == ["n1"])
        await trio.sleep(2 * FOLLOWS_SECONDS)
        await cluster.go()
        assert await cluster.delivered(*subjects) == {("n1", each): 1 for each in subjects}

    Cluster(after).run(story)
