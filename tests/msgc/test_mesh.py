"""Servers of the bus and their members over real loopback: views, one order, and what becomes of both."""

from __future__ import annotations

import pytest
import trio
import trio.lowlevel
from bus_mesh import Ear, Mesh, mesh, until

from momentum_trio.net.group import Apart, GroupView, Service
from momentum_trio.protocol.msgc.frame import Code

SECRET = 'Cluster_Secret = "what we know and they do not"'


async def joined(bus: Mesh, more: str = "") -> list[Ear]:
    """A member of each server, all in one group."""
    await bus.until_together()
    ears = [bus.member(name, more=more) for name in bus.nodes]
    for ear in ears:
        ear.member.join("g")
    await until(lambda: all(set(ear.view()) == {f"#ec1-1#{name}" for name in bus.nodes} for ear in ears))
    return ears


@pytest.mark.parametrize("text", ["", SECRET])
async def test_three_servers_order_what_three_members_say(text: str) -> None:
    async with mesh("a", "b", "c", text=text) as bus:
        ears = await joined(bus, text)
        for number in range(50):
            for ear in ears:
                assert ear.member.publish("g", b"%d" % number, Service.SAFE if number % 10 == 0 else Service.AGREED)
            await trio.lowlevel.checkpoint()
        await until(lambda: all(len(ear.told()) == 150 for ear in ears))
        assert ears[0].order == ears[1].order == ears[2].order
        views = [[event for event in ear.events if isinstance(event, GroupView)][-1] for ear in ears]
        assert views[0].members == views[1].members == views[2].members
        assert all(view.primary for view in views)


async def test_between_two_servers_one_connection_stays() -> None:
    """All five call each other at once; each pair keeps one connection, and nothing breaks in between."""
    async with mesh(*"abcde") as bus:
        await bus.until_together()
        epochs = {node.bus.life.core.view.key for node in bus.nodes.values() if node.bus.life is not None}
        assert len(epochs) == 1
        for node in bus.nodes.values():
            assert node.bus.life is not None
            assert node.bus.life.peer_count == 4
            assert {closed.code for closed in node.closed} <= {Code.DUPLICATE, Code.CLOSING}
            assert not node.panics


async def test_private_messages_and_groups_one_is_not_in() -> None:
    async with mesh("a", "b") as bus:
        first, second = await joined(bus)
        first.member.publish("g", b"1")
        first.member.tell("#ec1-1#b", b"2")
        first.member.tell("#ec1-1#nobody", b"?")
        second.member.publish("others", b"?")
        first.member.publish("g", b"3")
        await until(lambda: b"3" in second.told())
        assert [octets for _, octets in second.order] == [b"1", b"2", b"3"]
        assert [octets for _, octets in first.order] == [b"1", b"3"]
        second.member.leave("g")
        await until(lambda: first.view() == ("#ec1-1#a",))
        first.member.publish("g", b"4")
        await until(lambda: b"4" in first.told())
        assert b"4" not in second.told()


async def test_a_server_ends_and_returns() -> None:
    """The others go on without it at once; its client is apart, comes back by itself and is in its group again."""
    async with mesh("a", "b", "c") as bus:
        ears = await joined(bus)
        epoch = ears[1].events[-1]
        assert isinstance(epoch, GroupView)
        bus.nodes["a"].scope.cancel()  # which orders the messages
        await until(lambda: set(ears[1].view()) == {"#ec1-1#b", "#ec1-1#c"})
        assert any(isinstance(event, Apart) for event in ears[0].events)
        assert ears[0].member.name == ""
        assert not ears[0].member.publish("g", b"to nobody")
        assert ears[1].member.publish("g", b"without a")
        await until(lambda: b"without a" in ears[2].told())
        await bus.start_again("a")
        await until(lambda: all(len(ear.view()) == 3 for ear in ears))
        views = [event for event in ears[0].events if isinstance(event, GroupView)]
        assert views[-1].id > epoch.id
        assert ears[0].member.publish("g", b"again")
        await until(lambda: all(b"again" in ear.told() for ear in ears))
        assert b"without a" not in ears[0].told()


async def test_a_member_takes_the_next_server_of_its_list() -> None:
    async with mesh("a", "b") as bus:
        await bus.until_together()
        there = f'Server = ( "127.0.0.1:{bus.nodes["a"].port}" "127.0.0.1:{bus.nodes["b"].port}" )'
        ear = bus.member("a", more=there)
        ear.member.join("g")
        await until(lambda: ear.view() == ("#ec1-1#a",))
        bus.nodes["a"].scope.cancel()
        await until(lambda: ear.view() == ("#ec1-1#b",))
        assert ear.member.name == "#ec1-1#b"


async def test_the_later_of_two_clients_of_one_name_is_the_member() -> None:
    async with mesh("a") as bus:
        first = bus.member("a", more="Reconnect_Interval = 60")
        first.member.join("g")
        await until(lambda: first.view() == ("#ec1-1#a",))
        second = bus.member("a")
        second.member.join("g")
        await until(lambda: second.view() == ("#ec1-1#a",))
        await until(lambda: isinstance(first.events[-1], Apart))
        assert [closed.code for closed in bus.nodes["a"].closed] == [Code.REPLACED]


async def test_more_than_the_order_takes_at_once_is_held_back_and_not_lost() -> None:
    async with mesh("a", "b") as bus:
        first, second = await joined(bus, "Max_Backlog = 1000")
        sent = 0
        with trio.fail_after(20):
            while sent < 5000:
                if first.member.publish("g", b"%d" % sent):
                    sent += 1
                else:
                    await trio.sleep(0.001)
        await until(lambda: len(second.told()) == 5000)
        assert second.told() == [b"%d" % number for number in range(5000)]


async def test_a_change_of_peers_begins_another_life() -> None:
    """Those who are named by both are together again, in a view in which more or fewer are a majority."""
    async with mesh("a", "b", "c") as bus:
        ears = await joined(bus)
        bus.nodes["c"].scope.cancel()
        for name in ("a", "b"):
            peers = " ".join(f'{node.name} = "127.0.0.1:{node.port}"' for node in list(bus.nodes.values())[:2])
            bus.nodes[name].configure(peers=peers)
            bus.nodes[name].bus.reconfigured()
        await until(lambda: set(ears[0].view()) == {"#ec1-1#a", "#ec1-1#b"})
        await bus.until_together("a", "b")
        lives = [bus.nodes[name].bus.life for name in "ab"]
        assert all(life is not None and life.core.peers == ("a", "b") for life in lives)
        assert any(isinstance(event, Apart) for event in ears[1].events)


async def test_other_options_act_without_another_life() -> None:
    async with mesh("a", "b") as bus:
        await joined(bus)
        lives = [node.bus.life for node in bus.nodes.values()]
        for node in bus.nodes.values():
            node.configure("Keepalive_Interval = 1\n Messages_Per_Iter = 1")
            node.bus.reconfigured()
        assert [node.bus.life for node in bus.nodes.values()] == lives


async def test_a_secret_is_replaced_while_the_mesh_lives() -> None:
    """Node by node: first all know both, then none knows the old one; whoever connects meanwhile is let in."""
    old, new = 'Cluster_Secret = "the secret of last year"', 'Cluster_Secret = "the secret of this year"'
    async with mesh("a", "b", text=old) as bus:
        await bus.until_together()
        bus.nodes["a"].configure(f'{new}\n Cluster_Secret_Previous = "the secret of last year"')
        bus.nodes["b"].scope.cancel()
        await bus.until_together("a")
        await bus.start_again("b")
        await bus.until_together()
        bus.nodes["b"].configure(new)
        bus.nodes["a"].scope.cancel()
        await bus.until_together("b")
        await bus.start_again("a", new)
        await bus.until_together()
