"""What waits for another node and goes there by itself: when it may go, and how often a node is asked that refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise

import trio
from node_world import Node, node, place, run_for_ever, tree_of, world

from momentum_trio.cluster.channel import Broken, NodePlace
from momentum_trio.cluster.handing import Handover
from momentum_trio.config.binding import Binding
from momentum_trio.delivery.move import Moves
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Panic, Transferred
from momentum_trio.node.link import HEARSAY_SECONDS
from momentum_trio.node.node_to_node import connect_with
from momentum_trio.node.onward import AGAIN_SECONDS_MAX, LOOK_SECONDS, Onward
from momentum_trio.protocol.msgc.frame import Code
from momentum_trio.spool.message import Batch, Message
from sim.world import World

MAIL = Binding("default", "mail")
MESSAGES = 40
PLACES = {MAIL: place("b")}


class Sender:
    """A node with mail of a binding that belongs to ``b``. asked: when connections were made, in trio's time.

    is_reached: whether they can be.
    """

    def __init__(self, made: Node) -> None:
        self.made, self.asked, self.is_reached = made, list[float](), True
        self._connect = connect_with(made.machine, made.generations)
        moves = Moves(made.machine, made.spool, made.queue, self._connection)
        self.onward = Onward(made.machine, made.queue, moves, made.generations)
        made.queue.away = frozenset((MAIL,))
        self._news = trio.Event()
        made.machine.events.subscribe(lambda _: self._news.set())

    def _connection(self, to: NodePlace) -> AbstractAsyncContextManager[Handover]:
        self.asked.append(trio.current_time())
        return self._connect(to) if self.is_reached else Refused()

    @property
    def moved(self) -> int:
        return sum(isinstance(each, Transferred) for each in self.made.records)

    async def has_moved(self, count: int) -> None:
        while self.moved < count:
            self._news = trio.Event()
            await self._news.wait()

    async def fill(self) -> None:
        spool = self.made.spool
        for number in range(MESSAGES):
            message = Message(spool.next_id(), f"s{number}@example.com")
            batch = Batch(
                spool.next_id(),
                spool.next_id(),
                1_700_000_000.0,
                "",
                (message,),
                0,
                "192.0.2.1",
                "esmtp",
                binding="mail",
            )
            async with spool.begin() as entry:
                await entry.write(b"Subject: one\r\n\r\n")
                self.made.queue.take(await spool.commit(entry, batch))

    async def tell(self) -> None:
        while True:
            self.onward.told(PLACES)
            await trio.sleep(1)

    def suspend(self, *, is_suspended: bool) -> None:
        text = "true" if is_suspended else "false"
        self.made.generations.advance(tree_of("a", suspended=text))
        self.made.queue.reconfigured()


class Refused(AbstractAsyncContextManager[Handover]):
    """No connection."""

    async def __aenter__(self) -> Handover:
        await trio.lowlevel.checkpoint()
        raise Broken(Code.NOT_ALLOWED, "no", by_peer=True)

    async def __aexit__(self, *_: object) -> None:
        """There is none to end."""


def run(story: Callable[[Sender, trio.Nursery], Awaitable[None]]) -> None:
    """Tell it of a node with mail, which is told of nothing yet, and of another that takes mail."""

    async def program(machine: Machine) -> None:
        async with node(machine, "a", tree_of("a", suspended="false")) as made, trio.open_nursery() as nursery:
            sender = Sender(made)
            await sender.fill()
            nursery.start_soon(sender.onward.run)
            await story(sender, nursery)
            nursery.cancel_scope.cancel()

    async def main(hosts: World) -> None:
        await hosts.hosts["b"].start(run_for_ever, "b")
        await hosts.hosts["a"].call(program)

    hosts = world()
    hosts.run(main, hosts)


def test_nothing_goes_but_what_was_told_lately_and_is_not_suspended() -> None:
    async def story(sender: Sender, _: trio.Nursery) -> None:
        sender.suspend(is_suspended=True)
        sender.onward.told(PLACES)
        await trio.sleep(HEARSAY_SECONDS)
        sender.suspend(is_suspended=False)
        await trio.sleep(2 * LOOK_SECONDS)
        assert (sender.moved, sender.asked) == (0, [])
        sender.onward.told(PLACES)
        await trio.sleep(2 * LOOK_SECONDS)
        assert sender.moved == MESSAGES

    run(story)


def test_what_is_ours_meanwhile_stays_and_is_tried_here() -> None:
    async def story(sender: Sender, nursery: trio.Nursery) -> None:
        nursery.start_soon(sender.tell)
        await sender.has_moved(MESSAGES // 4)
        at_most = sender.moved + 8  # those that are on their way, one to a connection
        sender.made.queue.away = frozenset()
        sender.made.queue.reconfigured()
        await trio.sleep(2 * LOOK_SECONDS)
        assert sender.moved <= at_most < MESSAGES
        assert sender.moved + sender.made.queue.delivered == MESSAGES

    run(story)


def test_who_refuses_is_asked_less_and_less_often_and_that_is_said_once() -> None:
    async def story(sender: Sender, nursery: trio.Nursery) -> None:
        sender.is_reached = False
        nursery.start_soon(sender.tell)
        await trio.sleep(2_000)
        times = sorted(set(sender.asked))
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert gaps == sorted(gaps)
        assert gaps[0] <= 2 * LOOK_SECONDS
        assert AGAIN_SECONDS_MAX <= gaps[-1] <= AGAIN_SECONDS_MAX + LOOK_SECONDS
        said = [each.text for each in sender.made.records if isinstance(each, Panic)]
        assert said == ["mail whose address b has waits here: b: no"]
        sender.is_reached = True
        await trio.sleep(AGAIN_SECONDS_MAX + 2 * LOOK_SECONDS)
        assert sender.moved == MESSAGES

    run(story)


def test_a_node_that_ends_hands_over_nothing_more() -> None:
    async def story(sender: Sender, nursery: trio.Nursery) -> None:
        nursery.start_soon(sender.tell)
        await sender.has_moved(1)
        await sender.onward.drain()
        moved = sender.moved
        assert 0 < moved < MESSAGES
        await trio.sleep(2 * LOOK_SECONDS)
        assert sender.moved == moved

    run(story)
