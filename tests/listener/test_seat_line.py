"""Who waits for a seat of all nodes: in which order he gets one, when he is refused, and what is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from agreed import Agreed
from house import ECHO, listeners

from momentum_trio.cluster.leases import LeasedState
from momentum_trio.config.load import load_text
from momentum_trio.limits.contract import Key
from momentum_trio.limits.leased import REACH_SECONDS
from momentum_trio.limits.local import LocalState
from momentum_trio.listener.ceiling import Ceilings, Seat
from momentum_trio.listener.seat_line import SEAT_SECONDS, SeatLines
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.netblock import LOOPBACK
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.cluster.holding import LATE_SECONDS

KEY: Key = ("listener_sessions", "esmtp_listener")
LIMIT = 3
BOTH = f"Cluster_Listener_Sessions = {LIMIT} Cluster_Service_Sessions = {LIMIT - 1}"


@asynccontextmanager
async def cluster_that_begins(*, granting: bool = True) -> AsyncIterator[LeasedState]:
    """One node of a cluster in which nothing is granted yet; not *granting*: nor ever is."""
    agreed = Agreed("n0")
    state = LeasedState(os_machine(), "n0")
    async with trio.open_nursery() as nursery:
        if granting:
            state.join(agreed["n0"])
            agreed["n0"].add(state)
        await nursery.start(state.run)
        nursery.start_soon(_settle, agreed)
        yield state
        nursery.cancel_scope.cancel()


async def _settle(agreed: Agreed) -> None:
    while True:
        agreed.settle()
        await trio.sleep(0.01)


async def come(lines: SeatLines, count: int, leaving: int = -1) -> list[tuple[int, bool]]:
    """What becomes of *count* who come in this order, in that in which it is known. leaving: who does so after 1 s."""
    became: list[tuple[int, bool]] = []

    async def one(number: int) -> None:
        with trio.move_on_after(1.0 if number == leaving else SEAT_SECONDS + 1):
            became.append((number, await lines.wait(KEY, LIMIT)))

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)
            await trio.sleep(0.01)
    return became


@pytest.mark.parametrize("leaving", [-1, 0, 1, 4])
async def test_first_come_first_served_and_the_rest_refused(
    leaving: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with cluster_that_begins() as state:
        lines = SeatLines(state)
        became = await come(lines, 5, leaving)
        assert became == list(zip([n for n in range(5) if n != leaving], [True] * 3 + [False] * 2, strict=False))
        assert LATE_SECONDS <= trio.current_time() < SEAT_SECONDS
        assert not lines.take(KEY, LIMIT)
        for _ in range(LIMIT):
            state.leave(KEY)
        assert [lines.take(KEY, LIMIT) for _ in range(LIMIT + 1)] == [True] * LIMIT + [False]


async def test_where_nobody_grants_all_are_refused_in_time(autojump_clock: trio.testing.MockClock) -> None:
    async with cluster_that_begins(granting=False) as state:
        became = await come(SeatLines(state), 4)
        assert became == [(number, False) for number in range(4)]
        assert trio.current_time() <= SEAT_SECONDS + 1
        await trio.sleep(REACH_SECONDS)
        assert not SeatLines(state).may_wait(KEY, LIMIT)


async def test_no_more_wait_than_there_can_be_seats(autojump_clock: trio.testing.MockClock) -> None:
    async with cluster_that_begins() as state, trio.open_nursery() as nursery:
        lines = SeatLines(state)
        for _ in range(LIMIT):
            assert lines.may_wait(KEY, LIMIT)
            nursery.start_soon(lines.wait, KEY, LIMIT)
            await trio.testing.wait_all_tasks_blocked(0.001)
        assert not lines.may_wait(KEY, LIMIT)
        assert not lines.take(KEY, LIMIT)


async def test_whoever_gets_one_seat_and_not_the_other_gives_it_back(autojump_clock: trio.testing.MockClock) -> None:
    tree = load_text(f'ESMTP_Listener {{ {BOTH} Listen ":25" {{ }} }}', declared=DECLARED)
    chain = tree.chain_for("esmtp_listener", Endpoint.parse(":25"), LOOPBACK)
    async with cluster_that_begins() as state, trio.open_nursery() as nursery:
        ceilings = Ceilings(LocalState("n0"), 100, state)
        seats = [ceilings.admit(ECHO, chain) for _ in range(LIMIT)]
        seated = []

        async def complete(seat: Seat) -> None:
            if await seat.complete():
                seated.append(seat)
            else:
                seat.leave()

        for seat in seats:
            assert isinstance(seat, Seat)
            assert [most for _, most in seat.awaited] == [LIMIT, LIMIT - 1]
            nursery.start_soon(complete, seat)
        await trio.sleep(SEAT_SECONDS)
        assert len(seated) == ceilings.sessions == LIMIT - 1
        assert [state.seat(KEY, LIMIT) for _ in range(2)] == [True, False]
        for seat in seated:
            seat.leave()
        assert isinstance(again := ceilings.admit(ECHO, chain), Seat)
        assert again.awaited == ()


async def test_who_waits_when_the_node_ends_is_refused_in_words() -> None:
    text = f'ESMTP_Listener {{ {BOTH} Listen "127.0.0.1:0" {{ }} }}'
    async with cluster_that_begins(granting=False) as state:
        async with listeners(text, everywhere=state) as house:
            client = await trio.open_tcp_stream("127.0.0.1", house.port("127.0.0.1:0"))
            while not house.ceilings.sessions:  # noqa: ASYNC110 (nothing announces it)
                await trio.sleep(0.01)
            assert house.sessions("127.0.0.1:0") == 0
        async with client:
            with trio.fail_after(5):
                assert await client.receive_some(100) == b"421 full\r\n"
        assert house.ceilings.sessions == 0
