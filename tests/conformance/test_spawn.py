"""One body, two arms: children, the link to them and the sockets handed over, real and simulated."""

from __future__ import annotations

import ast
import contextlib
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from spawn_roles import ROLES, greet, said  # beside this file; pytest puts its folder on the path

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import MESSAGE_OCTETS_MAX, MESSAGE_SOCKETS_MAX, Child, ProcessLink
from momentum_trio.machine.os_link import OsLink
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.machine.os_spawn import OsSpawn
from sim import Host, ProcessDied, World

HERE = "127.0.0.1"
BLOCKED_SECONDS = 0.3
TOGETHER = 12

Behaviour = Callable[[Machine], Awaitable[object]]
Socket = trio.socket.SocketType


async def spawned(machine: Machine, role: str, *sockets: Socket) -> Child:
    assert machine.spawn is not None
    return await machine.spawn(role, sockets)


async def listening_socket() -> Socket:
    made = trio.socket.socket()
    await made.bind((HERE, 0))
    made.listen(50)
    return made


async def dial(listening: Socket) -> Socket:
    client = trio.socket.socket()
    await client.connect(listening.getsockname())
    return client


async def heard(client: Socket) -> object:
    """Who greets, or how the connection ends."""
    with client:
        return await said(client.recv(100))


async def either_accepts(machine: Machine) -> object:
    """A listener handed over is both processes': either accepts."""
    listening = await listening_socket()
    child = await spawned(machine, "acceptor", listening)
    await child.link.send(b"accept")
    outcomes = [await heard(await dial(listening)), await child.link.receive()]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(greet, listening, b"parent")
        outcomes.append(await heard(await dial(listening)))
    listening.close()
    child.link.close()
    return outcomes, await child.wait()


async def both_accept_at_once(machine: Machine) -> object:
    """None is lost and none is taken twice."""
    listening = await listening_socket()
    child = await spawned(machine, "acceptor", listening)
    for _ in range(TOGETHER // 2):
        await child.link.send(b"accept")
    async with trio.open_nursery() as nursery:

        async def accept_the_others() -> None:
            for _ in range(TOGETHER // 2):
                await greet(listening, b"parent")

        nursery.start_soon(accept_the_others)
        greeted = [await heard(await dial(listening)) for _ in range(TOGETHER)]
    for _ in range(TOGETHER // 2):
        await child.link.receive()
    listening.close()
    child.link.close()
    return sorted(map(repr, greeted)), await child.wait()


async def killed_with_connections_queued(machine: Machine) -> object:
    """The parent has the descriptor too: it accepts them all, and new ones."""
    listening = await listening_socket()
    child = await spawned(machine, "acceptor", listening)
    await child.link.send(b"accept")
    await heard(await dial(listening))
    clients = [await dial(listening) for _ in range(3)]
    child.signal("SIGKILL")
    status = await child.wait()
    clients.append(await dial(listening))
    for _ in clients:
        await greet(listening, b"parent")
    outcomes = [await heard(client) for client in clients]
    child.link.close()
    listening.close()
    return outcomes, status


async def the_last_one_closes(machine: Machine) -> object:
    """Handed over and closed here, it listens until the child is dead; what is queued then is reset."""
    listening = await listening_socket()
    address = listening.getsockname()
    child = await spawned(machine, "acceptor", listening)
    listening.close()
    queued, refused = trio.socket.socket(), trio.socket.socket()
    await queued.connect(address)
    child.signal("SIGKILL")
    await child.wait()
    with refused:
        outcome = await said(refused.connect(address))
    child.link.close()
    return await heard(queued), outcome


async def a_socket_under_way_stays_open(machine: Machine) -> object:
    """One closed here while under way still listens, for the child."""
    listening = await listening_socket()
    address = listening.getsockname()
    child = await spawned(machine, "acceptor", listening)
    listening.close()
    client = trio.socket.socket()
    await client.connect(address)
    await child.link.send(b"accept")
    outcome = await heard(client), await child.link.receive()
    child.link.close()
    return outcome, await child.wait()


async def unix_sockets_too(machine: Machine) -> object:
    """The name is the description's: it is there while anybody has the socket."""
    name = f"\0spawn-{machine.process.pid}"
    listening, client, late = (trio.socket.socket(trio.socket.AF_UNIX) for _ in range(3))
    await listening.bind(name)
    listening.listen()
    child = await spawned(machine, "acceptor", listening)
    listening.close()
    await client.connect(name)
    await child.link.send(b"accept")
    outcomes = [await heard(client), await child.link.receive()]
    child.link.close()
    status = await child.wait()
    with late:
        return outcomes, status, await said(late.connect(name))


async def connected_sockets_too(machine: Machine) -> object:
    """Sockets come in order, twins of ours: what one reads the other does not, and the peer sees no end."""
    listening = await listening_socket()
    clients = [await dial(listening) for _ in range(3)]
    servers = [(await listening.accept())[0] for _ in clients]
    child = await spawned(machine, "echo", *servers)
    octets, twins = await child.link.receive()
    same = [twin.getpeername() == client.getsockname() for twin, client in zip(twins, clients, strict=True)]
    for server in servers:
        server.close()
    await clients[1].send(b"hello")
    outcomes = [await twins[1].recv(3), await twins[1].recv(3), twins[1].get_inheritable()]
    await twins[2].send(b"there")
    outcomes.append(await clients[2].recv(100))
    for twin in twins:
        twin.close()
    outcomes.append(await clients[0].recv(100))
    child.link.close()
    for each in (*clients, listening):
        each.close()
    return octets, same, outcomes, await child.wait()


async def bounds(machine: Machine) -> object:
    """Messages that are empty, too long or with too many sockets are refused, and the link goes on."""
    link = (child := await spawned(machine, "echo")).link
    await link.receive()
    listening = await listening_socket()
    refused = [
        await said(link.send(b"")),
        await said(link.send(bytes(MESSAGE_OCTETS_MAX + 1))),
        await said(link.send(b"x", [listening] * (MESSAGE_SOCKETS_MAX + 1))),
        await said(spawned(machine, "no such role")),
    ]
    await link.send(bytes(MESSAGE_OCTETS_MAX), [listening] * MESSAGE_SOCKETS_MAX)
    octets, twins = await link.receive()
    for each in (*twins, listening):
        each.close()
    closed = [await said(link.send(b"x", [listening])), await said(spawned(machine, "echo", listening))]
    await link.send(b"goes on")
    outcome = len(octets), len(twins), closed, await link.receive()
    link.close()
    return refused, outcome, await child.wait()


async def its_end_is_the_end_of_the_channel(machine: Machine) -> object:
    """What it said before is still heard."""
    child = await spawned(machine, "teller")
    status = await child.wait()
    await trio.sleep(0.01)
    octets, sockets = await child.link.receive()
    pid, *told = ast.literal_eval(octets.decode())
    end = [await said(child.link.receive()), await said(child.link.receive()), await said(child.link.send(b"x"))]
    child.link.close()
    child.link.close()
    end += [await said(child.link.receive()), await said(child.link.send(b"x"))]
    child.signal("SIGKILL")
    return status, pid == child.pid != machine.process.pid, told, list(sockets), end, await child.wait()


async def our_end_is_its_end(machine: Machine) -> object:
    """A child that waits in ``receive`` ends when we close, also with something of its own unread."""
    statuses = []
    for _ in range(2):
        child = await spawned(machine, "echo")
        await child.link.send(b"never read")
        child.link.close()
        statuses.append(await child.wait())
    return statuses


async def signals(machine: Machine) -> object:
    """A child receives the signals it asked for; SIGTERM without a receiver ends it."""
    child = await spawned(machine, "listener")
    told = [(await child.link.receive())[0]]
    child.signal("SIGUSR1")
    told.append((await child.link.receive())[0])
    child.signal("SIGTERM")
    status = await child.wait()
    child.link.close()
    return told, status


async def a_reader_that_is_late(machine: Machine) -> object:
    """The sender waits: what is unread has a bound. All of it arrives."""
    listening = await listening_socket()
    child = await spawned(machine, "reader", listening)
    count = 0
    with trio.move_on_after(BLOCKED_SECONDS) as blocked:
        while count < 5000:
            await child.link.send(b"x" * 100)
            count += 1
    client = await dial(listening)
    child.link.close()
    outcome = 50 < count < 2000, blocked.cancelled_caught, await heard(client) == b"%d" % count
    listening.close()
    return outcome, await child.wait()


async def a_cancelled_receive_loses_nothing(machine: Machine) -> object:
    """A cancelled receive takes no message."""
    child = await spawned(machine, "echo")
    await child.link.receive()
    with trio.move_on_after(0.05) as nothing:
        await child.link.receive()
    await child.link.send(b"still here")
    outcome = nothing.cancelled_caught, await child.link.receive()
    child.link.close()
    return outcome, await child.wait()


async def becoming_nobody(machine: Machine) -> object:
    """A child that gave up its privileges cannot take them back."""
    child = await spawned(machine, "nobody")
    octets, _ = await child.link.receive()
    child.link.close()
    return ast.literal_eval(octets.decode()), await child.wait()


ENDED, CLOSED, BROKEN = "EndOfChannel", "ClosedResourceError", "BrokenResourceError"

BEHAVIOURS: tuple[tuple[Behaviour, object], ...] = (
    (either_accepts, ([b"child", (b"accepted", []), b"parent"], 0)),
    (both_accept_at_once, (["b'child'"] * (TOGETHER // 2) + ["b'parent'"] * (TOGETHER // 2), 0)),
    (killed_with_connections_queued, ([b"parent"] * 4, -9)),
    (the_last_one_closes, ("ConnectionResetError", "ConnectionRefusedError")),
    (a_socket_under_way_stays_open, ((b"child", (b"accepted", [])), 0)),
    (unix_sockets_too, ([b"child", (b"accepted", [])], 0, "ConnectionRefusedError")),
    (connected_sockets_too, (b"echo", [True] * 3, [b"hel", b"lo", False, b"there", b""], 0)),
    (
        bounds,
        (
            ["ValueError", "ValueError", "ValueError", "KeyError"],
            (MESSAGE_OCTETS_MAX, MESSAGE_SOCKETS_MAX, ["OSError"] * 2, (b"goes on", [])),
            0,
        ),
    ),
    (
        its_end_is_the_end_of_the_channel,
        (0, True, ["KeyError", {}], [], [ENDED, ENDED, BROKEN, CLOSED, CLOSED], 0),
    ),
    (our_end_is_its_end, [0, 0]),
    (signals, ([b"ready", b"SIGUSR1"], -15)),
    (a_reader_that_is_late, ((True, True, True), 0)),
    (a_cancelled_receive_loses_nothing, ((True, (b"still here", [])), 0)),
    (becoming_nobody, (("KeyError", "PermissionError"), 0)),
)
TABLE = pytest.mark.parametrize(
    ("behaviour", "expected"), BEHAVIOURS, ids=[behaviour.__name__ for behaviour, _ in BEHAVIOURS]
)


@TABLE
def test_with_real_processes(behaviour: Behaviour, expected: object) -> None:
    if behaviour is becoming_nobody and os.getuid() != 0:
        pytest.skip("only root may become somebody else")
    assert trio.run(behaviour, os_machine(ROLES)) == expected


def sim_host(seed: int = 7) -> Host:
    host = World(seed).host("one", "10.0.0.1")
    host.roles = ROLES
    host.users[65534], host.groups[65534] = "nobody", "nogroup"
    return host


@TABLE
def test_with_simulated_processes(behaviour: Behaviour, expected: object) -> None:
    host = sim_host()
    assert host.world.run(host.call, behaviour) == expected
    assert host.lives == []


def test_a_role_that_fails_ends_the_process_with_1_and_the_simulated_run_with_a_finding() -> None:
    async def breaks(machine: Machine) -> tuple[object, int]:
        child = await spawned(machine, "breaker")
        outcome = await said(child.link.receive()), await child.wait()
        child.link.close()
        return outcome

    assert trio.run(breaks, os_machine(ROLES)) == (ENDED, 1)
    host = sim_host()
    with pytest.raises(ProcessDied, match="one#2 died of RuntimeError"):
        host.world.run(host.call, breaks)


# -- the real arm alone


def test_a_message_whose_sockets_find_no_descriptors_is_lost_and_said() -> None:
    async def exhaust() -> object:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sender, receiver = OsLink(ours), OsLink(theirs)
        listening = await listening_socket()
        await sender.send(b"too many", [listening] * 8)
        await sender.send(b"few")
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.ExitStack() as full:
            spare = os.open("/dev/null", os.O_RDONLY)
            resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 4, limits[1]))
            full.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
            full.callback(os.close, spare)
            before = sorted(os.listdir("/proc/self/fd"))
            lost = await said(receiver.receive())
            after = sorted(os.listdir("/proc/self/fd"))
        outcome = lost, before == after, await receiver.receive()
        for each in (sender, receiver, listening):
            each.close()
        return outcome

    assert trio.run(exhaust) == ("OSError", True, (b"few", []))


ORPHANING = """
import sys, trio
sys.path[:0] = {folders!r}
from momentum_trio.machine.os_machine import os_machine
from spawn_roles import ROLES

async def main(machine):
    child = await machine.spawn("echo")
    await child.link.receive()
    print("it lives", flush=True)
    await trio.sleep_forever()

trio.run(main, os_machine(ROLES))
"""


def test_a_real_child_ends_when_its_parent_is_killed() -> None:
    here = Path(__file__).resolve().parent
    program = ORPHANING.format(folders=[str(here), str(here.parents[1])])
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"it lives\n"
        parent.kill()
        assert parent.stdout.read() == b""  # the child has this pipe too: its end comes when both are gone


def test_a_role_is_a_function_at_the_top_of_a_module() -> None:
    async def inner(machine: Machine, link: ProcessLink) -> None:
        """Nobody else finds it."""

    for role in (inner, lambda machine, link: inner(machine, link)):
        with pytest.raises(ValueError, match="at the top of a module"):
            OsSpawn({"inner": role})


# -- the simulated arm alone: the parent dies


async def parent(machine: Machine, ports: list[int]) -> None:
    """Start an acceptor with a socket, ask it twice, and go on without the socket."""
    listening = await listening_socket()
    ports.append(listening.getsockname()[1])
    child = await spawned(machine, "acceptor", listening)
    listening.close()
    await child.link.send(b"accept")
    await child.link.send(b"accept")
    await trio.sleep_forever()


def test_a_dead_parents_child_has_what_was_sent_serves_it_and_ends() -> None:
    """The parent is killed with the socket still under way: it listens until the child has served what was asked."""
    host = sim_host()

    async def drive() -> object:
        ports: list[int] = []
        life = await host.boot(parent, ports)
        await host.world.until(lambda: len(host.lives) == 2, 1)
        life.kill()
        (child,) = host.lives
        greetings = [await host.call(dial_and_hear, ports[0]) for _ in range(2)]
        await child.ended.wait()
        return greetings, await host.call(dial_and_hear, ports[0]), host.lives

    async def dial_and_hear(machine: Machine, port: int) -> object:
        client = trio.socket.socket()
        with client:
            return await said(client.connect((HERE, port))) or await said(client.recv(100))

    # The child serves both; its answer finds nobody, which this role does not expect.
    host.roles = {**ROLES, "acceptor": quiet_acceptor}
    assert host.world.run(drive) == ([b"child", b"child"], "ConnectionRefusedError", [])


async def quiet_acceptor(machine: Machine, link: ProcessLink) -> None:
    _, (listening,) = await link.receive()
    while await said(link.receive()) != ENDED:
        await greet(listening, b"child")


async def deaf(machine: Machine, link: ProcessLink) -> None:
    """Receive nothing."""
    await trio.sleep_forever()


@pytest.mark.parametrize("end", ["child", "both", "power"])
def test_a_socket_under_way_to_one_who_dies_is_closed(end: str) -> None:
    """Nothing of it is left: the port is free at once."""
    host = sim_host()
    host.roles = {"acceptor": deaf}

    async def drive() -> object:
        ports: list[int] = []
        life = await host.boot(parent, ports)
        await host.world.until(lambda: len(host.lives) == 2, 1)
        await trio.sleep(1)
        assert await host.call(bound_again, ports[0]) == "OSError"
        if end == "power":
            host.power_loss()
        else:
            host.lives[1].kill()
        if end == "both":
            life.kill()
        return await host.call(bound_again, ports[0])

    async def bound_again(machine: Machine, port: int) -> object:
        again = trio.socket.socket()
        with again:
            return await said(again.bind((HERE, port)))

    assert host.world.run(drive) is None
    assert not host.ends


def test_a_simulated_child_without_descriptors_loses_the_message() -> None:
    host = sim_host()

    async def full(machine: Machine) -> object:
        listening = await listening_socket()
        child = await spawned(machine, "echo")
        await child.link.receive()
        host.lives[1].descriptors_max = 5
        await child.link.send(b"too many", [listening] * 4)
        return await child.wait()

    with pytest.raises(ProcessDied, match="Too many open files"):
        host.world.run(host.call, full)


def test_spawning_is_deterministic() -> None:
    def digest(seed: int) -> str:
        host = sim_host(seed)
        host.world.run(host.call, both_accept_at_once)
        return host.world.digest()

    assert digest(1) == digest(1) != digest(2)
