"""Listening sockets: every form of endpoint, options, Unix sockets with stale, living and foreign paths."""

from __future__ import annotations

import dataclasses
import errno
import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from house import asked, connected, listeners

from momentum_trio.console.facade import ApplyError
from momentum_trio.machine.disk import Step, Unlink
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.mail.record import Panic


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listen(*texts: str, options: str = "") -> str:
    return "ESMTP_Listener { " + " ".join(f'Listen "{text}" {{ {options} }}' for text in texts) + " }"


async def test_a_tcp_socket_on_a_port_of_the_kernels_choice() -> None:
    async with listeners(listen("127.0.0.1:0")) as house:
        async with await connected(house.port("127.0.0.1:0")) as client:
            assert await asked(client, b"hello") == b"hello"


async def test_wildcard_and_specific_and_ipv6_side_by_side() -> None:
    port = free_port()
    async with listeners(listen(f"*:{port}", f"127.0.0.1:{port}", f"[::]:{port}", f"127.0.0.2:{port}")) as house:
        for host, answered in (
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.3", "*"),
            ("::1", "[::]"),
            ("127.0.0.2", "127.0.0.2"),
        ):
            async with await connected(port, host) as client:
                await asked(client, b"hello")
                assert house.sessions(f"{answered}:{port}") == 1, host
            await trio.testing.wait_all_tasks_blocked()


async def test_the_peer_is_told_and_unmapped() -> None:
    async with listeners(listen("[::1]:0", "127.0.0.1:0")) as house:
        async with await connected(house.port("[::1]:0"), "::1") as client:
            said = (await asked(client, b"who")).decode().split()
            assert said[0] == "::1"
            assert said[2].startswith("[::1]:")
            assert said[3] == f"[::1]:{house.port('[::1]:0')}"


async def test_buffers_are_set_only_when_asked_for_and_no_delay_unless_refused() -> None:
    text = listen("127.0.0.1:0")
    async with listeners(text) as house:
        place = next(iter(house.supervisor._open))
        plain = house.supervisor._open[place].listening.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        async with await connected(house.port("127.0.0.1:0")) as client:
            await asked(client, b"hello")
            (connection,) = house.supervisor._open[place]._connections
            assert connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    options = "TCP_Recv_Buffer_Size = 8192 TCP_Send_Buffer_Size = 16384 Disable_Nagle_Algorithm = false"
    async with listeners(listen("127.0.0.1:0", options=options)) as house:
        place = next(iter(house.supervisor._open))
        async with await connected(house.port("127.0.0.1:0")) as client:
            await asked(client, b"hello")
            (connection,) = house.supervisor._open[place]._connections
            assert connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 8192 != plain
            assert connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 16384
            assert not connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_several_accepting_tasks_share_a_socket() -> None:
    async with listeners(listen("127.0.0.1:0", options="Concurrency = 4")) as house:
        clients = [await house.connect(house.port("127.0.0.1:0")) for _ in range(20)]
        assert [await asked(client, b"x") for client in clients] == [b"x"] * 20
        assert house.sessions("127.0.0.1:0") == 20


async def test_a_port_that_somebody_else_holds_is_refused_though_it_could_be_shared() -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        with pytest.RaisesGroup(ApplyError):
            async with listeners(listen(f"127.0.0.1:{stranger.getsockname()[1]}")):
                pass


# Unix sockets


async def test_a_unix_socket_has_its_mode_and_tells_the_uid(tmp_path: Path) -> None:
    path = tmp_path / "control"
    async with listeners(listen(str(path), options="File_Mode = 0600")) as house:
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == ["control"]
        async with await trio.open_unix_socket(path) as client:
            said = await asked(client, b"who")
            assert said == f"127.0.0.1 {os.getuid()}  {path}".encode()
        await house.configure(listen(str(path), options="File_Mode = 0666 Listen_Backlog = 7"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        await house.configure("")
        assert not path.exists()


async def test_a_dead_socket_of_ours_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with listeners(listen(str(path))), await trio.open_unix_socket(path) as client:
        assert await asked(client, b"alive") == b"alive"


async def test_a_living_socket_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        with pytest.RaisesGroup(pytest.RaisesExc(ApplyError, match="somebody listens there")):
            async with listeners(listen(str(path))):
                pass
        assert os.listdir(tmp_path) == ["control"]


async def test_a_file_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("mine")
    with pytest.RaisesGroup(pytest.RaisesExc(ApplyError, match="no socket")):
        async with listeners(listen(str(path))):
            pass
    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == ["precious"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a file of somebody else")
async def test_a_socket_of_somebody_else_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    os.chown(path, 12345, 12345)
    with pytest.RaisesGroup(pytest.RaisesExc(ApplyError, match="another user")):
        async with listeners(listen(str(path))):
            pass
    assert path.exists()


async def test_a_path_that_changes_hands_in_vain_is_given_back(tmp_path: Path) -> None:
    """The path goes to another listener, but another address cannot be had: all is as it was."""
    path = tmp_path / "socket"
    before = listen(str(path))
    text = f'Control_Listener {{ Listen "{path}" {{ }} }} ' + listen("192.0.2.1:25")
    async with listeners(before) as house:
        inode = path.stat().st_ino
        with pytest.raises(ApplyError, match=r"192\.0\.2\.1"):
            await house.configure(text)
        assert (os.listdir(tmp_path), path.stat().st_ino) == (["socket"], inode)
        assert house.is_open(str(path))
        async with trio.SocketStream(trio.socket.socket(trio.socket.AF_UNIX)) as client:
            await client.socket.connect(str(path))
            assert await asked(client, b"hello") == b"hello"
        await house.configure(f'Control_Listener {{ Listen "{path}" {{ }} }}')
        assert os.listdir(tmp_path) == ["socket"]
        assert path.stat().st_ino != inode
        assert house.is_open(str(path), "control_listener")


async def test_a_path_that_cannot_be_removed_is_said_and_left(tmp_path: Path) -> None:
    """The other listeners never notice, and whoever waits for the socket to be closed is told that it is."""
    machine = os_machine()
    path = tmp_path / "control"

    class NoUnlink:
        async def perform(self, steps: Sequence[Step[Any]]) -> list[Any]:
            if any(isinstance(step, Unlink) for step in steps):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return await machine.disk.perform(steps)

    async with listeners(
        listen(str(path), "127.0.0.1:0"), machine=dataclasses.replace(machine, disk=NoUnlink())
    ) as house:
        with trio.fail_after(5):
            await house.configure(listen("127.0.0.1:0"))
        async with await connected(house.port("127.0.0.1:0")) as client:
            assert await asked(client, b"hello") == b"hello"
        assert not house.is_open(str(path))
        (said,) = [record.text for record in house.records if isinstance(record, Panic)]
        assert said == f"{path}: a path of a closed socket stays: Read-only file system"


async def test_accepting_tasks_change_at_run_time() -> None:
    async with listeners(listen("127.0.0.1:0")) as house:
        port = house.port("127.0.0.1:0")
        first = await house.connect(port)
        await asked(first, b"x")
        for count in (3, 1):
            await house.configure(listen("127.0.0.1:0", options=f"Concurrency = {count}"))
            clients = [await house.connect(port) for _ in range(5)]
            assert [await asked(client, b"y") for client in clients] == [b"y"] * 5
        assert house.port("127.0.0.1:0") == port
        assert await asked(first, b"x") == b"x"
