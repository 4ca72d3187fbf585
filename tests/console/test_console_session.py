"""Console sessions over a real Unix socket: who is let in, who may say what, what is accounted for, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from console_host import NOW, console_host
from trio.testing import MockClock

from momentum_trio.console.command import Answer, Command, Request
from momentum_trio.mail.record import Authenticated, Authorized
from momentum_trio.node.tables import COMMANDS
from momentum_trio.protocol.console.frame import Banner, End, Farewell, Part

SOCKET = "control"


async def test_the_banner_says_who_speaks_and_whom_it_takes_the_client_for(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        console = await host.connect()
        banner = await console.greet()
        assert isinstance(banner, Banner)
        assert (banner.product, banner.version, banner.node) == ("ecelerity", "0.1.0", "mx1.example.com")
        assert (banner.user, banner.mechanisms, banner.idle_seconds) == ("ann", (), 60.0)


async def test_entry_and_every_command_are_accounted_for(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        console = await host.connect()
        await console.ask("pid")
        await console.ask("json nonsense  x")
        assert host.records == [
            Authenticated(NOW, host.endpoint, "", "ann", True),
            Authorized(NOW, host.endpoint, "", "ann", True, "pid"),
            Authorized(NOW, host.endpoint, "", "ann", True, "nonsense  x"),
        ]


async def test_authorization_without_roles_allows_nothing(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET, "Enable_Authorization = true") as host:
        console = await host.connect()
        assert await console.ask("shutdown") == ("error", "Not Authorized for this command\n")
        assert await console.ask("shutdown", "json") == (
            "error",
            '{\n  "error": "Not Authorized for this command"\n}\n',
        )
        assert not host.administration.shutting_down
        assert host.records[-1] == Authorized(NOW, host.endpoint, "", "ann", False, "shutdown")


@pytest.mark.parametrize(
    ("options", "tcp", "peer", "let_in"),
    [
        ("", False, "127.0.0.1", True),
        ("", True, "127.0.0.1", True),
        ("", True, "::1", True),
        ("", True, "192.0.2.7", False),
        ("Always_Allow = true", True, "192.0.2.7", False),  # it is no proof of who somebody is
        ("Always_Allow = true", True, "127.0.0.1", True),
        ("Enable_Authentication = true Always_Allow = true", True, "127.0.0.1", True),
        ("Enable_Authentication = false", True, "192.0.2.7", False),
        ("Always_Allow = true Always_Deny = true", True, "127.0.0.1", False),
        ("Enable_Authentication = true", False, "127.0.0.1", True),  # by the operating system
        ("Enable_Authentication = true", True, "127.0.0.1", False),  # by what?
        ('AuthDigestMD5Parameters = [ uri = "ecauth://" ]', True, "127.0.0.1", False),
        ('AuthLoginParameters = [ uri = "file:///x" ]', True, "192.0.2.7", False),  # not in clear over a network
        ('AuthLoginParameters = [ uri = "file:///x" ]', False, "127.0.0.1", True),
        ("Always_Deny = true", False, "127.0.0.1", False),
        ("Always_Deny = true", True, "127.0.0.1", False),
        ('Peer "127.0.0.0/8" { Always_Deny = true }', False, "127.0.0.1", False),  # Unix peers match as loopback
        ('Peer "10.0.0.0/8" { Always_Deny = true }', False, "127.0.0.1", True),
    ],
)
async def test_who_is_let_in(tmp_path: Path, options: str, *, tcp: bool, peer: str, let_in: bool) -> None:
    async with console_host(tmp_path / SOCKET, options, tcp=tcp, peer=peer) as host:
        console = await host.connect()
        first = await console.greet()
        assert isinstance(first, Banner if let_in else Farewell)
        if let_in:
            assert await console.ask("pid") == ("ok", "4711\n")
        else:
            assert isinstance(first, Farewell)
            assert first.broken
            assert await console.socket.recv(1) == b""
            assert [type(record) for record in host.records] == [Authenticated]
            assert host.connections[0].why == "fault"


async def test_a_breach_is_told_and_ends_the_session(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        console = await host.connect()
        await console.greet()
        await console.socket.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        farewell = await console.farewell()
        assert farewell.broken
        assert "not a frame" in farewell.why
        assert host.connections[0].why == "fault"


async def test_silence_ends_the_session_and_talk_does_not(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05  # sockets are real: give octets time to arrive
    async with console_host(tmp_path / SOCKET, "Timeout = 30") as host:
        console = await host.connect()
        for _ in range(3):
            assert await console.ask("pid") == ("ok", "4711\n")
            await trio.sleep(29)
        began = trio.current_time()
        assert await console.farewell() == Farewell("nothing was said for 30 seconds")
        assert trio.current_time() - began == pytest.approx(1.0)
        assert host.connections[0].why == "idle"


async def test_no_timeout_is_no_limit(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / SOCKET, "Timeout = 0") as host:
        console = await host.connect()
        banner = await console.greet()
        assert isinstance(banner, Banner)
        assert banner.idle_seconds == 0.0
        await trio.sleep(80_000)
        assert await console.ask("pid") == ("ok", "4711\n")


async def test_a_client_that_does_not_read_is_dropped(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / SOCKET, "Timeout = 30") as host:
        console = await host.connect()
        await console.greet()
        flood = b'{"frame":"command","request":1,"line":"help","form":"json"}\n' * 100_000
        with pytest.raises(trio.BrokenResourceError), trio.fail_after(100):
            await trio.SocketStream(console.socket).send_all(flood)
        assert host.connections[0].octets_sent < 10_000_000
        assert host.connections[0].why == "closed"
        assert not host.faults


async def test_a_drain_ends_a_session_at_rest_at_once(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        console = await host.connect()
        await console.ask("pid")
        await trio.testing.wait_all_tasks_blocked()
        host.drain()
        assert await console.farewell() == Farewell("the node shuts down")
        assert host.connections[0].why == "drain"


async def test_a_drain_lets_the_command_that_runs_be_answered(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        going_on, begun = trio.Event(), trio.Event()

        async def wait(request: Request) -> Answer:
            begun.set()
            await going_on.wait()
            return Answer("done")

        host.dispatch.commands = (Command(("wait",), "Wait.", wait),)
        console = await host.connect()
        await console.greet()
        console.client.command("wait")
        await console.flush()
        await begun.wait()
        host.drain()
        going_on.set()
        assert await console.next() == Part(1, "done\n")
        assert await console.next() == End(1, "ok", 1)
        assert await console.farewell() == Farewell("the node shuts down")


async def test_a_drain_waits_for_no_client_that_does_not_read(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / SOCKET, "Timeout = 0") as host:
        console = await host.connect()
        await console.greet()
        with trio.move_on_after(5):
            await trio.SocketStream(console.socket).send_all(
                b'{"frame":"command","request":1,"line":"help","form":"json"}\n' * 100_000
            )
        began = trio.current_time()
        host.drain()
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)), trio.fail_after(5):
            await trio.SocketStream(console.socket).send_all(b"\n" * 10_000_000)
        assert trio.current_time() - began < 3
        assert host.connections[0].why == "drain"


async def test_a_drain_does_not_wait_for_commands_sent_ahead(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        going_on, begun = trio.Event(), trio.Event()

        async def wait(request: Request) -> Answer:
            begun.set()
            await going_on.wait()
            return Answer("done")

        host.dispatch.commands = (Command(("wait",), "Wait.", wait),)
        console = await host.connect()
        await console.greet()
        await trio.SocketStream(console.socket).send_all(
            b"".join(b'{"frame":"command","request":%d,"line":"wait"}\n' % number for number in (1, 2, 3))
        )
        await begun.wait()
        host.drain()
        going_on.set()
        await trio.testing.wait_all_tasks_blocked()
        records = [record for record in host.records if isinstance(record, Authorized)]
        assert len(records) == 1
        assert host.connections[0].why == "drain"


async def test_octets_are_counted(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        console = await host.connect()
        await console.ask("pid")
        connection = host.connections[0]
        assert connection.octets_received == len(b'{"frame":"hello","protocol":1,"client":"test"}\n') + len(
            b'{"frame":"command","request":1,"line":"pid","form":"text"}\n'
        )
        assert connection.octets_sent > 200


async def test_a_client_that_vanishes_is_no_fault(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        for octets in (b"", b'{"frame":"hel', b'{"frame":"hello","protocol":1}\n' * 2):
            console = await host.connect()
            await console.socket.send(octets or b"\n")
            console.socket.close()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert (await host.ask("pid")) == ("ok", "4711\n")
        assert not host.faults


async def test_a_session_over_tcp_is_nobody_in_particular(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET, tcp=True) as host:
        await host.ask("pid")
        assert host.records == [Authorized(NOW, host.endpoint, "127.0.0.1:4711", "", True, "pid")]


async def test_a_fault_of_ours_ends_this_session_alone_and_the_client_is_told(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        host.administration.problem = ZeroDivisionError()
        console = await host.connect()
        await console.greet()
        console.client.command("config set blackhole true")
        farewell = await console.farewell()
        assert farewell.broken
        assert "paniclog" in farewell.why
        assert len(host.faults) == 1
        assert await host.ask("pid") == ("ok", "4711\n")


async def test_json_is_one_document_for_every_command(tmp_path: Path) -> None:
    async with console_host(tmp_path / SOCKET) as host:
        for command in COMMANDS:
            if command.name != "shutdown":
                _, text = await host.ask(command.name, "json")
                json.loads(text)
                assert (await host.ask(f"json {command.name}"))[1] == text


async def test_a_changed_timeout_holds_for_sessions_that_are_open(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / SOCKET, "Timeout = 3000") as host:
        console = await host.connect()
        assert (await console.ask("config set control_listener timeout 20"))[0] == "ok"
        began = trio.current_time()
        assert await console.farewell() == Farewell("nothing was said for 20 seconds")
        assert trio.current_time() - began == pytest.approx(20.0)


def test_declarations_are_whole() -> None:
    assert len({command.words for command in COMMANDS}) == len(COMMANDS)
    for command in COMMANDS:
        assert command.meaning.endswith("."), command.name
        assert command.name == command.name.lower()
