"""Mail follows its floating address: what waits here, and belongs to a node that has its binding's address, goes there.

Whatever brought it here, an address that moved or a client that came to another node than the binding's, it stands in
its own lane and is not tried (``Queue.away``), until that node has it durably (``delivery.move``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import trio

from momentum_trio.cluster.channel import NodePlace
from momentum_trio.config.binding import Binding
from momentum_trio.config.suspension_options import SuspensionOptions
from momentum_trio.delivery.lane import LaneKey
from momentum_trio.delivery.move import Moved, Moves
from momentum_trio.delivery.operations import Which
from momentum_trio.delivery.queue import Queue
from momentum_trio.listener.kind import Generations
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.node.link import HEARSAY_SECONDS

LOOK_SECONDS = 5.0
"""How often it is looked whether mail waits here that belongs elsewhere."""
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 5.0, 300.0
"""Before a node that did not take all is asked again; twice as long each time."""


@dataclass(slots=True)
class _Rest:
    """A node that did not take all: how often in a row, and when it is asked again, by trio's time."""

    failures: int = 0
    until: float = -math.inf


class _Belonging:
    """The lanes whose mail belongs to one node, as long as it does."""

    def __init__(self, onward: Onward, to: NodePlace) -> None:
        self._onward, self._to = onward, to

    def holds(self, key: LaneKey) -> bool:
        return self._onward.place(key) == self._to


class Onward:
    """Of one queue. To each node there is one move at a time."""

    def __init__(self, machine: Machine, queue: Queue, moves: Moves, generations: Generations) -> None:
        self._machine, self._queue, self._moves, self._generations = machine, queue, moves, generations
        self._places: Mapping[Binding, NodePlace] = {}
        self._hold_until = -math.inf
        self._under_way: set[NodePlace] = set()
        self._rests: dict[NodePlace, _Rest] = {}
        self._news, self._idle = trio.Event(), trio.Event()
        self._is_draining = False
        self._suspended = (0, False)

    def told(self, places: Mapping[Binding, NodePlace]) -> None:
        """Where mail of bindings belongs whose address another node has."""
        if places != self._places:
            nodes = set(places.values())
            self._places = places
            self._rests = {to: rest for to, rest in self._rests.items() if to in nodes}
            self._news.set()
        self._hold_until = trio.current_time() + HEARSAY_SECONDS

    def place(self, key: LaneKey) -> NodePlace | None:
        """Where mail of the lane of *key* belongs; None where it stays: it is ours, nobody's, or nothing may move."""
        if self._is_draining or trio.current_time() >= self._hold_until or self._is_suspended:
            return None
        return self._places.get(Binding(*key[:2])) if key[:2] in self._queue.away else None

    @property
    def _is_suspended(self) -> bool:
        """Whether the global scope has Suspend_Delivery."""
        generation = self._generations.current
        if self._suspended[0] != generation.number:
            options = SuspensionOptions.resolve(generation.tree.chain_global())
            self._suspended = generation.number, options.suspended
        return self._suspended[1]

    async def run(self) -> None:
        """Hand mail over until cancelled. Cancellation: as ``Moves.move``; call ``drain`` before it."""
        async with trio.open_nursery() as nursery:
            while True:
                self._news = trio.Event()
                for to in await self._awaited():
                    self._under_way.add(to)
                    nursery.start_soon(self._hand_over, to)
                with trio.move_on_after(LOOK_SECONDS):
                    await self._news.wait()

    async def drain(self) -> None:
        """Hand over nothing more, and wait until it is known of each message on its way who has it."""
        self._is_draining = True
        while self._under_way:
            self._idle = trio.Event()
            await self._idle.wait()

    async def _awaited(self) -> set[NodePlace]:
        """The nodes that mail waits for here, and that are to be asked now."""
        if not self._places or not self._queue.away:
            return set()
        now = trio.current_time()
        lanes = await self._queue.operations.lanes(Which())
        found = {self.place(lane.key) for lane in lanes if lane.ready.count or lane.delayed.count}
        resting = {to for to, rest in self._rests.items() if now < rest.until}
        return {to for to in found if to is not None} - self._under_way - resting

    async def _hand_over(self, to: NodePlace) -> None:
        try:
            self._came_of_it(to, await self._moves.move(_Belonging(self, to), to))
        finally:
            self._under_way.discard(to)
            self._idle.set()

    def _came_of_it(self, to: NodePlace, moved: Moved) -> None:
        """Ask soon again, or later."""
        if not moved.why:
            self._rests.pop(to, None)
            return
        rest = self._rests.setdefault(to, _Rest())
        if not rest.failures:
            text = f"mail whose address {to.name} has waits here: {moved.why}"
            self._machine.events.publish(Panic(self._machine.clock.now(), Level.WARNING, text))
        rest.failures = 1 if moved.moved else rest.failures + 1
        doubled = AGAIN_SECONDS * 2.0 ** min(rest.failures - 1, 16)
        rest.until = trio.current_time() + min(doubled, AGAIN_SECONDS_MAX)
