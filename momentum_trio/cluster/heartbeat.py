"""The part that lets our heart beat and listens to those of others."""

from __future__ import annotations

from collections.abc import Callable

import trio

from momentum_trio.cluster.part import Assembly
from momentum_trio.net.group import GroupView
from momentum_trio.protocol.cluster.heartbeat import Accusation, Beat, Pulse, pack, unpack


class Heartbeat:
    """One node's, in the group of the cluster.

    expel: called with those who are put out, in the agreed order. Whoever of them reads that has to come back.
    """

    topic = "heartbeat"

    def __init__(
        self,
        assembly: Assembly,
        pulse: Pulse,
        expel: Callable[[frozenset[str]], None],
        now: Callable[[], float] = trio.current_time,
    ) -> None:
        self._assembly, self._pulse, self._expel, self._now = assembly, pulse, expel, now

    def told(self, sender: str, octets: bytes) -> None:
        """As ``part.Part`` has it. Raises ValueError."""
        match unpack(octets):
            case Beat():
                self._pulse.beaten(sender, self._now())
            case Accusation(members):
                if out := self._pulse.accused(sender, members):
                    self._expel(out)

    def view(self, view: GroupView) -> None:
        """As ``part.Part`` has it: the bus's own view, those who are out included."""
        self._pulse.view(self._assembly.member, view, self._now())

    def apart(self) -> None:
        """As ``part.Part`` has it."""
        self._pulse.apart()

    async def run(self) -> None:
        """Beat, until cancelled."""
        while True:
            self.beat()
            await trio.sleep(self._pulse.interval_seconds)

    def beat(self) -> None:
        """Say what is to be said now."""
        for said in self._pulse.tick(self._now()):
            self._assembly.publish(self.topic, pack(said))
