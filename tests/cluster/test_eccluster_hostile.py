"""What strangers and broken nodes do at an ECCluster_Listener: each is refused and counted; others are served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
from node_world import ADDRESSES, LOG, PORT, SECRET, Node, node, place, tree_of, world

from momentum_trio.cluster.channel import OPENING_SECONDS, Broken, answered, connected
from momentum_trio.config.tree import ConfigTree
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Rejected
from momentum_trio.protocol.cluster import eccluster
from momentum_trio.protocol.cluster.eccluster import PREFACE, Begin, Kept, ListLogs, Logs, Mail, Replay, Service
from momentum_trio.protocol.msgc import frame
from momentum_trio.protocol.msgc.frame import HEADER, Code, Kind, Opener, decode_refused
from momentum_trio.protocol.msgc.handshake import Hello, Role
from momentum_trio.protocol.msgc.link import Closed, Link, Welcomed

RIGHT = (SECRET.encode(),)
Attack = Callable[[trio.socket.SocketType], Awaitable[Code | None]]


def refused(attack: Attack, code: Code, tree: ConfigTree | None = None) -> None:
    """*attack* node b from host a: it is told so, and counted; an honest node is served afterwards."""
    hosts = world()
    made: list[Node] = []

    async def serve(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        async with node(machine, "b", tree) as own:
            made.append(own)
            log = own.jlogs.of(LOG)
            await log.open()
            await log.subscribe(["master"])
            await log.append([b"x" * 99 + b"\n"] * 4000)
            task_status.started()
            await trio.sleep_forever()

    async def story() -> None:
        await hosts.hosts["b"].start(serve)
        await hosts.hosts["a"].call(attacked, attack, code)
        await trio.sleep(1)
        assert made[0].nodes.refused == {code: 1}
        said = [each for each in made[0].records if isinstance(each, Rejected)]
        assert [(each.protocol, each.text.partition(":")[0]) for each in said] == [("eccluster", code.name)]
        if tree is None:
            await hosts.hosts["a"].call(honest)

    hosts.run(story)


async def attacked(_machine: Machine, attack: Attack, code: Code) -> None:
    with trio.socket.socket() as socket:
        await socket.connect((ADDRESSES["b"], PORT))
        with trio.fail_after(400):
            assert await attack(socket) in (None, code)


async def honest(machine: Machine) -> None:
    """Another node, which is served."""
    async with connected(machine, "a", place("b"), RIGHT, Service.LOG) as channel:
        await channel.send([ListLogs()])
        listed = await answered(channel)
        assert isinstance(listed, Logs)
        assert [log.name for log in listed.logs] == ["mainlog"]


async def send(socket: trio.socket.SocketType, octets: bytes) -> None:
    while octets:
        octets = octets[await socket.send(octets) :]


async def last_word(socket: trio.socket.SocketType, heard: bytes = b"") -> Code | None:
    """What is said last, before the connection is closed; None: nothing that can be read without the key."""
    with suppress(ConnectionResetError):
        while octets := await socket.recv(4096):
            heard += octets
    opener, code = Opener(), None
    opener.receive(heard)
    while (said := opener.next_frame()) is not None:
        code = decode_refused(said.payload).code if said.kind is Kind.REFUSED else None
    return code


async def closed(socket: trio.socket.SocketType) -> None:
    """Until the connection is. What is said last has a MAC."""
    with suppress(ConnectionResetError):
        while await socket.recv(4096):
            pass


async def let_in(
    socket: trio.socket.SocketType, role: Role = Role.NODE, secrets: tuple[bytes, ...] = RIGHT, called: str = ""
) -> tuple[Link, bytes]:
    """The opening by somebody who has the secret; and all that he said. Raises Broken if he is not let in."""
    link = Link.calling(Hello(role, "a", 0, bytes(32), bool(secrets), called), secrets, PREFACE)
    said = b""
    while True:
        event = link.next_event()
        octets = link.octets_to_send()
        said += octets
        await send(socket, octets)
        if isinstance(event, Welcomed):
            return link, said
        if isinstance(event, Closed):
            raise Broken(event.code, event.why, by_peer=event.by_peer)
        received = await socket.recv(4096)
        assert received
        link.receive(received)


def test_garbage() -> None:
    async def attack(socket: trio.socket.SocketType) -> Code | None:
        await send(socket, b"EHLO mail.example.com\r\n")
        return await last_word(socket)

    refused(attack, Code.PROTOCOL)


def test_the_bus_is_spoken_elsewhere() -> None:
    """A client of the bus at the wrong port, and one that says the right preface with a client's HELLO."""

    async def preface(socket: trio.socket.SocketType) -> Code | None:
        await send(socket, frame.PREFACE)
        return await last_word(socket)

    async def role(socket: trio.socket.SocketType) -> Code | None:
        link = Link.calling(Hello(Role.CLIENT, "a", 0, bytes(32), has_secret=True), RIGHT, PREFACE)
        await send(socket, link.octets_to_send())
        return await last_word(socket)

    refused(preface, Code.PROTOCOL)
    refused(role, Code.NOT_ALLOWED)


def test_oversize_opening() -> None:
    async def attack(socket: trio.socket.SocketType) -> Code | None:
        await send(socket, PREFACE + HEADER.pack(1 << 20, 0, Kind.HELLO))
        return await last_word(socket)

    refused(attack, Code.TOO_LARGE)


def test_oversize_frame() -> None:
    async def attack(socket: trio.socket.SocketType) -> None:
        await let_in(socket)
        await send(socket, HEADER.pack(1 << 30, 2, Kind.MESSAGES))
        await closed(socket)

    refused(attack, Code.TOO_LARGE)


def test_slow_opening() -> None:
    """Who says an octet now and then is not waited for."""

    async def attack(socket: trio.socket.SocketType) -> Code | None:
        began = trio.current_time()
        await send(socket, PREFACE)
        code = await last_word(socket)
        assert trio.current_time() - began < OPENING_SECONDS + 2
        return code

    refused(attack, Code.IDLE)


def test_slow_afterwards() -> None:
    async def attack(socket: trio.socket.SocketType) -> None:
        await let_in(socket)
        await closed(socket)

    refused(attack, Code.IDLE)


def test_replayed_connection() -> None:
    """All that a node said once, said again by somebody who listened."""

    async def attack(socket: trio.socket.SocketType) -> Code | None:
        with trio.socket.socket() as honest_one:
            await honest_one.connect((ADDRESSES["b"], PORT))
            _, said = await let_in(honest_one)
        await send(socket, said)
        return await last_word(socket)

    refused(attack, Code.UNPROVED)


def test_replayed_frame() -> None:
    async def attack(socket: trio.socket.SocketType) -> None:
        link, _ = await let_in(socket)
        link.messages([eccluster.encode(Begin("log"))])
        await send(socket, 2 * link.octets_to_send())
        await closed(socket)

    refused(attack, Code.REPLAYED)


def test_tampered_frame() -> None:
    async def attack(socket: trio.socket.SocketType) -> None:
        link, _ = await let_in(socket)
        link.messages([eccluster.encode(Begin("log"))])
        await send(socket, link.octets_to_send().replace(b"log", b"lag"))
        await closed(socket)

    refused(attack, Code.TAMPERED)


def test_wrong_version() -> None:
    async def opening(socket: trio.socket.SocketType) -> Code | None:
        hello = Hello(Role.NODE, "a", 0, bytes(32), has_secret=True, lowest=7, highest=9)
        await send(socket, Link.calling(hello, RIGHT, PREFACE).octets_to_send())
        return await last_word(socket)

    async def service(socket: trio.socket.SocketType) -> None:
        link, _ = await let_in(socket)
        link.messages([eccluster.encode(Begin("log", 9))])
        await send(socket, link.octets_to_send())
        await closed(socket)

    refused(opening, Code.VERSION)
    refused(service, Code.VERSION)


@pytest.mark.parametrize("secrets", [(), (b"another secret, as long",)])
def test_without_the_secret(secrets: tuple[bytes, ...]) -> None:
    async def attack(socket: trio.socket.SocketType) -> Code:
        with pytest.raises(Broken) as broken:
            await let_in(socket, secrets=secrets)
        return broken.value.code

    refused(attack, Code.UNPROVED)


def test_who_wanted_another_node() -> None:
    async def attack(socket: trio.socket.SocketType) -> Code:
        with pytest.raises(Broken) as broken:
            await let_in(socket, called="c")
        return broken.value.code

    refused(attack, Code.NOT_ALLOWED)


def test_without_any_secret_only_peers_come_in() -> None:
    async def attack(socket: trio.socket.SocketType) -> Code | None:
        await send(socket, PREFACE)
        return await last_word(socket)

    refused(attack, Code.NOT_ALLOWED, tree_of("b", secret=""))


@pytest.mark.parametrize(
    "said",
    [
        [ListLogs()],
        [Begin("log"), Mail(b"EHLO a\r\n")],
        [Begin("mmove2"), Mail(b"MAIL FROM:<>\r\n")],
        [Begin("mmove2"), Mail(b"EHLO a\r\nXCLUSTERMETADATA 1\r\nKEY k\r\nMETADATA 2\r\n{}")],
        [Begin("log"), Kept()],
    ],
)
def test_what_is_not_due(said: list[eccluster.Asked]) -> None:
    async def attack(socket: trio.socket.SocketType) -> None:
        link, _ = await let_in(socket)
        for message in said:
            link.messages([eccluster.encode(message)])
            await send(socket, link.octets_to_send())
        await closed(socket)

    refused(attack, Code.PROTOCOL)


def test_a_reader_who_does_not_read() -> None:
    """Who asks for lines and takes none of them is let go; others are served meanwhile."""

    async def attack(socket: trio.socket.SocketType) -> None:
        link, _ = await let_in(socket)
        link.messages([eccluster.encode(Begin("log"))])
        for _ in range(30):
            link.messages([eccluster.encode(Replay("mainlog", "master", b"", 0, 0, 1 << 20))])
        with trio.move_on_after(350):
            await send(socket, link.octets_to_send())
            await trio.sleep_forever()

    refused(attack, Code.STUCK)
