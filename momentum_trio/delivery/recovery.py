"""Mail that an earlier life left owed, taken where it stood. Nothing is delivered until all of it is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import trio

from momentum_trio.delivery.holdings import Holdings
from momentum_trio.delivery.lane import Lane
from momentum_trio.delivery.retry import wait_seconds
from momentum_trio.delivery.route import Route
from momentum_trio.machine.contract import Clock
from momentum_trio.mail.schedule import SCHEDULE_SECONDS_MAX
from momentum_trio.spool.message import Owed

STRIDE_MESSAGES = 1000
"""Messages between two checkpoints: some milliseconds."""


async def take_owed(owed: Iterator[Owed], holdings: Holdings, route_of: Callable[[Lane], Route], clock: Clock) -> None:
    """Enter every message *owed* to *holdings*, ready or delayed, and give none of its lanes a turn."""
    while rows := list(islice(owed, STRIDE_MESSAGES)):
        lay(rows, holdings, route_of, clock)
        await trio.lowlevel.checkpoint()


def lay(rows: Iterable[Owed], holdings: Holdings, route_of: Callable[[Lane], Route], clock: Clock) -> None:
    """The same for some."""
    now = trio.current_time()
    ahead = clock.now() - now
    lane_of, lay_ready, lay_delayed = holdings.lanes.of, holdings.lay_ready, holdings.lay_delayed
    for owed in rows:
        ticket, retry = owed.ticket, owed.retry
        lane, born = lane_of((owed.binding_group, owed.binding, owed.domain)), owed.begins_at - ahead
        if owed.is_scheduled:
            born = min(born, now + SCHEDULE_SECONDS_MAX)
            lay_delayed(ticket, lane, born, 0, max(born, now))
            continue
        if born > now:
            born = now
        if retry is None:
            lay_ready(ticket, lane, born, 0)
            continue
        attempts, options = retry.attempts, (lane.route or route_of(lane)).options
        if now - born >= options.expiration:
            lay_ready(ticket, lane, born, attempts)  # it gets an attempt before it is given up
            continue
        until_next = retry.next_attempt_at - ahead - now
        # The wall clock may have stepped since: never longer than the wait would be if it began now.
        if until_next > options.retry_interval:
            until_next = min(until_next, wait_seconds(options, max(attempts - 1, 0)))
        lay_delayed(ticket, lane, born, attempts, now + max(until_next, 0.0))
