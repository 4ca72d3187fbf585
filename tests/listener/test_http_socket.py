"""WebSocket on the HTTP port: clients of others, hostile ones, slow ones, silent ones, and the end of a host."""

from __future__ import annotations

import struct
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest
import trio
from http_host import PLAIN, HttpHost, HttpTalk, Said, asking, http_conversation, http_host, within_tls
from tls_talk import CERTIFICATE
from trio.testing import MockClock
from trio_websocket import WebSocketConnection, open_websocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from momentum_trio.listener.http_socket import CLOSE_SECONDS, PING_SECONDS, QUEUE_OCTETS_MAX
from momentum_trio.mail.record import Requested

UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec_websocket_version": "13",
    "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
}
MASK = bytes(4)


async def upgraded(talk: HttpTalk, target: str = "/repeat", **fields: str) -> Said:
    return await talk.ask("GET", target, None, **{**UPGRADE, **fields})


def text(content: bytes, mask: int = 0x80) -> bytes:
    assert len(content) < 126
    return bytes((0x81, mask | len(content))) + (MASK if mask else b"") + content


async def frame(talk: HttpTalk) -> tuple[int, bytes]:
    """The next frame from the server: its first octet and what it carries."""

    async def exactly(count: int) -> bytes:
        while len(talk._held) < count:
            octets = bytes(await talk.stream.receive_some(65536))
            assert octets, "it is over"
            talk._held += octets
        found, talk._held = talk._held[:count], talk._held[count:]
        return found

    with trio.fail_after(talk.patience_seconds):
        first, octets = await exactly(2)
        if octets >= 126:
            (octets,) = struct.unpack(">H" if octets == 126 else ">Q", await exactly(2 if octets == 126 else 8))
        return first, await exactly(octets)


def closing(octets: bytes) -> tuple[int, str]:
    return struct.unpack(">H", octets[:2])[0], octets[2:].decode()


def test_of_python_websockets_a_client_of_others() -> None:
    async def story() -> None:
        async with http_host() as at:
            await trio.to_thread.run_sync(_converse, at.port)
            await at.until(lambda: at.requests == [("GET", "/repeat", 101)])
            (record,) = [record for record in at.records if isinstance(record, Requested)]
            assert record.octets > 300_000

    trio.run(story)


def _converse(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/repeat", proxy=None) as socket:
        for message in ("ü", "x" * 300_000, b"\xff\x00", ""):
            socket.send(message)
            assert socket.recv() == message
        socket.send(["in ", "three ", "parts"])
        assert socket.recv() == "in three parts"
        assert socket.ping().wait(5)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"origin": "http://127.0.0.1"}, 101),
        ({"origin": "http://evil.example"}, 403),
        ({"host": "evil.example"}, 421),
        ({"sec_websocket_key": "short"}, 400),
        ({"sec_websocket_version": "7"}, 426),
        ({"connection": "close"}, 400),
        ({"upgrade": "h2c"}, 426),
    ],
)
async def test_a_handshake_is_judged_by_us(fields: dict[str, str], status: int) -> None:
    async with http_conversation() as (_, talk):
        assert (await upgraded(talk, **fields)).status == status


async def test_no_websocket_begins_where_there_is_none() -> None:
    async with http_conversation() as (_, talk):
        assert (await upgraded(talk, "/healthz")).content == b"ok\n"
        assert (await talk.ask("GET", "/repeat")).status == 426
        said = await talk.ask("POST", "/repeat", b"{}", content_type="application/json")
        assert (said.status, said.fields["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_who_has_to_prove_who_he_is_has_to_before() -> None:
    async with http_host() as at:
        at.configure('HTTP_Listener { Enable_Authentication = true Listen "127.0.0.1:2081" { } }')
        with pytest.raises(InvalidStatus):
            await trio.to_thread.run_sync(_converse, at.port)


async def test_a_frame_glued_to_the_handshake_is_heard() -> None:
    async with http_conversation() as (_, talk):
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in UPGRADE.items()]
        head = "\r\n".join(("GET /repeat HTTP/1.1", "Host: 127.0.0.1", *lines, "", "")).encode()
        await talk.say(head + text(b"early"))
        assert (await talk.answer()).status == 101
        assert await frame(talk) == (0x81, b"early")


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (text(b"a", mask=0), 1002),
        (b"\x82\xff" + struct.pack(">Q", 2**62) + MASK, 1009),
        (b"\x81\xff" + struct.pack(">Q", 2**20 + 1) + MASK, 1009),
        (b"\x83\x80" + MASK, 1002),
        (text(b"\xff"), 1007),
    ],
    ids=["an unmasked frame", "2^62 octets", "an octet too many", "no opcode", "no UTF-8"],
)
async def test_a_breach_is_told_and_the_connection_closed(octets: bytes, code: int) -> None:
    async with http_conversation() as (_, talk):
        await upgraded(talk)
        await talk.say(octets)
        first, said = await frame(talk)
        assert (first, closing(said)[0]) == (0x88, code)
        assert await talk.is_over()


async def test_a_client_that_closes_is_answered_and_the_connection_ends() -> None:
    async with http_conversation() as (at, talk):
        await upgraded(talk)
        await talk.say(b"\x88\x85" + MASK + struct.pack(">H", 1000) + b"bye")
        first, said = await frame(talk)
        assert (first, closing(said)[0]) == (0x88, 1000)
        assert await talk.is_over()
        await at.until(lambda: at.requests == [("GET", "/repeat", 101)])


async def test_a_slow_reader_is_dropped_with_a_reason() -> None:
    async with http_conversation() as (at, talk):
        await upgraded(talk, "/flood")
        count = 3 * QUEUE_OCTETS_MAX // 1000
        await talk.say(text(str(count).encode()))
        reason = b"what is sent is read too slowly"
        goodbye = bytes((0x88, 2 + len(reason))) + struct.pack(">H", 1013) + reason
        heard = bytearray()
        with trio.fail_after(talk.patience_seconds):
            while not heard.endswith(goodbye):
                heard += await talk.stream.receive_some(1 << 20)
        assert len(heard) < count * 1000
        await talk.say(b"\x88\x82" + MASK + struct.pack(">H", 1013))
        assert await talk.is_over()
        await at.until(lambda: len(at.requests) == 1)


async def test_who_reads_nothing_at_all_is_let_go(autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with http_conversation() as (at, talk):
        await upgraded(talk, "/flood")
        await talk.say(text(b"20000"))
        began = trio.current_time()
        with trio.fail_after(300):
            while not at.requests:  # noqa: ASYNC110
                await trio.sleep(1)
        assert trio.current_time() - began <= 2 * CLOSE_SECONDS + PING_SECONDS


async def test_a_silent_client_is_asked_whether_he_is_there(autojump_clock: MockClock) -> None:
    async with http_host() as at, asking(at) as alive, asking(at) as mute:
        alive.patience_seconds = mute.patience_seconds = 1000
        await upgraded(alive)
        await upgraded(mute)
        for _ in range(5):
            began = trio.current_time()
            assert await frame(alive) == (0x89, b"")
            assert trio.current_time() - began <= PING_SECONDS + 1
            await alive.say(b"\x8a\x80" + MASK)
        assert (await frame(mute)) == (0x89, b"")
        assert await mute.is_over()
        assert trio.current_time() < 10 * PING_SECONDS


async def test_a_drain_says_goodbye() -> None:
    async with http_conversation() as (at, talk):
        await upgraded(talk)
        at.drain()
        first, said = await frame(talk)
        assert (first, closing(said)) == (0x88, (1001, "the host shuts down"))
        await talk.say(b"\x88\x82" + MASK + struct.pack(">H", 1001))
        assert await talk.is_over()
        await at.until(lambda: at.connections[0].why == "drain")


async def test_who_is_told_goodbye_as_he_is_about_to_be_asked_hears_it(autojump_clock: MockClock) -> None:
    """Whichever of the two comes first: the order in which tasks run is random."""
    async with http_host() as at, AsyncExitStack() as open_ones:
        talks = [await open_ones.enter_async_context(asking(at)) for _ in range(10)]
        for talk in talks:
            await upgraded(talk)
            talk.patience_seconds = 1000
        await trio.sleep_until(PING_SECONDS)
        at.drain()
        for talk in talks:
            heard = await frame(talk)
            goodbye = heard if heard[0] == 0x88 else await frame(talk)
            assert (goodbye[0], closing(goodbye[1])[0]) == (0x88, 1001)


def client(at: HttpHost) -> AbstractAsyncContextManager[WebSocketConnection]:
    """trio-websocket's."""
    return open_websocket("127.0.0.1", at.port, "/repeat", use_ssl=False)


async def test_many_messages_in_both_directions_at_once() -> None:
    async with http_host() as at, client(at) as socket:
        async with trio.open_nursery() as nursery:

            async def say() -> None:
                for number in range(200):
                    await socket.send_message(str(number))

            nursery.start_soon(say)
            with trio.fail_after(10):
                assert [await socket.get_message() for _ in range(200)] == list(map(str, range(200)))


async def test_messages_within_tls_both_ways_at_once() -> None:
    async with http_host(PLAIN % f"Use_SSL = true {CERTIFICATE}") as at, within_tls(at) as talk:
        await upgraded(talk)
        async with trio.open_nursery() as nursery:

            async def say() -> None:
                for number in range(200):
                    await talk.say(text(str(number).encode()))

            nursery.start_soon(say)
            assert [(await frame(talk))[1] for _ in range(200)] == [str(number).encode() for number in range(200)]
