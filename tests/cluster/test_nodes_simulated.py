"""Three whole nodes over their bus: who is in the cluster, what they share, what becomes of it when one is gone."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "node"))

import trio
from nodes_simulated import Nodes
from simulated_host import read_reply, send_all

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Authorized, Level, Panic, Record
from momentum_trio.net.group import GroupView
from momentum_trio.protocol.cluster.relay import Outcome, Question


async def sessions(machine: Machine, address: str, count: int) -> None:
    """*count* SMTP sessions from here to *address*, open until cancelled."""
    sockets = [trio.socket.socket() for _ in range(count)]
    for socket in sockets:
        await socket.connect((address, 25))
        await read_reply(socket)
    await trio.sleep_forever()


def test_the_cluster_as_each_node_shows_it() -> None:
    async def story(nodes: Nodes) -> None:
        info = await nodes.ask("labrat-2", "cluster info")
        leader = (await nodes.members("labrat-2"))[0]
        assert f"Cluster Group: ec_cluster ({leader} is leader)" in info
        assert "Control Group: ec_console\n" in info
        assert "Logger Group: none\n" in info
        assert info.startswith("Daemon: 4809 [m:#ec0-")
        assert await nodes.ask("labrat-2", "cluster nodename") == "labrat-2\n"
        assert await nodes.ask("labrat-2", "cluster nodeaddr") == "10.0.0.2:4802\n"
        shown = {await nodes.ask(name, "cluster membership") for name in nodes.names}
        assert len(shown) == 1, "all show the same, in the same order"
        assert "Address: 10.0.0.3:4802\nGroups: ec_console, ec_sc_default, ec_cluster\n" in shown.pop()

    Nodes().run(story)


async def fetched(machine: Machine, path: str) -> str:
    """The body of what this host answers to a GET of *path*."""
    octets = b""
    with trio.fail_after(30), trio.socket.socket() as socket:
        await socket.connect(("127.0.0.1", 2081))
        await send_all(socket, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:2081\r\nConnection: close\r\n\r\n".encode())
        while received := await socket.recv(65536):
            octets += received
    return octets.partition(b"\r\n\r\n")[2].decode()


def test_the_page_and_the_metrics_show_the_cluster() -> None:
    async def story(nodes: Nodes) -> None:
        shown = json.loads(await nodes.hosts["labrat-2"].call(fetched, "/api/v1/cluster"))["results"]
        assert (shown["nodename"], shown["connected"], shown["primary"]) == ("labrat-2", True, True)
        assert [member["nodename"] for member in shown["members"]] == await nodes.members("labrat-2")
        assert shown["leader"] == shown["members"][0]["nodename"]
        assert [each["name"] for each in shown["shared"]][:2] == ["inbound_cidr", "outbound_cidr"]
        lines = (await nodes.hosts["labrat-2"].call(fetched, "/metrics")).splitlines()
        assert "momentum_cluster_members 3" in lines
        assert 'momentum_cluster_up{connection="s"} 1' in lines
        assert 'momentum_cluster_shared_keys{object="inbound_cidr"} 0' in lines
        await nodes.ask("labrat-2", "config set cluster Enabled false")
        assert json.loads(await nodes.hosts["labrat-2"].call(fetched, "/api/v1/cluster")) == {"results": None}
        assert "momentum_cluster_members" not in await nodes.hosts["labrat-2"].call(fetched, "/metrics")

    Nodes().run(story)


def test_connections_are_counted_across_nodes_and_go_with_theirs() -> None:
    async def story(nodes: Nodes) -> None:
        async def total(name: str) -> str:
            text = await nodes.ask(name, "cluster shared show inbound_cidr")
            return text.splitlines()[-1].strip() if text.count("\n") > 1 else ""

        async with trio.open_nursery() as nursery:
            for number, name in enumerate(nodes.names, 1):
                nursery.start_soon(nodes.client.call, sessions, nodes.addresses[name], number)

            async def all_show(count: int, names: list[str]) -> bool:
                return [await total(name) for name in names] == [f"{count}{'':25}10.0.9.9/32"] * len(names)

            await nodes.until(lambda: all_show(6, nodes.names), 10)
            text = await nodes.ask("labrat-1", "cluster shared show inbound_cidr from labrat-3")
            assert text.splitlines()[-1] == f"{3:7d}{'':25}10.0.9.9/32"
            series = await nodes.ask("labrat-2", "cluster shared show metrics.connect")
            assert series.splitlines()[-1] == f"{6:7d}{'':25}10.0.9.9/32"
            nodes.hosts["labrat-3"].kill()
            await nodes.until(lambda: all_show(3, nodes.names[:2]))
            await nodes.boot("labrat-3")
            await nodes.together(*nodes.names)
            await nodes.until(lambda: all_show(3, nodes.names), 10)
            nursery.cancel_scope.cancel()

    Nodes().run(story)


def test_the_configuration_of_the_cluster_changes_while_the_node_lives() -> None:
    async def story(nodes: Nodes) -> None:
        await nodes.ask("labrat-1", 'config set cluster replicate outbound_foo type "outbound_domains"')
        listed = await nodes.ask("labrat-1", "cluster shared list")
        assert "                  outbound_foo [lazy, gauge table w/ snapshots]\n" in listed
        await nodes.ask("labrat-1", "config unset cluster replicate outbound_cidr")
        assert "outbound_cidr" not in await nodes.ask("labrat-1", "cluster shared list")
        refused = await nodes.ask("labrat-1", "config set cluster replicate bar max_pending 7", may_fail=True)
        assert 'Replicate "bar"' in refused
        assert "has no type" in refused
        await nodes.ask("labrat-1", "config set cluster Cluster_Group other")
        await nodes.until(lambda: _shows(nodes, "labrat-1", ["labrat-1"]))
        await nodes.until(lambda: _shows(nodes, "labrat-2", ["labrat-2", "labrat-3"]))
        assert "is leader" in await nodes.ask("labrat-1", "cluster info")
        await nodes.ask("labrat-1", "config set cluster Enabled false")
        assert "in no cluster" in await nodes.ask("labrat-1", "cluster info", may_fail=True)
        await nodes.ask("labrat-1", "config set cluster Enabled true")
        await nodes.ask("labrat-1", "config unset cluster Cluster_Group")
        await nodes.together(*nodes.names)

    Nodes().run(story)


async def _shows(nodes: Nodes, name: str, members: list[str]) -> bool:
    return sorted(await nodes.members(name)) == members


def test_a_node_that_resets_comes_anew_and_a_paused_one_is_out_until_it_goes_on() -> None:
    async def story(nodes: Nodes) -> None:
        leader = (await nodes.members("labrat-1"))[0]
        await nodes.ask(leader, "cluster reset")
        await nodes.together(*nodes.names)
        assert (await nodes.members("labrat-1"))[-1] == leader, "who comes anew is the youngest"
        others = [name for name in nodes.names if name != leader]
        nodes.hosts[leader].freeze()
        await nodes.until(lambda: _shows(nodes, others[0], others))
        nodes.hosts[leader].thaw()
        await nodes.together(*nodes.names)

    Nodes().run(story)


AUTHORIZATION = """
  Enable_Authorization = true
"""
ROLES = """
Authorization {
  Role "ann" { allow = ( "^version$" "^config set ec_logger" ) }
}
"""


def test_a_relayed_command_is_judged_where_it_runs_and_accounted_there() -> None:
    """Who may do all on one node may do on another what that one's roles allow him."""

    async def story(nodes: Nodes) -> None:
        accounted: list[Authorized] = []
        await nodes.configure("labrat-2", control=AUTHORIZATION, more=ROLES)
        await nodes.ask("labrat-2", "config reload")

        def take(record: Record) -> None:
            if isinstance(record, Authorized):
                accounted.append(record)

        nodes.lives["labrat-2"].machine.events.subscribe(take)
        relay = nodes.lives["labrat-1"].started.administration.cluster_plane.life.relay
        answers: dict[str, list[tuple[Outcome, str]]] = {}
        for line in ("version", "pid"):
            question = relay.ask(line, "text", ("ann", "/run/control", ""))
            await nodes.until(partial(_is_over, question))
            answers[line] = [(reply.outcome, reply.text) for reply in question.replies.values()]
        assert [outcome for outcome, _ in answers["version"]] == [Outcome.ANSWERED] * 3
        assert sorted(outcome.value for outcome, _ in answers["pid"]) == ["answered", "answered", "failed"]
        assert (Outcome.FAILED, "Not Authorized for this command\n") in answers["pid"]
        lines = [(record.user, record.accepted, record.command, record.role) for record in accounted]
        assert lines == [("ann", True, "version", "ann"), ("ann", False, "pid", "")]
        assert accounted[0].endpoint == "cluster:ec_console"
        assert accounted[0].peer.startswith("/run/control@#ec0-")

    Nodes().run(story)


async def _is_over(question: Question) -> bool:
    return question.is_over


def test_each_side_of_a_partition_counts_its_own_and_after_it_all_count_all() -> None:
    async def story(nodes: Nodes) -> None:
        async def shows(name: str, count: int) -> bool:
            text = await nodes.ask(name, "cluster shared show inbound_cidr")
            return text.endswith(f"{count:7d}{'':25}10.0.9.9/32\n")

        async def all_show(*counts: int) -> bool:
            return all([await shows(name, count) for name, count in zip(nodes.names, counts, strict=True)])

        one, *others = nodes.hosts.values()
        async with trio.open_nursery() as nursery:
            for number, name in enumerate(nodes.names, 1):
                nursery.start_soon(nodes.client.call, sessions, nodes.addresses[name], number)
            await nodes.until(lambda: all_show(6, 6, 6), 10)
            nodes.world.partition(one, others)
            await nodes.until(lambda: all_show(1, 5, 5))
            nursery.start_soon(nodes.client.call, sessions, nodes.addresses["labrat-1"], 10)
            nursery.start_soon(nodes.client.call, sessions, nodes.addresses["labrat-2"], 20)
            await nodes.until(lambda: all_show(11, 25, 25), 10)
            nodes.world.heal_all()
            await nodes.together(*nodes.names)
            await nodes.until(lambda: all_show(36, 36, 36), 10)
            nursery.cancel_scope.cancel()

    Nodes().run(story)


def test_lines_of_the_paniclog_are_told_in_log_group() -> None:
    """Whoever is in it hears them: here another node's part."""

    class Ear:
        topic = "paniclog"

        def __init__(self) -> None:
            self.heard: list[bytes] = []

        def told(self, sender: str, octets: bytes) -> None:
            self.heard.append(octets)

        def view(self, view: GroupView) -> None:
            pass

        def apart(self) -> None:
            pass

    async def story(nodes: Nodes) -> None:
        for name in nodes.names:
            await nodes.ask(name, "config set cluster Log_Group ec_log")
        await nodes.together(*nodes.names)
        assert "Logger Group: ec_log\n" in await nodes.ask("labrat-1", "cluster info")
        plane = nodes.lives["labrat-1"].started.administration.cluster_plane
        plane.life.control.assemblies["ec_log"].add(ear := Ear())
        machine = nodes.lives["labrat-3"].machine
        machine.events.publish(Panic(machine.clock.now(), Level.ERROR, "the disk: full"))
        await nodes.world.until(lambda: b"[ERROR] the disk: full" in ear.heard, 10)

    Nodes().run(story)
