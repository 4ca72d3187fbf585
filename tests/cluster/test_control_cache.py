"""What a manager tells of commands at each moment of their way, over an agreed order that is moved on by hand."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.testing
from agreed import Agreed

from momentum_trio.cluster.jobs import Jobs
from momentum_trio.cluster.membership import Membership
from momentum_trio.cluster.relay import Ran, Relay
from momentum_trio.console.broadcast import ReplyState
from momentum_trio.node.control_cache import ControlCache
from momentum_trio.protocol.cluster.membership import Announcement, NodeType
from momentum_trio.protocol.cluster.relay import Command

WHO = ("ann", "/tmp/2025", "")
SUBCLUSTERS = {"a": "east", "b": "east", "c": "west"}
WAITING, GONE = ReplyState.WAITING, ReplyState.GONE


class Nodes:
    """Three nodes and a manager ``m``."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.order = Agreed("m", *SUBCLUSTERS)
        for node in self.order.seats:
            seat = self.order[node]
            membership = Membership(seat, partial(self._announcement, node))
            names = (node, SUBCLUSTERS[node]) if node in SUBCLUSTERS else None
            relay = Relay(seat, nursery, Jobs(), names, self._perform)
            seat.add(membership)
            seat.add(relay)
            if node == "m":
                self.cache = ControlCache(relay, membership)
        self.order.settle()

    def _announcement(self, node: str) -> Announcement:
        subcluster = SUBCLUSTERS.get(node, "")
        kind = NodeType.MOMENTUM if subcluster else NodeType.MANAGER
        return Announcement(node if subcluster else "", subcluster, kind, self.order[node].name, "0", "", 0, ())

    async def _perform(self, sender: str, command: Command) -> Ran:
        return Ran("yes\n", failed=False)

    def told(self, line: str) -> dict[str, ReplyState]:
        return {reply.nodename: reply.state for reply in self.cache.replies(line)}


@pytest.mark.parametrize(
    ("nodename", "subcluster", "names"), [("", "", "abc"), ("b", "", "b"), ("", "east", "ab"), ("", "west", "c")]
)
async def test_it_tells_of_those_it_is_for_and_of_nobody_else(nodename: str, subcluster: str, names: str) -> None:
    async with trio.open_nursery() as nursery:
        world = Nodes(nursery)
        assert world.cache.ask("version", WHO, nodename, subcluster) == list(names)
        assert world.told("version") == dict.fromkeys(names, WAITING)  # nobody has heard it
        world.order.order("m")
        while world.order.hear("m"):
            pass
        assert world.told("version") == dict.fromkeys(names, WAITING)  # the manager has, and the others have not
        world.order.settle()
        await trio.testing.wait_all_tasks_blocked()
        world.order.settle()
        assert world.told("version") == dict.fromkeys(names, ReplyState.ANSWERED)


async def test_what_never_goes_out_is_told_as_gone() -> None:
    async with trio.open_nursery() as nursery:
        world = Nodes(nursery)
        world.cache.ask("version", WHO)
        world.order.cut("m")
        world.order.settle()
        assert world.told("version") == dict.fromkeys("abc", GONE)
        assert world.cache.flush() == 1
        assert world.told("version") == {}
