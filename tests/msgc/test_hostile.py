"""What strangers and broken peers do at the port of the bus: each is refused and counted, and the mesh is unharmed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
import trio
from bus_mesh import Mesh, mesh, until

from momentum_trio.net.group import GroupView, Service
from momentum_trio.protocol.msgc.frame import (
    HEADER,
    PREFACE,
    Code,
    Kind,
    Opener,
    decode_refused,
)
from momentum_trio.protocol.msgc.handshake import Hello, Role
from momentum_trio.protocol.msgc.link import Link, Welcomed
from momentum_trio.protocol.msgc.message import Heartbeat
from momentum_trio.protocol.msgc.message import encode as encode_message
from momentum_trio.protocol.msgc.payload import Join, Publish, encode

SECRET = b"what we know and they do not"
TEXT = f'Cluster_Secret = "{SECRET.decode()}"'


@asynccontextmanager
async def unharmed(more: str = "", text: str = TEXT) -> AsyncIterator[Mesh]:
    """A mesh for the block; at its end the view is the same, and what is published still arrives."""
    async with mesh("a", "b", text=f"{text}\n{more}") as bus:
        await bus.until_together()
        ears = [bus.member(name, more=text) for name in "ab"]
        for ear in ears:
            ear.member.join("g")
        await until(lambda: all(len(ear.view()) == 2 for ear in ears))
        lives = [node.bus.life for node in bus.nodes.values()]
        keys = [life.core.view.key for life in lives if life is not None]
        yield bus
        assert ears[0].member.publish("g", b"afterwards")
        await until(lambda: all(ear.told() == [b"afterwards"] for ear in ears))
        assert [node.bus.life for node in bus.nodes.values()] == lives
        assert [life.core.view.key for life in lives if life is not None] == keys
        assert all(len(ear.view()) == 2 for ear in ears)


async def stranger(bus: Mesh) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", bus.nodes["a"].port)


async def last_word(stream: trio.SocketStream, heard: bytes = b"") -> Code:
    """What the server says last, before it closes."""
    with trio.fail_after(5):
        while octets := await stream.receive_some():
            heard += octets
    opener, code = Opener(), None
    opener.receive(heard)
    while (frame := opener.next_frame()) is not None:
        code = decode_refused(frame.payload).code if frame.kind is Kind.REFUSED else None
    assert code is not None
    return code


async def refused(bus: Mesh, code: Code) -> None:
    """It is counted, and the connection is closed."""
    await until(lambda: bus.nodes["a"].bus.ends[code] == 1)
    assert bus.nodes["a"].closed[-1].code is code


async def let_in(
    stream: trio.SocketStream, role: Role = Role.CLIENT, name: str = "ec9-9", secret: bytes = SECRET
) -> Link:
    """The opening, done right by somebody who has the secret."""
    link = Link.calling(Hello(role, name, 1, bytes(32), bool(secret)), (secret,) if secret else ())
    with trio.fail_after(5):
        while True:
            event = link.next_event()
            await stream.send_all(link.octets_to_send())
            if event is not None:
                assert isinstance(event, Welcomed), event
                return link
            link.receive(await stream.receive_some())


async def test_garbage() -> None:
    async with unharmed() as bus, await stranger(bus) as stream:
        await stream.send_all(b"EHLO mail.example.com\r\n")
        assert await last_word(stream) is Code.PROTOCOL
        await refused(bus, Code.PROTOCOL)


async def test_oversize() -> None:
    """A payload longer than an opening's, and one longer than any, of somebody who was let in."""
    async with unharmed() as bus:
        async with await stranger(bus) as stream:
            await stream.send_all(PREFACE + HEADER.pack(1 << 20, 0, Kind.HELLO))
            assert await last_word(stream) is Code.TOO_LARGE
            await refused(bus, Code.TOO_LARGE)
        async with await stranger(bus) as stream:
            await let_in(stream)
            await stream.send_all(HEADER.pack(1 << 30, 2, Kind.MESSAGES))
            await until(lambda: bus.nodes["a"].bus.ends[Code.TOO_LARGE] == 2)


async def test_slow_opening() -> None:
    """Who says an octet now and then is not waited for longer than Connect_Timeout."""
    async with unharmed("Connect_Timeout = 1") as bus, await stranger(bus) as stream:
        await stream.send_all(PREFACE)
        assert await last_word(stream) is Code.IDLE
        await refused(bus, Code.IDLE)


async def test_slow_reader() -> None:
    """A client that does not read: its connection is declared stuck, its member has left, nobody waited for it."""
    async with unharmed("Max_Backlog = 100") as bus:
        async with await stranger(bus) as stream:
            stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
            link = await let_in(stream)
            link.messages([encode(Join("flood"))])
            await stream.send_all(link.octets_to_send())
            speaker = bus.member("b", "ec2-2", TEXT)
            speaker.member.join("flood")
            await until(lambda: len(speaker.view("flood")) == 2)
            sent = 0
            with trio.fail_after(20):
                while len(speaker.view("flood")) == 2:
                    sent += speaker.member.publish("flood", bytes(20_000))
                    await trio.sleep(0.001)
            await refused(bus, Code.STUCK)
            assert speaker.view("flood") == ("#ec2-2#b",)
            await until(lambda: len(speaker.told("flood")) >= sent - 1)
            assert any(isinstance(event, GroupView) for event in speaker.events)


async def test_replayed_connection() -> None:
    """All that a client said once, said again by somebody who listened."""
    async with unharmed() as bus:
        said = bytearray()
        async with await stranger(bus) as stream:
            link = Link.calling(Hello(Role.CLIENT, "ec9-9", 1, bytes(32), has_secret=True), (SECRET,))
            while not isinstance(link.next_event(), Welcomed):
                octets = link.octets_to_send()
                said += octets
                await stream.send_all(octets)
                link.receive(await stream.receive_some())
        async with await stranger(bus) as stream:
            await stream.send_all(said)
            assert await last_word(stream) is Code.UNPROVED
            await refused(bus, Code.UNPROVED)


async def test_replayed_frame() -> None:
    async with unharmed() as bus, await stranger(bus) as stream:
        link = await let_in(stream)
        link.messages([encode(Publish("elsewhere", b"once", Service.AGREED))])
        await stream.send_all(2 * link.octets_to_send())
        await refused(bus, Code.REPLAYED)


async def test_tampered_frame() -> None:
    async with unharmed() as bus, await stranger(bus) as stream:
        link = await let_in(stream)
        link.messages([encode(Publish("g", b"pay Alice", Service.AGREED))])
        await stream.send_all(link.octets_to_send().replace(b"Alice", b"Mally"))
        await refused(bus, Code.TAMPERED)


async def test_wrong_version() -> None:
    async with unharmed() as bus, await stranger(bus) as stream:
        hello = Hello(Role.SERVER, "b", 1, bytes(32), has_secret=True, lowest=7, highest=9)
        await stream.send_all(Link.calling(hello, (SECRET,)).octets_to_send())
        assert await last_word(stream) is Code.VERSION
        await refused(bus, Code.VERSION)


@pytest.mark.parametrize(("secret", "code"), [(b"", Code.UNPROVED), (b"another secret, as long", Code.UNPROVED)])
async def test_without_the_secret(secret: bytes, code: Code) -> None:
    async with unharmed() as bus, await stranger(bus) as stream:
        with pytest.raises(AssertionError, match=code.name):
            await let_in(stream, secret=secret)
        await refused(bus, code)


@pytest.mark.parametrize("name", ["mallory", "a"])
async def test_a_server_that_is_not_one_of_the_others(name: str) -> None:
    """Nobody in Peers, and one that says it is who it speaks to."""
    async with unharmed() as bus, await stranger(bus) as stream:
        with pytest.raises(AssertionError, match="NOT_ALLOWED"):
            await let_in(stream, Role.SERVER, name)
        await refused(bus, Code.NOT_ALLOWED)


async def test_messages_that_are_none() -> None:
    """Right frames of somebody who was let in, in which a server's messages stand where a client's should."""
    async with unharmed() as bus, await stranger(bus) as stream:
        link = await let_in(stream)
        link.messages([encode_message(Heartbeat()), b"\xc1"])
        await stream.send_all(link.octets_to_send())
        await refused(bus, Code.PROTOCOL)


async def test_more_groups_than_a_client_may_be_in() -> None:
    async with unharmed() as bus, await stranger(bus) as stream:
        link = await let_in(stream)
        link.messages([encode(Join(f"group {number}")) for number in range(20)])
        await stream.send_all(link.octets_to_send())
        await refused(bus, Code.NOT_ALLOWED)


async def test_an_address_that_is_not_in_peers() -> None:
    async with unharmed() as bus:
        server = bus.nodes["a"].bus
        assert server.is_allowed(ip_address("127.0.0.9"))
        assert not server.is_allowed(ip_address("192.0.2.66"))


async def test_silence() -> None:
    """Who was let in and says nothing for Idle_Timeout is gone."""
    async with unharmed() as bus:
        bus.nodes["a"].configure(f"{TEXT}\n Idle_Timeout = 1\n Keepalive_Interval = 1")
        async with await stranger(bus) as stream:
            await let_in(stream)
            await refused(bus, Code.IDLE)
