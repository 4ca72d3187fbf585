"""Conversations: ceilings before there is a task, faults that stay where they are, Enable, drain."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio
import trio.testing
from house import asked, connected, listeners
from test_accept_sockets import free_port, listen

from momentum_trio.console.facade import ApplyError
from momentum_trio.listener.ceiling import CONTROL_SESSIONS_RESERVE
from momentum_trio.mail.record import ListenClosed, ListenOpened, Panic, Rejected, SessionBegan, SessionEnded
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.configuration import wanted
from momentum_trio.node.reconcile import Place

HERE = "127.0.0.1:0"


async def test_a_fault_ends_its_conversation_alone_and_is_in_the_paniclog() -> None:
    async with listeners(listen(HERE)) as house:
        async with await connected(house.port(HERE)) as sibling, await connected(house.port(HERE)) as victim:
            assert await asked(sibling, b"one") == b"one"
            assert await asked(victim, b"break") == b"421 fault\r\n"
            assert await victim.receive_some(10) == b""
            assert await asked(sibling, b"two") == b"two"
            async with await connected(house.port(HERE)) as newcomer:
                assert await asked(newcomer, b"three") == b"three"
        (panic,) = house.said(Panic)
        assert isinstance(panic, Panic)
        assert "broken on demand" in panic.text
        assert "Traceback" in panic.text
        assert [r.why for r in house.said(SessionEnded) if isinstance(r, SessionEnded)][:1] == ["fault"]


async def test_a_reset_is_no_fault() -> None:
    async with listeners(listen(HERE)) as house:
        client = await house.connect(house.port(HERE))
        await asked(client, b"hello")
        client.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.socket.close()
        await house.until_sessions(HERE, 0)
        assert not house.said(Panic)


async def test_counts_and_records() -> None:
    async with listeners(listen(HERE)) as house:
        async with await connected(house.port(HERE)) as client:
            await asked(client, b"four")
        await house.until_sessions(HERE, 0)
        counted = house.supervisor.counted(next(iter(house.supervisor._open)))
        assert (counted.sessions, counted.sessions_total) == (0, 1)
        assert (counted.octets_received, counted.octets_sent) == (4, 4)
        (began,), (ended,) = house.said(SessionBegan), house.said(SessionEnded)
        assert isinstance(began, SessionBegan)
        assert isinstance(ended, SessionEnded)
        assert (began.service, ended.why, ended.octets_received) == ("SMTP", "quit", 4)
        assert began.connection_id == ended.connection_id


@pytest.mark.parametrize("where", ["listener", "listen", "peer"])
async def test_listener_sessions_are_refused_above_the_ceiling(where: str) -> None:
    option = "Listener_Sessions = 2"
    text = {
        "listener": f'ESMTP_Listener {{ {option} Listen "{HERE}" {{ }} }}',
        "listen": f'ESMTP_Listener {{ Listen "{HERE}" {{ {option} }} }}',
        "peer": f'ESMTP_Listener {{ Listen "{HERE}" {{ Peer 127.0.0.0/8 {{ {option} }} }} }}',
    }[where]
    async with listeners(text) as house:
        clients = [await house.connect(house.port(HERE)) for _ in range(2)]
        for client in clients:
            await asked(client, b"hello")
        async with await connected(house.port(HERE)) as refused:
            assert await refused.receive_some(100) == b"421 full\r\n"
            assert await refused.receive_some(100) == b""
        await clients[0].aclose()
        await house.until_sessions(HERE, 1)
        async with await connected(house.port(HERE)) as again:
            assert await asked(again, b"hello") == b"hello"


async def test_the_ceiling_of_a_peer_counts_that_peer_alone() -> None:
    text = f'ESMTP_Listener {{ Listen "{HERE}" {{ Peer 127.0.0.1 {{ Listener_Sessions = 1 }} }} }}'
    async with listeners(text) as house:
        one = await house.connect(house.port(HERE))
        await asked(one, b"hello")
        async with await connected(house.port(HERE)) as refused:
            assert await refused.receive_some(100) == b"421 full\r\n"
        other = trio.socket.socket()
        await other.bind(("127.0.0.9", 0))
        await other.connect(("127.0.0.1", house.port(HERE)))
        async with trio.SocketStream(other) as neighbour:
            assert await asked(neighbour, b"hello") == b"hello"


async def test_service_sessions_count_over_all_listens() -> None:
    text = f'ESMTP_Listener {{ Service_Sessions = 1 Listen "{HERE}" {{ }} Listen "[::1]:0" {{ }} }}'
    async with listeners(text) as house:
        client = await house.connect(house.port(HERE))
        await asked(client, b"hello")
        async with await connected(house.port("[::1]:0"), "::1") as refused:
            assert await refused.receive_some(100) == b"421 full\r\n"


async def test_a_ceiling_set_at_run_time_holds_for_the_next_connection() -> None:
    async with listeners(listen(HERE)) as house:
        client = await house.connect(house.port(HERE))
        await asked(client, b"hello")
        await house.configure(f'ESMTP_Listener {{ Listener_Sessions = 1 Listen "{HERE}" {{ }} }}')
        async with await connected(house.port(HERE)) as refused:
            assert await refused.receive_some(100) == b"421 full\r\n"
        assert await asked(client, b"still") == b"still"


async def test_who_is_over_a_ceiling_where_tls_is_spoken_hears_nothing_in_clear() -> None:
    text = f'ESMTP_Listener {{ Listener_Sessions = 1 Use_SSL = true Listen "{HERE}" {{ }} }}'
    async with listeners(text) as house:
        await house.connect(house.port(HERE))
        await house.until_sessions(HERE, 1)
        refused = await house.connect(house.port(HERE))
        with trio.fail_after(5):
            assert await refused.receive_some(100) == b""


async def test_descriptors_are_a_ceiling_too() -> None:
    async with listeners(listen(HERE), sessions_max=1) as house:
        client = await house.connect(house.port(HERE))
        await asked(client, b"hello")
        async with await connected(house.port(HERE)) as refused:
            assert await refused.receive_some(100) == b"421 full\r\n"


async def test_when_mail_has_taken_all_seats_the_console_can_still_be_reached(tmp_path: Path) -> None:
    control = f"{tmp_path}/control"
    text = listen(HERE) + f'Control_Listener {{ Listen "{control}" {{ }} }}'
    async with listeners(text, sessions_max=1) as house:
        await asked(await house.connect(house.port(HERE)), b"hello")
        async with await connected(house.port(HERE)) as refused:
            assert await refused.receive_some(100) == b"421 full\r\n"
        async with await trio.open_unix_socket(control) as operator:
            assert await asked(operator, b"hello") == b"hello"


# Enable


async def test_enable_false_closes_at_once_while_sessions_go_on_and_true_opens_again() -> None:
    port = free_port()
    text = f'ESMTP_Listener {{ Listen "127.0.0.1:{port}" {{ Enable = WORD }} Listen "{HERE}" {{ }} }}'
    async with listeners(text.replace("WORD", "true")) as house:
        client = await house.connect(port)
        assert await asked(client, b"before") == b"before"
        await house.configure(text.replace("WORD", "false"))
        assert not house.is_open(f"127.0.0.1:{port}")
        with pytest.raises(OSError, match="all attempts to connect"):
            await connected(port)
        assert await asked(client, b"still here") == b"still here"
        assert house.sessions(f"127.0.0.1:{port}") == 1
        async with await connected(house.port(HERE)) as neighbour:
            assert await asked(neighbour, b"open") == b"open"
        await house.configure(text.replace("WORD", "true"))
        async with await connected(port) as again:
            assert await asked(again, b"again") == b"again"
        assert await asked(client, b"and still") == b"and still"
        counted = house.supervisor.counted(next(p for p in house.supervisor._open if p.endpoint.port == port))
        assert counted.sessions_total == 2
        endpoints = [r.endpoint for r in house.records if isinstance(r, ListenOpened | ListenClosed)]
        assert endpoints.count(f"127.0.0.1:{port}") == 3


async def test_enable_false_in_the_listener_suspends_all_but_those_that_say_otherwise() -> None:
    text = f'ESMTP_Listener {{ Enable = false Listen "{HERE}" {{ }} Listen "[::1]:0" {{ Enable = true }} }}'
    async with listeners(text) as house:
        assert not house.is_open(HERE)
        assert house.is_open("[::1]:0")


async def test_a_unix_socket_is_removed_when_disabled_and_stands_again(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with listeners(listen(str(path))) as house:
        await house.configure(listen(str(path), options="Enable = false"))
        assert not path.exists()
        await house.configure(listen(str(path)))
        async with await trio.open_unix_socket(path) as client:
            assert await asked(client, b"x") == b"x"


async def test_a_unix_path_moves_from_one_listener_to_another(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with listeners(listen(str(path))) as house:
        old = await trio.open_unix_socket(path)
        house.clients.append(old)
        await asked(old, b"x")
        await house.configure(f'Control_Listener {{ Listen "{path}" {{ }} }}')
        async with await trio.open_unix_socket(path) as new:
            assert await asked(new, b"x") == b"x"
            assert house.sessions(str(path), "control_listener") == 1
        assert await asked(old, b"x") == b"x"


# all or nothing


async def test_a_change_that_cannot_be_had_changes_nothing(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("")
    new = f"127.0.0.1:{free_port()}"
    async with listeners(listen(HERE)) as house:
        port = house.port(HERE)
        with pytest.raises(ApplyError, match="no socket"):
            await house.configure(listen(new, str(precious)))
        assert house.port(HERE) == port
        assert not house.is_open(new)
        async with await connected(port) as client:
            assert await asked(client, b"x") == b"x"
        with pytest.raises(OSError, match="all attempts"):
            await house.connect(int(new.partition(":")[2]))


@pytest.mark.usefixtures("socket_filter")
async def test_between_wildcard_and_specific_no_client_is_lost() -> None:
    port = free_port()
    forms = [listen(f"*:{port}"), listen(f"127.0.0.1:{port}")]
    lost = 0
    served = 0

    async def keep_asking() -> None:
        nonlocal lost, served
        while True:
            try:
                async with await connected(port) as client:
                    answered = await asked(client, b"x") == b"x"
                lost, served = lost + (not answered), served + answered
            except (OSError, trio.BrokenResourceError):
                lost += 1

    async with listeners(forms[0]) as house, trio.open_nursery() as clients:
        for _ in range(4):
            clients.start_soon(keep_asking)
        for turn in range(10):
            await house.configure(forms[(turn + 1) % 2])
            await trio.sleep(0.02)
        clients.cancel_scope.cancel()
    assert served > 20
    assert lost == 0


@pytest.mark.usefixtures("socket_filter")
async def test_who_waited_in_the_queue_of_a_socket_that_goes_is_served_by_the_options_of_its_successor() -> None:
    port = free_port()
    async with listeners(listen(f"127.0.0.1:{port}")) as house:
        with socket.socket() as waiting:
            await house.configure(listen(f"*:{port}"), lambda: waiting.connect(("127.0.0.1", port)))
            await house.until_sessions(f"127.0.0.1:{port}", 1)
            ((_, connection),) = house.supervisor.connections()
            assert connection.listen == Endpoint.parse(f"*:{port}")


@pytest.mark.usefixtures("socket_filter")
async def test_who_waited_in_vain_is_told() -> None:
    port = free_port()
    async with listeners(listen(f"127.0.0.1:{port}")) as house:
        with socket.socket() as waiting:
            await house.configure(listen(f"127.0.0.2:{port}"), lambda: waiting.connect(("127.0.0.1", port)))
            waiting.settimeout(5)
            assert waiting.recv(100) == b"421 gone\r\n"
        (record,) = house.said(Rejected)
        assert isinstance(record, Rejected)
        assert (record.code, record.text, record.phase) == (421, "gone", "just connected")
        assert not house.supervisor.counted(Place("esmtp_listener", Endpoint.parse(f"127.0.0.1:{port}"))).sessions_total


async def test_a_refusal_that_is_no_reply_is_said_all_the_same(tmp_path: Path) -> None:
    path = f"{tmp_path}/control"
    async with listeners(f'Control_Listener {{ Listen "{path}" {{ }} }}', sessions_max=1) as house:
        for _ in range(1 + CONTROL_SESSIONS_RESERVE):
            house.clients.append(await trio.open_unix_socket(path))
            await asked(house.clients[-1], b"hello")
        for _ in range(2):
            async with await trio.open_unix_socket(path) as refused:
                assert await refused.receive_some(100) == house.kinds[1].refusal
        assert not [*house.said(Panic), *house.said(Rejected)]


async def test_the_supervisor_ends_when_the_last_conversation_is_over() -> None:
    async with listeners(listen(HERE)) as house:
        client = await house.connect(house.port(HERE))
        await asked(client, b"hello")
        house.draining.set()
        await house.supervisor.close()
        assert not house.supervisor.over.is_set()
        assert await asked(client, b"finish") == b"finish"
        await client.aclose()
        with trio.fail_after(5):
            await house.supervisor.over.wait()


async def test_a_refusal_at_the_ceiling_is_in_the_rejectlog() -> None:
    async with listeners(listen(HERE), sessions_max=1) as house:
        await asked(await house.connect(house.port(HERE)), b"hello")
        async with await connected(house.port(HERE)) as refused:
            await refused.receive_some(100)
            (record,) = house.said(Rejected)
            assert isinstance(record, Rejected)
            assert (record.code, record.text, record.phase) == (421, "full", "concurrency limit")
            assert record.remote == f"127.0.0.1:{refused.socket.getsockname()[1]}"


async def test_a_socket_that_fails_is_opened_again_while_its_sessions_go_on() -> None:
    text = listen(f"127.0.0.1:{free_port()}", HERE)
    async with listeners(text) as house:
        place = next(iter(house.supervisor._open))
        port = place.endpoint.port
        client = await house.connect(port)
        assert await asked(client, b"before") == b"before"
        house.supervisor._open[place].listening.socket.close()
        await trio.testing.wait_all_tasks_blocked()
        assert not house.is_open(str(place.endpoint))
        assert await asked(client, b"meanwhile") == b"meanwhile"
        async with await connected(house.port(HERE)) as neighbour:
            assert await asked(neighbour, b"open") == b"open"
        with trio.fail_after(5):
            while not house.is_open(str(place.endpoint)):  # noqa: ASYNC110 (nothing announces it)
                await trio.sleep(0.05)
        async with await connected(port) as again:
            assert await asked(again, b"again") == b"again"
        (panic,) = house.said(Panic)
        assert isinstance(panic, Panic)
        assert "accepting at" in panic.text


async def test_the_supervisor_drains_those_who_want_to_be_told() -> None:
    async with listeners(listen(HERE)) as house:
        await asked(await house.connect(house.port(HERE)), b"hello")
        (connection,) = next(iter(house.supervisor._open.values()))._connections
        told = trio.Event()
        connection.on_drain = told.set
        house.draining.set()
        await house.supervisor.close()
        assert told.is_set()
        assert connection.draining.is_set()


async def test_a_change_that_comes_while_the_host_ends_opens_nothing() -> None:
    more = 'ESMTP_Listener { Listen "127.0.0.1:0" { } } Control_Listener { Listen "127.0.0.1:0" { } }'
    async with listeners('ESMTP_Listener { Listen "127.0.0.1:0" { } }') as house:
        client = await house.connect(house.port("127.0.0.1:0"))
        assert await asked(client, b"hello") == b"hello"
        kinds = house.kinds
        prepared = await house.supervisor.prepare(wanted(house.tree(more), kinds))
        house.draining.set()
        await house.supervisor.close()
        await house.supervisor.settle(prepared)
        assert not house.is_open("127.0.0.1:0", "control_listener")
        assert all(listening.socket.fileno() < 0 for listening in prepared.opened.values())
        with pytest.raises(ApplyError, match="this host is ending"):
            await house.supervisor.prepare(wanted(house.tree(more), kinds))
