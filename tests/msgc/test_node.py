"""The bus of a node: it runs while the configuration has it, changes live, says why not, and ends with the node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from bus_mesh import Ear, until

from momentum_trio.config.load import load_text
from momentum_trio.console.facade import ApplyError
from momentum_trio.listener.msgcserver import KIND
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.mail.record import Record, Rejected, SessionEnded
from momentum_trio.msgc.member import Member
from momentum_trio.msgc.msgc_options import MsgcClientOptions
from momentum_trio.net.group import Apart
from momentum_trio.node.administration import NodeAdministration
from momentum_trio.node.bus_plane import bus_warnings
from momentum_trio.node.node import Ended, Started, run_node
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.msgc.frame import Code, Opener, decode_refused

LISTEN = 'msgcserver_listener { Listen "127.0.0.1:0" { } }\n'
ALONE = 'cluster { Nodename = "a" Enabled = false }\n'
SERVER = "msgc_server { Reconnect_Interval = 1 }\n"


class Host:
    """A node, and what it published."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ecelerity.conf"
        self.folder = folder
        self.machine = os_machine()
        self.records: list[Record] = []
        self.machine.events.subscribe(self.records.append)
        self.administration: NodeAdministration

    def write(self, text: str) -> None:
        control = f'Control_Listener {{ Listen "{self.folder}/control" {{ }} }}\n'
        self.path.write_text(f'SpoolBase = "{self.folder}/spool"\n{control}{text}')

    async def reload(self, text: str) -> None:
        self.write(text)
        await self.administration.reload()

    @property
    def port(self) -> int:
        return self.port_of(KIND.scope)

    def port_of(self, listener: str) -> int:
        (bound,) = [each.bound for each in self.administration.listeners() if each.listener == listener]
        return int(bound.rpartition(":")[2])

    def member(self, nursery: trio.Nursery, more: str = "") -> Ear:
        text = f'msgc_client {{ Server = ( "127.0.0.1:{self.port}" )\n Reconnect_Interval = 1\n {more} }}'
        options = MsgcClientOptions.resolve(load_text(text).chain_scope("msgc_client"))
        ear = Ear(Member(os_machine(), "ec9-9", lambda: options))
        nursery.start_soon(ear.member.run)
        nursery.start_soon(ear.listen)
        ear.member.join("g")
        return ear

    async def metrics(self) -> dict[str, float]:
        """Those of the bus, as /metrics has them."""
        request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        async with await trio.open_tcp_stream("127.0.0.1", self.port_of("HTTP_Listener")) as stream:
            await stream.send_all(request)
            said = b"".join([octets async for octets in stream]).decode()
        lines = [line.rpartition(" ") for line in said.splitlines() if line.startswith("momentum_bus_")]
        return {name.removeprefix("momentum_bus_"): float(value) for name, _, value in lines}


@asynccontextmanager
async def running(folder: Path, text: str) -> AsyncIterator[Host]:
    """A node for the block; it drains at its end."""
    host = Host(folder)
    host.write(text)
    ended = []

    async def run(*, task_status: trio.TaskStatus[Started]) -> None:
        ended.append(await run_node(host.machine, str(host.path), task_status=task_status))

    async with trio.open_nursery() as nursery:
        started: Started = await nursery.start(run)
        host.administration = started.administration
        yield host
        started.administration.request_shutdown()
    assert ended == [Ended.DRAINED]


async def said_to(port: int, octets: bytes) -> Code:
    """How the listener refuses who says *octets*."""
    opener = Opener()
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(octets)
        with trio.fail_after(5):
            async for heard in stream:
                opener.receive(bytes(heard))
    frame = opener.next_frame()
    assert frame is not None
    return decode_refused(frame.payload).code


async def test_it_comes_goes_and_ends_with_the_node(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        async with running(tmp_path, ALONE + LISTEN) as host:
            assert await said_to(host.port, b"") is Code.CLOSING  # there is no server of the bus behind it
            await host.reload(ALONE + LISTEN + SERVER)
            ear = host.member(nursery)
            await until(lambda: ear.view() == ("#ec9-9#a",))
            await host.reload(ALONE + LISTEN + SERVER.replace("{", "{ enabled = false", 1))
            await until(lambda: isinstance(ear.events[-1], Apart))
            assert await said_to(host.port, b"") is Code.CLOSING
            await host.reload(ALONE + LISTEN + SERVER)
            await until(lambda: not isinstance(ear.events[-1], Apart))
            assert ear.view() == ("#ec9-9#a",)
        await until(lambda: isinstance(ear.events[-1], Apart))
        whys = [record.why for record in host.records if isinstance(record, SessionEnded)]
        assert whys == ["refused", "drain", "refused", "drain"]
        nursery.cancel_scope.cancel()


async def test_strangers_are_in_the_rejectlog_and_in_the_metrics(tmp_path: Path) -> None:
    web = 'HTTP_Listener { Always_Allow = true Listen "127.0.0.1:0" { } }\n'
    async with running(tmp_path, ALONE + LISTEN + SERVER + web) as host:
        assert await said_to(host.port, b"GET / HTTP/1.1\r\n") is Code.PROTOCOL
        (rejected,) = [record for record in host.records if isinstance(record, Rejected)]
        assert (rejected.protocol, rejected.module) == ("msgcserver", "msgc")
        assert rejected.text == "PROTOCOL: this is not the protocol that is spoken here"
        await until(lambda: any(isinstance(record, SessionEnded) for record in host.records))
        assert await host.metrics() == {
            'connections{kind="server"}': 0,
            'connections{kind="client"}': 0,
            'ends_total{why="protocol"}': 1,
            "servers": 1,
            "primary": 1,
        }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('msgc_server { Peers = [ b = "192.0.2.2" ] }', "this node, a, is not in Peers"),
        ('msgc_server { Cluster_Secret = "file:///nowhere/secret" }', "No such file"),
        ('msgc_server { Cluster_Secret = "file://{folder}/open" }', "has mode 0644"),
        ('msgc_server { Cluster_Secret = "file://{folder}/short" }', "has to hold 16"),
    ],
)
async def test_what_cannot_be_run_is_refused_at_the_start_and_later(tmp_path: Path, text: str, why: str) -> None:
    for name, mode, octets in (("open", 0o644, b"0123456789abcdef"), ("short", 0o600, b"123\n")):
        (tmp_path / name).write_bytes(octets)
        (tmp_path / name).chmod(mode)
    wrong = ALONE + LISTEN + text.replace("{folder}", str(tmp_path)) + "\n"
    async with running(tmp_path, ALONE + LISTEN + SERVER) as host:
        with pytest.raises(ApplyError, match=why):
            await host.reload(wrong)
        assert await said_to(host.port, b"GET / HTTP/1.1\r\n") is Code.PROTOCOL  # the old one goes on
    host.write(wrong)
    with pytest.RaisesGroup(pytest.RaisesExc(ApplyError, match=why), flatten_subgroups=True, allow_unwrapped=True):
        await run_node(host.machine, str(host.path))


async def test_a_secret_in_a_file_is_read_anew(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"the secret of last year\n")
    secret.chmod(0o600)
    async with trio.open_nursery() as nursery:
        async with running(tmp_path, ALONE + LISTEN + f'Cluster_Secret = "file://{secret}"\n' + SERVER) as host:
            stranger = host.member(nursery, 'Cluster_Secret = "the secret of this year"')
            friend = host.member(nursery, 'Cluster_Secret = "the secret of last year"')
            await until(lambda: friend.view() == ("#ec9-9#a",))
            assert stranger.member.name == ""
            secret.write_bytes(b"the secret of this year\n")
            await until(lambda: stranger.view() == ("#ec9-9#a",))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SERVER + LISTEN, []),
        (SERVER, ["nobody reaches"]),
        ('msgc_server { Peers = [ a = "192.0.2.1" ] }' + LISTEN, ["without Cluster_Secret"]),
        ('msgc_server { Cluster_Secret = "0123456789abcdef" Peers = [ a = "192.0.2.1" ] }' + LISTEN, []),
        ("", []),
    ],
)
def test_what_an_operator_should_know(text: str, said: list[str]) -> None:
    warnings = [*bus_warnings(load_text(text, declared=DECLARED))]
    assert len(warnings) == len(said)
    assert all(word in warning for word, warning in zip(said, warnings, strict=True))
