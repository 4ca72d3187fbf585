"""A node's two connections to the bus, the groups it is in over each, and the parts that meet there.

``m:`` (``ec0-<pid>``) is in the group of commands and in that of logs, ``s:`` (``ec1-<pid>``) in those of the cluster
and of the subcluster. What is on the bus is for one part, by its topic; no two parts of a connection have the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from momentum_trio.cluster.part import Part
from momentum_trio.net.group import Apart, GroupEvent, GroupView, Service, Told
from momentum_trio.protocol.cluster.envelope import Envelope, pack, unpack

EXPULSIONS_BITS = 16
"""Views that expulsions make come between two of the bus: that is how their numbers are made."""


class BusMember(Protocol):
    """One connection to the bus: ``msgc.member.Member``."""

    @property
    def name(self) -> str:
        """As others know us; empty while cut off."""
        ...

    def join(self, group: str) -> None:
        """Be in *group*, over reconnections too."""
        ...

    def leave(self, group: str) -> None:
        """Be in it no more."""
        ...

    def publish(self, group: str, octets: bytes, service: Service = Service.AGREED) -> bool:
        """Tell all of *group*; False: cut off, or too much waits."""
        ...

    def tell(self, member: str, octets: bytes) -> bool:
        """Tell *member* alone; False as ``publish``."""
        ...

    async def next_event(self) -> GroupEvent:
        """What happens next, in order."""
        ...


@dataclass(slots=True)
class BusTraffic:
    """What one connection has said and heard. dropped: what was for no part, of another version, or meant nothing."""

    published: int = 0
    told: int = 0
    views: int = 0
    resets: int = 0
    expelled: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class GroupAssembly:
    """Those who meet in one group: ``part.Assembly`` for its parts.

    guard: a part that sees the bus's own views, and may put members out: to the others they are not there then.
    """

    def __init__(self, bus: BusMember, group: str, traffic: BusTraffic) -> None:
        self._bus, self.group, self._traffic = bus, group, traffic
        self.guard: Part | None = None
        self.parts: dict[str, Part] = {}
        self._view: GroupView | None = None
        self._out: frozenset[str] = frozenset()
        self._expulsions = 0
        self._waits_for_new_life = False

    @property
    def member(self) -> str:
        """As ``part.Assembly`` has it."""
        return self._bus.name

    def add(self, *parts: Part) -> None:
        """Have *parts* told what is for them, and of the view that holds."""
        for part in parts:
            assert part.topic not in self.parts, part.topic
            self.parts[part.topic] = part
            if self._view is not None:
                part.view(self._shown(self._view))

    def remove(self, part: Part) -> None:
        """*part* is told nothing any more."""
        del self.parts[part.topic]

    def publish(self, topic: str, octets: bytes, service: Service = Service.AGREED) -> bool:
        """As ``part.Assembly`` has it."""
        taken = self._bus.publish(self.group, pack(topic, octets), service)
        self._traffic.published += taken
        return taken

    def tell(self, member: str, topic: str, octets: bytes) -> bool:
        """As ``part.Assembly`` has it."""
        taken = self._bus.tell(member, pack(topic, octets))
        self._traffic.published += taken
        return taken

    # What happens, in order

    def knows(self, topic: str) -> bool:
        """Whether a part of ours has *topic*."""
        return topic in self.parts or (self.guard is not None and topic == self.guard.topic)

    def told(self, sender: str, envelope: Envelope) -> None:
        """*sender* has said *envelope*."""
        if self._view is None:
            return
        if self.guard is not None and envelope.topic == self.guard.topic:
            self._give(self.guard, sender, envelope)
        elif sender in self._out:
            self._traffic.dropped["expelled"] += 1
        else:
            self._give(self.parts[envelope.topic], sender, envelope)

    def _give(self, part: Part, sender: str, envelope: Envelope) -> None:
        try:
            part.told(sender, envelope.octets)
        except ValueError:
            self._traffic.dropped["meaning"] += 1

    def view(self, view: GroupView) -> None:
        """The bus has shown *view*."""
        alone = view.together in ((), (self.member,))
        if self._waits_for_new_life and (view.transitional or not alone):
            return  # on its way when we left
        self._waits_for_new_life = False
        self._view, self._expulsions = view, 0
        self._traffic.views += 1
        known = {*view.together, self.member}
        self._out = self._out & known if set(view.members) <= known else frozenset()
        if self.guard is not None:
            self.guard.view(view)
        self._show()

    def expel(self, members: Iterable[str]) -> None:
        """From here on *members* are not there, until they come anew; called by the guard, in the agreed order."""
        assert self._view is not None
        self._out |= frozenset(members)
        self._expulsions += 1
        self._traffic.expelled += 1
        if self.member not in self._out:
            self._show()

    def _show(self) -> None:
        assert self._view is not None
        for part in tuple(self.parts.values()):
            part.view(self._shown(self._view))

    def _shown(self, view: GroupView) -> GroupView:
        """*view* without those who are out."""
        return view._replace(
            number=(view.number << EXPULSIONS_BITS) + self._expulsions,
            members=tuple(member for member in view.members if member not in self._out),
            together=tuple(member for member in view.together if member not in self._out),
        )

    def apart(self) -> None:
        """We are in no view."""
        if self._view is None:
            return
        self._view, self._out = None, frozenset()
        for part in (*((self.guard,) if self.guard is not None else ()), *self.parts.values()):
            part.apart()

    def reset(self) -> None:
        """Leave the group and come anew."""
        self._traffic.resets += 1
        self.apart()
        self._waits_for_new_life = bool(self.member)
        self._bus.leave(self.group)
        self._bus.join(self.group)


class Connection:
    """One connection to the bus, and the groups it is in.

    letter: ``m`` or ``s``, as the console's ``cluster info`` has it.
    """

    def __init__(self, letter: str, bus: BusMember, *groups: str) -> None:
        self.letter, self.bus, self.traffic = letter, bus, BusTraffic()
        self.assemblies = {group: GroupAssembly(bus, group, self.traffic) for group in groups if group}

    async def run(self) -> None:
        """Give the parts what happens, until cancelled."""
        for group in self.assemblies:
            self.bus.join(group)
        while True:
            self.take(await self.bus.next_event())

    def take(self, event: GroupEvent) -> None:
        """Give the parts *event*."""
        match event:
            case Told():
                self.traffic.told += 1
                self._told(event)
            case GroupView():
                if (assembly := self.assemblies.get(event.group)) is not None:
                    assembly.view(event)
            case Apart():
                for assembly in self.assemblies.values():
                    assembly.apart()

    def _told(self, told: Told) -> None:
        try:
            envelope = unpack(told.octets)
        except ValueError:
            self.traffic.dropped["envelope"] += 1
            return
        for assembly in self.assemblies.values():
            if told.group in ("", assembly.group) and assembly.knows(envelope.topic):
                assembly.told(told.sender, envelope)
                return
        self.traffic.dropped["topic"] += 1

    def reset(self) -> None:
        """Leave all groups and come anew: ``cluster reset``, and what somebody does who was put out."""
        for assembly in self.assemblies.values():
            assembly.reset()
