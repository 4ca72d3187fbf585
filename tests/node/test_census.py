"""The connections of a node, as its cluster counts them: those there are, and those that come and go."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import trio

sys.path.insert(0, str(Path(__file__).parents[1] / "console"))
from console_host import plain_machine

from momentum_trio.cluster.plan import Planned
from momentum_trio.delivery.outbound import OutboundConnections
from momentum_trio.delivery.place import Place
from momentum_trio.mail.record import SessionBegan, SessionEnded
from momentum_trio.node.census import Census


@dataclass
class Fed:
    """What a connection is for."""

    domain: str = "example.com"
    binding_group: str = "default"
    binding: str = "b1"


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        (Planned("o", "outbound_cidr", "", 1.0, 1), {"192.0.2.1": 2, "2001:db8::1": 1}),
        (Planned("o", "outbound_cidr", "g2", 1.0, 1), {"2001:db8::1": 1}),
        (Planned("o", "outbound_domains", "", 1.0, 1), {"example.com": 2, "example.net": 1}),
        (Planned("o", "outbound_binding_domains", "", 1.0, 1), {"b1/example.com": 2, "b2/example.net": 1}),
    ],
)
async def test_outbound(planned: Planned, expected: dict[str, int]) -> None:
    connections = OutboundConnections()
    census = Census(plain_machine([]), lambda: (), connections)
    counts: Counter[str] = Counter()

    def open_one(stack: ExitStack, feed: Fed, address: str) -> None:
        socket = stack.enter_context(trio.socket.socket())
        stack.enter_context(connections.connection(socket, cast("Any", feed), Place.at("mx", address, 25)))

    with ExitStack() as all_of_them:
        open_one(all_of_them, Fed(), "192.0.2.1")
        with census.counting(planned, lambda key, change: counts.update({key: change})):
            open_one(all_of_them, Fed(), "192.0.2.1")
            with ExitStack() as one:
                open_one(one, Fed("example.net", "g2", "b2"), "2001:db8::1")
                assert counts == expected
            assert +counts == {key: count for key, count in expected.items() if count > 1}
    assert +counts == {key: count for key, count in expected.items() if count > 1}, "nobody is told any more"


async def test_inbound() -> None:
    machine = plain_machine([])
    census = Census(machine, lambda: (), OutboundConnections())
    counts: Counter[str] = Counter()
    with census.counting(Planned("i", "inbound_cidr", "", 1.0, 1), lambda key, change: counts.update({key: change})):
        for number, (service, peer) in enumerate(
            [("SMTP", "192.0.2.1:1"), ("SMTP", "[2001:db8::1]:2"), ("SMTP", ""), ("Control", "192.0.2.1:3")]
        ):
            machine.events.publish(SessionBegan(0.0, service, str(number), ":25", peer))
        assert counts == {"192.0.2.1": 1, "2001:db8::1": 1, "127.0.0.1": 1}
        for number in (0, 3, 9):
            machine.events.publish(SessionEnded(0.0, "SMTP", str(number), 1, 1, "quit"))
        assert +counts == {"2001:db8::1": 1, "127.0.0.1": 1}
