"""What a node does with its interfaces: clears them at its start, keeps up its own, gives up what it cannot have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

import trio
from agreed import Agreed

from momentum_trio.cluster.duravip import LEASE_SECONDS, FloatingAddresses
from momentum_trio.config.binding import Binding
from momentum_trio.config.load import load_text
from momentum_trio.config.tree import ConfigTree
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Panic
from momentum_trio.net.group import node_of
from momentum_trio.node.schema import DECLARED
from sim.host import Host, Life
from sim.world import World

ONE, TWO = "10.0.0.101", "10.0.0.102"
BINDINGS = "".join(f'Binding "{a}" {{ Enable_Duravip = true Bind_Address = "{a}" }}\n' for a in (ONE, TWO))


def tree_of(cluster: str = "", topology: str = "", bindings: str = BINDINGS) -> ConfigTree:
    scope = f'cluster {{ {cluster} Topology "10.0.0.0/24" {{ interface = "eth0" {topology} }} }}\n'
    return load_text(scope + bindings, declared=DECLARED)


class Stage:
    """Nodes over an agreed order that flows, each on a host of its own. refuses: what a node does not serve."""

    def __init__(self, *names: str) -> None:
        self.order, self.world = Agreed(*names), World(1)
        self.hosts = {n: self.world.host(n, f"10.0.0.{i}") for i, n in enumerate(names, 1)}
        self.parts: dict[str, FloatingAddresses] = {}
        self.served: dict[str, frozenset[str]] = {}
        self.refuses: dict[str, str] = {}
        self.lives: dict[str, Life] = {}

    def run(self, story: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._flow)
                await story()
                nursery.cancel_scope.cancel()

        self.world.run(main)

    async def _flow(self) -> None:
        while True:
            self.order.settle()
            await trio.sleep(0.01)

    async def start(self, name: str, tree: ConfigTree) -> None:
        self.lives[name] = await self.hosts[name].boot(self._program, name, tree)
        await trio.sleep(0.1)
        self.order.regroup(self.hosts)  # a part is there before its node is in the group

    async def _program(self, machine: Machine, name: str, tree: ConfigTree) -> None:
        async def serve(addresses: frozenset[str]) -> Sequence[str]:
            await trio.lowlevel.checkpoint()
            if self.refuses.get(name) in addresses:
                return [f"{self.refuses[name]}: taken"]
            self.served[name] = addresses
            return ()

        part = self.parts[name] = FloatingAddresses(machine, self.order[name], tree, serve)
        self.order[name].add(part)
        await part.run()

    def up(self, name: str) -> set[str]:
        """Which of the two are up at *name*."""
        return {text for text in (ONE, TWO) if ip_address(text) in self.hosts[name].addresses}

    def said(self, word: str) -> list[str]:
        texts = (record.text for _, record in self.world.records if isinstance(record, Panic))
        return [text for text in texts if word in text]


async def change(host: Host, verb: str, address: str) -> None:
    """Somebody brings an address up, or takes it down, behind the node's back."""

    async def program(machine: Machine) -> None:
        assert machine.addresses is not None
        await getattr(machine.addresses, verb)(address, "eth0")

    await host.call(program)


def test_what_is_up_at_the_start_goes_down_and_services_begin_where_addresses_are() -> None:
    stage = Stage("a", "b")

    async def story() -> None:
        await change(stage.hosts["a"], "add", ONE)
        await stage.start("a", tree_of())
        assert stage.up("a") == set()
        await stage.start("b", tree_of())
        await trio.sleep(10)
        assert stage.up("a") | stage.up("b") == {ONE, TWO}
        assert not stage.up("a") & stage.up("b")
        for name, other in ("ab", "ba"):
            assert stage.served[name] == stage.up(name)
            theirs = {binding: node_of(member) for binding, member in stage.parts[name].elsewhere().items()}
            assert theirs == {Binding("default", text): other for text in stage.up(other)}

    stage.run(story)


def test_an_address_of_the_host_itself_is_left_alone_and_floats_elsewhere() -> None:
    stage = Stage("a", "b")

    async def story() -> None:
        await change(stage.hosts["a"], "add", ONE)
        await stage.start("a", tree_of(topology="cidrmask = 24"))  # it is up with /32
        await stage.start("b", tree_of())
        assert ONE not in stage.parts["a"].core.claims
        assert stage.said("not by us")
        await trio.sleep(10)
        assert ONE in stage.up("a")
        assert ONE in stage.up("b")  # that is what the operator has made of it

    stage.run(story)


def test_what_goes_down_by_itself_comes_up_again_and_what_comes_up_by_itself_goes_down() -> None:
    stage = Stage("a")

    async def story() -> None:
        await stage.start("a", tree_of("If_Check_Interval = 10 If_Down_Limit = 4"))
        await trio.sleep(8)
        assert stage.up("a") == {ONE, TWO}
        await change(stage.hosts["a"], "remove", ONE)
        await trio.sleep(4)
        assert stage.up("a") == {TWO}
        await trio.sleep(20)
        assert stage.up("a") == {ONE, TWO}
        assert len(stage.said("has gone down")) == 1
        stage.parts["a"].reconfigured(tree_of("If_Check_Interval = 10", bindings=BINDINGS.splitlines()[0]))
        await trio.sleep(1)
        assert stage.up("a") == {ONE}
        stage.parts["a"].reconfigured(tree_of("If_Check_Interval = 10"))
        await trio.sleep(1)
        assert stage.up("a") == {ONE, TWO}

    stage.run(story)


def test_a_stray_address_goes_down_at_the_next_comparison() -> None:
    stage = Stage("a", "b")

    async def story() -> None:
        for name in "ab":
            await stage.start(name, tree_of("If_Check_Interval = 10"))
        await trio.sleep(10)
        (here,), (there,) = stage.up("a"), stage.up("b")
        await change(stage.hosts["a"], "add", there)
        await trio.sleep(15)
        assert stage.up("a") == {here}
        assert stage.said("not ours to have")

    stage.run(story)


def test_what_cannot_be_served_or_brought_up_goes_to_another_node() -> None:
    stage = Stage("a", "b")

    async def story() -> None:
        stage.refuses["a"] = ONE
        await stage.start("a", tree_of())
        await stage.start("b", tree_of())
        await trio.sleep(20)
        assert stage.up("a") == {TWO}
        assert stage.up("b") == {ONE}
        assert stage.said(f"{ONE} cannot be had here: {ONE}: taken")
        assert stage.served["a"] == {TWO}

    stage.run(story)


def test_a_node_cut_off_has_nothing_up_and_one_that_stands_still_neither() -> None:
    stage = Stage("a", "b")

    async def story() -> None:
        for name in "ab":
            await stage.start(name, tree_of())
        await trio.sleep(10)
        stage.order.cut("a")
        await trio.sleep(1)
        assert stage.up("a") == set()
        assert stage.served["a"] == set()
        assert stage.up("b") == {ONE, TWO}
        stage.lives["b"].pause()
        await trio.sleep(LEASE_SECONDS + 1)
        assert stage.up("b") == set()

    stage.run(story)


def test_a_node_that_ends_takes_all_of_it_down_or_its_kernel_does() -> None:
    stage = Stage("a")

    async def story() -> None:
        await stage.start("a", tree_of())
        await trio.sleep(10)
        stage.parts["a"].retire()
        await trio.sleep(1)
        assert stage.up("a") == set()
        stage.parts["a"].reconfigured(tree_of())
        await trio.sleep(10)
        assert stage.up("a") == set()

    stage.run(story)


def test_a_killed_node_leaves_its_addresses_to_the_kernel() -> None:
    stage = Stage("a")

    async def story() -> None:
        await stage.start("a", tree_of())
        await trio.sleep(10)
        stage.hosts["a"].kill()
        await trio.sleep(LEASE_SECONDS / 2)
        assert stage.up("a") == {ONE, TWO}
        await trio.sleep(LEASE_SECONDS)
        assert stage.up("a") == set()

    stage.run(story)
