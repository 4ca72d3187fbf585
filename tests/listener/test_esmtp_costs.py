"""What a client that means ill may cost, by count: octets held for him, tasks, and a seat of the next one."""

from __future__ import annotations

import tracemalloc
from contextlib import AsyncExitStack

import pytest
import trio
from esmtp_host import BASIC, Host, conversation, host, talk_to
from house import asked, connected, listeners
from test_esmtp_endings import push
from trio.testing import MockClock

from momentum_trio.listener.esmtp import EVENTS_PER_TURN
from momentum_trio.listener.esmtp_line import RECEIVE_OCTETS
from momentum_trio.protocol.lines import DISCARDED_OCTETS_MAX

HERE = "127.0.0.1:0"
IDLE_SECONDS = 20
SHORT = BASIC.replace("  Listen", f"  Idle_Time = {IDLE_SECONDS}\n  Listen", 1)
KERNEL_OCTETS = 16 * 1024
BURST, SEATS = 300, 5
HALF_CLOSED = 50
HELD_OCTETS_MAX = 4 * RECEIVE_OCTETS  # one receive, once more on its way, and all else that is here
NOOP, OK = b"NOOP\r\n", b"250 2.0.0 OK\r\n"


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


async def without_sessions(at: Host) -> None:
    """Wait until the last session is over."""
    with trio.fail_after(5):
        while any(connection.socket.fileno() >= 0 for connection in at.connections):  # noqa: ASYNC110 (nothing announces it)
            await trio.sleep(0.01)


async def test_a_burst_above_the_ceiling_gets_421_and_no_task_and_the_next_is_served() -> None:
    text = f'ESMTP_Listener {{ Listener_Sessions = {SEATS} Listen "{HERE}" {{ Listen_Backlog = 1000 }} }}'
    async with listeners(text) as house:
        port = house.port(HERE)
        seated = [await house.connect(port) for _ in range(SEATS)]
        for client in seated:
            await asked(client, b"hello")
        before = tasks()
        burst = [await house.connect(port) for _ in range(BURST)]
        for client in burst:
            assert await client.receive_some(100) == b"421 full\r\n"
        assert (tasks(), house.sessions(HERE)) == (before, SEATS)
        await seated[0].aclose()
        await house.until_sessions(HERE, SEATS - 1)
        async with await connected(port) as served:
            assert await asked(served, b"hello") == b"hello"


async def test_who_never_reads_is_read_no_further(jumping_clock: MockClock) -> None:
    """What the kernel takes for him is his. Of ours: one receive, and the replies to so many commands of it."""
    async with host(SHORT) as at:
        before = tasks()
        async with talk_to(at) as talk, trio.open_nursery() as nursery:
            (connection,) = at.connections
            for socket in (connection.socket, talk.stream.socket):
                socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, KERNEL_OCTETS)
                socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, KERNEL_OCTETS)
            nursery.start_soon(push, talk, NOOP * 200_000)
            unanswered = 0
            while unanswered <= 0:  # a window that has opened is told after a while (RFC 9293 section 3.8.6.2.2)
                await trio.sleep(1)
                unanswered = connection.octets_received - connection.octets_sent // len(OK) * len(NOOP)
            assert tasks() == before + 2  # the session's, and ours that talks
            assert unanswered <= RECEIVE_OCTETS + EVENTS_PER_TURN * len(NOOP)
            stalled_at = connection.octets_received
            await trio.sleep(IDLE_SECONDS - 5)
            assert connection.octets_received == stalled_at
            await trio.sleep(10)
            assert connection.why == "idle"
            nursery.cancel_scope.cancel()
        await without_sessions(at)
        assert tasks() == before


@pytest.mark.parametrize("within", ["command", "content"])
async def test_an_octet_a_second_is_one_task_for_as_long_as_silence(jumping_clock: MockClock, within: str) -> None:
    async with conversation(SHORT) as (at, talk):
        (connection,) = at.connections
        if within == "content":
            await talk.envelope()
            await talk.ask("DATA")
        before, came = tasks(), connection.octets_received
        for _ in range(2 * IDLE_SECONDS):
            await trio.sleep(1)
            await push(talk, b"x")
            if connection.why != "closed":
                break
        assert connection.why == "idle"
        assert IDLE_SECONDS <= connection.octets_received - came <= IDLE_SECONDS + 2
        assert tasks() <= before


@pytest.mark.parametrize("within", ["command", "content"])
async def test_half_closed_clients_are_answered_and_cost_nothing_after_that(within: str) -> None:
    """Each has said all he will ever say: what was whole is answered, what was not is let go, no time is waited out."""
    async with host() as at, AsyncExitStack() as clients:
        before = tasks()
        for _ in range(HALF_CLOSED):
            talk = await clients.enter_async_context(talk_to(at))
            await talk.say(NOOP * 3 + b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDA")
            if within == "content":
                await talk.say(b"TA\r\nSubject: half")
            await talk.stream.send_eof()
            replies = [await talk.reply() for _ in range(6)]
            expected = ["250"] * 5 + (["354"] if within == "content" else [""])
            assert [reply[:3] for reply in replies] == expected
            assert await talk.line() == ""
        await without_sessions(at)
        assert (tasks(), len(at.connections), at.accepted) == (before, HALF_CLOSED, [])
        assert sum(connection.octets_received for connection in at.connections) < HALF_CLOSED * 100


async def test_a_line_without_end_is_held_no_longer_than_a_command_may_be() -> None:
    endless = b"x" * DISCARDED_OCTETS_MAX * 3
    async with conversation() as (at, talk), trio.open_nursery() as nursery:
        tracemalloc.start()
        nursery.start_soon(push, talk, endless)
        assert (await talk.reply())[:3] == "500"  # at once, and again when no line is coming
        await without_sessions(at)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    (connection,) = at.connections
    assert DISCARDED_OCTETS_MAX < connection.octets_received < len(endless)
    assert peak < HELD_OCTETS_MAX
