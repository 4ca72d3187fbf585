"""The place that mail of one or more lanes goes to next: a domain, or a gateway that takes the mail of many domains."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.delivery_options import ConnectionOptions
from momentum_trio.delivery.meter import Meter
from momentum_trio.delivery.method import Carrier
from momentum_trio.delivery.pace import Paced
from momentum_trio.limits.contract import Key
from momentum_trio.net.next_hop import NextHop

if TYPE_CHECKING:
    from momentum_trio.delivery.feeding import LaneFeed
    from momentum_trio.delivery.lane import Lane

HopKey = tuple[str, str, str, str, str]
"""Word of the carrier, binding group, binding, routing domain, gateway."""

PAUSE_SECONDS, PAUSE_SECONDS_MAX = 1.0, 60.0
"""Between a connection that failed and the next try: doubled each time."""


class Hop:
    """One of them, in one binding, with the connections to it. It lives while mail goes there or it is failing.

    ready: messages of its lanes that are ready; turn: those lanes, in the order in which they are served. in_hand:
    messages that its connections have. connections: there are, those that begin included; greeted: of those, how many
    have been greeted by the server; coming: how many have not asked for their first parcel yet. parked: those that wait
    for mail. in_line: waits for a seat. pausing: waits after a failure. sweeping: its mail is being delayed. failures,
    failing_since: since it was last reached. messages, starts: what it was granted by throttles. refused_by: the limit
    of a host that was full.
    """

    def __init__(self, key: HopKey, carrier: Carrier, domain: str, gateway: NextHop | None) -> None:
        self.key, self.carrier, self.domain, self.gateway = key, carrier, domain, gateway
        self.chain: Chain = NOTHING_SET
        self.generation = -1
        self.options = ConnectionOptions.resolve(NOTHING_SET)
        self.meter: Meter | None = None
        self.start_meter: Meter | None = None
        self.ready = self.in_hand = self.connections = self.greeted = self.coming = 0
        self.turn: deque[Lane] = deque()
        self.parked: dict[LaneFeed, None] = {}
        self.in_line = self.pausing = self.sweeping = False
        self.failures = 0
        self.failing_since = math.inf
        self.messages: Paced
        self.starts: Paced
        self.refused_by: Key | None = None

    @property
    def binding_group(self) -> str:
        return self.key[1]

    @property
    def binding(self) -> str:
        return self.key[2]

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost if it were forgotten."""
        waits = self.in_line or self.pausing or self.sweeping or self.messages.waiting or self.starts.waiting
        return not (self.ready or self.turn or self.connections or waits)

    def wants_more(self) -> bool:
        """Whether its messages justify another connection: by their square root, or each one if it is to go fast.

        Only as many are begun at a time as the server has greeted before: a dead one takes one seat.
        """
        messages, options = self.ready + self.in_hand, self.options
        if not self.ready or 0 <= options.connections_max <= self.connections:
            return False
        if options.allocation == "high":
            return self.connections < messages
        beginning = self.connections - self.greeted
        return self.connections < math.isqrt(messages - 1) + 1 and beginning < max(1, self.greeted)

    def reached(self) -> None:
        """A server greeted us."""
        self.failures, self.failing_since = 0, math.inf

    def failed(self) -> None:
        """No connection came about."""
        self.failures += 1
        self.failing_since = min(self.failing_since, trio.current_time())

    @property
    def given_up(self) -> bool:
        """Whether it failed so often, or for so long, that its mail is to wait."""
        options = self.options
        often = bool(options.failures_max) and self.failures >= options.failures_max
        return often or trio.current_time() - self.failing_since >= options.failing_seconds_max

    @property
    def pause_seconds(self) -> float:
        """How long to wait after the last failure."""
        return min(PAUSE_SECONDS * 2.0 ** min(max(self.failures - 1, 0), 16), PAUSE_SECONDS_MAX)


NOTHING_SET = Chain(())
