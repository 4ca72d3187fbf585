"""How ECStream connections end: refusals by their codes, silence, drains, generations, clients that mean ill."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from ecstream_talk import BASIC, CONTENT, conversation, listening, message, talk_to
from trio.testing import MockClock

from momentum_trio.listener.ecstream import KIND
from momentum_trio.protocol.ecstream.batch import Batch, Following, encode_batch
from momentum_trio.protocol.ecstream.client import Client, Closed
from momentum_trio.protocol.ecstream.frame import PREFACE, Code, Hello, Kind, Ping, encode, framed
from momentum_trio.protocol.smtp import replies
from momentum_trio.spool.spool import SpoolFull

IDLE_SECONDS = 20
SHORT = BASIC.replace("{}", f"{{ ECStream_Idle_Time = {IDLE_SECONDS} }}")
SMALL = BASIC.replace(
    "{}", "{ ECStream_Max_Batch_Size = 2 ECStream_Window_Size = 65536 ECStream_Max_Frame_Size = 16384 }"
)


@pytest.fixture
def jumping_clock(mock_clock: MockClock) -> MockClock:
    """Time that passes only when nothing happens; with a grace for the kernel to carry loopback octets."""
    mock_clock.autojump_threshold = 0.02
    return mock_clock


def batch(number: int, count: int = 1, content: bytes = CONTENT) -> bytes:
    return b"".join(encode_batch(Batch(number, (content,), (message(),) * count)))


REFUSED: list[tuple[bytes, Code, str]] = [
    (b"EHLO client.example\r\n", Code.PROTOCOL, "it does not begin as ECStream does"),
    (PREFACE + b"\0\0\0\1\x99\0\0\0", Code.PROTOCOL, "there is no kind 153"),
    (PREFACE + batch(1), Code.PROTOCOL, "BATCH is out of place"),
    (PREFACE + encode(Hello(2, 9)), Code.VERSION, "versions 1 to 1 are spoken here"),
    (PREFACE + encode(Hello(1, 1)) + batch(2), Code.PROTOCOL, "batch 2 comes where 1 should"),
    (PREFACE + encode(Hello(1, 1)) + batch(1, 3), Code.TOO_LARGE, "a batch has too many messages"),
    (PREFACE + encode(Hello(1, 1)) + batch(1, 1, b"x" * 16384), Code.TOO_LARGE, "BATCH of "),
    (PREFACE + encode(Hello(1, 1)) + b"".join(framed(Kind.CHUNK, b"x")), Code.PROTOCOL, "CHUNK is out of place"),
]


@pytest.mark.parametrize(("said", "code", "why"), REFUSED)
async def test_who_breaks_the_protocol_hears_how_and_the_rejectlog_has_it(said: bytes, code: Code, why: str) -> None:
    async with listening(SMALL) as at, talk_to(at) as talk:
        await talk.stream.send_all(said)
        talk.core.octets_to_send()  # another client's words were said
        error = await talk.error()
        assert (error.code, error.unbegun) == (code, 1)
        assert error.why.decode().startswith(why)
        await at.over()
        assert at.spool.kept == []
        assert [record.module for record in at.rejected] == ["ecstream"]


@pytest.mark.parametrize(
    ("octets", "code"), [(KIND.refusal, Code.CLOSING), (KIND.gone, Code.CLOSING), (KIND.fault, Code.FAULT)]
)
def test_who_gets_no_conversation_hears_an_error_frame(octets: bytes, code: Code) -> None:
    client = Client()
    room = client.room()
    room[: len(octets)] = octets
    client.received(len(octets))
    closed = client.next_event()
    assert isinstance(closed, Closed)
    assert closed.error is not None
    assert (closed.error.code, closed.by_server) == (code, True)
    assert closed.error.why.startswith(b"421 ")
    assert not KIND.speaks_replies


async def test_silence_ends_it(jumping_clock: MockClock) -> None:
    async with conversation(SHORT) as (at, talk):
        for _ in range(3):
            await trio.sleep(IDLE_SECONDS - 5)
            talk.core.ping(b"are you?")
            await talk.send()
            await talk.event()
        talk.patience_seconds = 2 * IDLE_SECONDS
        began = trio.current_time()
        assert (await talk.error()).code == Code.IDLE
        assert IDLE_SECONDS <= trio.current_time() - began <= IDLE_SECONDS + 2
        await at.over()
        assert at.connections[0].why == "idle"


async def test_octets_that_come_to_nothing_are_silence(jumping_clock: MockClock) -> None:
    async with conversation(SHORT) as (at, talk):
        frame = batch(1, 1, b"x" * 60_000)
        with trio.move_on_after(10 * IDLE_SECONDS):
            for at_octet in range(0, len(frame), 100):
                await talk.stream.send_all(frame[at_octet : at_octet + 100])
                await trio.sleep(5)
                if at.connections[0].why == "idle":
                    break
        assert at.connections[0].why == "idle"


async def test_who_never_reads_is_read_no_further(jumping_clock: MockClock) -> None:
    """What the kernel takes for him is his. Of ours: one receive, and the answers to it."""
    async with conversation(SHORT) as (at, talk), trio.open_nursery() as nursery:
        (connection,) = at.connections
        for socket in (connection.socket, talk.stream.socket):
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, 16 * 1024)
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 16 * 1024)

        async def push() -> None:
            try:
                await talk.stream.send_all(encode(Ping(b"12345678")) * 200_000)
            except trio.BrokenResourceError:
                pass

        nursery.start_soon(push)
        await trio.sleep(1)  # until nobody can go on
        stalled_at = connection.octets_received
        assert stalled_at - connection.octets_sent <= 64 * 1024 + 1024
        await trio.sleep(IDLE_SECONDS + 5)
        assert connection.octets_received == stalled_at
        assert connection.why == "idle"
        nursery.cancel_scope.cancel()


async def test_who_says_no_more_still_hears_what_became_of_his_batches() -> None:
    async with conversation() as (at, talk):
        await talk.batch()
        await talk.stream.send_eof()
        assert (await talk.results())[0].id
        await at.over()
        assert at.connections[0].why == "closed"


@pytest.mark.parametrize("state", ["silent", "at rest", "between"])
async def test_a_drain_ends_whoever_is_between_batches(state: str) -> None:
    async with listening() as at, talk_to(at) as talk:
        if state != "silent":
            await talk.welcome()
        if state == "between":
            await talk.ask()
        else:
            await at.connected()
        at.drain()
        error = await talk.error()
        assert (error.code, error.why) == (Code.CLOSING, b"421 4.3.2 Service shutting down")
        assert error.unbegun == talk.core.next_number
        await at.over()
        assert at.connections[0].why == "drain"


async def test_a_batch_at_work_is_finished_in_a_drain() -> None:
    async with conversation() as (at, talk):
        at.spool.gate = trio.Event()
        await talk.batch(message(), message())
        await at.spool.arrived.wait()
        at.drain()
        at.spool.gate.set()
        assert all(result.id for result in await talk.results())
        assert (await talk.error()).code == Code.CLOSING


async def test_a_batch_whose_contents_come_is_finished_in_a_drain() -> None:
    async with conversation() as (at, talk):
        await talk.batch(contents=(Following(len(CONTENT)),))
        talk.core.chunk(CONTENT[:10])
        await talk.send()
        await talk.event()  # its credit
        at.drain()
        talk.core.chunk(CONTENT[10:])
        await talk.send()
        assert (await talk.results())[0].id
        assert (await talk.error()).code == Code.CLOSING


async def test_a_drain_ends_the_wait_for_a_turn(jumping_clock: MockClock) -> None:
    text = BASIC + "Inbound_Throttle_Messages = 1/1000\n"
    async with conversation(text) as (at, talk):
        await talk.batch(message(), message(), message())
        await trio.sleep(1)
        at.drain()
        assert [result.reply.code for result in await talk.results()] == [250, 421, 421]
        assert (await talk.error()).code == Code.CLOSING
        assert len(at.spool.kept) == 1
        assert at.connections[0].why == "drain"


@pytest.mark.parametrize(
    ("change", "survives"),
    [
        (lambda text: text + 'Relay_Domains = ( "x.example" )', True),
        (lambda text: text.replace("{}", "{ Received_Hostname = r.example }"), True),
        (lambda text: text.replace("127.0.0.1:1825", "*:1825"), True),
        # what he was told
        (lambda text: text.replace("{}", "{ ECStream_Idle_Time = 7 }"), False),
        (lambda text: text.replace("{}", "{ ECStream_Max_Batch_Size = 7 }"), False),
        (lambda text: text.replace("{}", "{ Max_Message_Size = 70000 }"), False),
        (lambda text: text.replace("mx.example", "my.example"), False),
        # who lets him in
        (lambda text: text.replace("{}", "{ Enable_Authentication = true }"), False),
        (lambda text: text.replace("127.0.0.1:1825", "127.0.0.1:1826"), False),
    ],
)
async def test_a_new_generation_holds_from_the_next_batch_on(
    change: Callable[[str], str], survives: bool, jumping_clock: MockClock
) -> None:
    async with conversation() as (at, talk):
        assert (await talk.ask())[0].id
        at.configure(change(BASIC))
        (result,) = await talk.ask()
        if survives:
            assert result.id
            assert (await talk.ask())[0].id
        else:
            assert (result.id, result.reply) == (b"", replies.RECONFIGURATION)
            assert (await talk.error()).code == Code.CLOSING
            await at.over()
            assert at.connections[0].why == "reconfigured"
            assert [record.code for record in at.rejected] == [421]


async def test_limits_are_those_of_mail() -> None:
    limits = "{ Max_Receptions_Per_Connection = 3 Max_Recipients_Per_Message = 2 Message_Rate_Per_Address = 4/1000 }"
    async with conversation(BASIC.replace("{}", limits)) as (_, talk):
        results = await talk.ask(message("a@d.example", "b@d.example", "c@d.example"), *(message(),) * 4)
        assert [reply.code for reply in results[0].recipients] == [250, 250, 452]
        assert [result.reply.code for result in results] == [250, 250, 250, 452, 452]
        assert (await talk.ask(message(reverse_path=b"")))[0].reply == replies.RECEPTIONS_PER_CONNECTION
    async with conversation(BASIC.replace("{}", "{ Message_Rate_Per_Address = 2/1000 }")) as (_, talk):
        results = await talk.ask(*(message(),) * 3, message(reverse_path=b""))
        assert [result.reply.code for result in results] == [250, 250, 451, 250]


async def test_a_spool_that_has_no_room_says_so_of_each_message() -> None:
    async with conversation() as (at, talk):
        at.spool.fault = SpoolFull("no room")
        assert [result.reply for result in await talk.ask(message(), message())] == [replies.SPOOL_FULL] * 2
        assert [record.module for record in at.rejected] == ["spool"] * 2
        at.spool.fault = None
        assert (await talk.ask())[0].id


async def test_what_a_connection_is_about() -> None:
    async with listening() as at, talk_to(at) as talk:
        await at.connected()
        phases = [at.doing()]
        await talk.welcome()
        phases.append(at.doing())
        at.spool.gate = trio.Event()
        await talk.batch()
        await at.spool.arrived.wait()
        phases.append(at.doing())
        at.spool.gate.set()
        await talk.results()
        await talk.batch(contents=(Following(9),))
        talk.core.chunk(b"12345")
        await talk.send()
        await talk.event()
        phases.append(at.doing())
    assert phases == [
        ("just connected", False),
        ("awaiting mailfrom", False),
        ("async body handler", True),
        ("reading body", False),
    ]
