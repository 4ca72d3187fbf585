"""The clients of one server: who is here, what they want to be said, and who hears of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from momentum_trio.net.group import GROUP_OCTETS_MAX, Apart, GroupEvent, Service
from momentum_trio.protocol.msgc.message import Act, Sending
from momentum_trio.protocol.msgc.payload import CLIENTS_MAX

GROUPS_MAX = 16
"""Of one client."""
WAITING_MAX = 4096
"""Sendings of all clients that wait, because a view changes or what was sent is not yet stable."""
CLIENT_WAITING_MAX = 1024
"""Of one of them."""


@dataclass(slots=True)
class Client:
    """groups: those it has joined, also where the join has no place in the order yet. seen: it has joined any."""

    groups: set[str] = field(default_factory=set)
    seen: bool = False
    waiting: int = 0


class Clients:
    """waiting: what is to be said, in order. Leaves and ends are never refused: no more than joins that were taken."""

    def __init__(self) -> None:
        self.waiting: deque[Sending] = deque()
        self._clients: dict[str, Client] = {}
        self._leaving: dict[str, int] = {}  # those whose end has no place in the order yet
        self._events: list[tuple[str, GroupEvent]] = []

    def come(self, member: str) -> bool:
        """A client has come; False where it may not: its name is taken or no name, or there are CLIENTS_MAX."""
        if member in self._clients or len(self._clients) >= CLIENTS_MAX or not fits(member):
            return False
        self._clients[member] = Client()
        return True

    def go(self, member: str) -> None:
        """It is not here any more."""
        if (client := self._clients.pop(member, None)) is not None and client.seen:
            self._end(member)

    def joins(self, member: str, group: str) -> bool:
        """Whether it may; it is to be said then."""
        client = self._clients.get(member)
        if client is None or not fits(group) or not self.room(member):
            return False
        if group not in client.groups and len(client.groups) >= GROUPS_MAX:
            return False
        client.groups.add(group)
        client.seen = True
        return True

    def leave(self, member: str, group: str) -> None:
        """It is not to be in *group* any more."""
        client = self._clients.get(member)
        if client is not None and group in client.groups:
            client.groups.discard(group)
            self.wait(Sending(Act.LEAVE, Service.AGREED, member, group, b""))

    def room(self, member: str) -> int:
        """How many sendings of *member* would be taken now."""
        client = self._clients.get(member)
        return (
            0 if client is None else max(0, min(CLIENT_WAITING_MAX - client.waiting, WAITING_MAX - len(self.waiting)))
        )

    def wait(self, sending: Sending) -> None:
        """*sending* is to be said."""
        if (client := self._clients.get(sending.sender)) is not None:
            client.waiting += 1
        self.waiting.append(sending)

    def next(self) -> Sending:
        """Take the sending that has waited longest."""
        sending = self.waiting.popleft()
        if (client := self._clients.get(sending.sender)) is not None and client.waiting:
            client.waiting -= 1
        return sending

    def event(self, member: str, event: GroupEvent) -> None:
        """For *member*, where it is here, and does not only have the name of one that has gone."""
        if member in self._clients and member not in self._leaving:
            self._events.append((member, event))

    def part(self, member: str, why: str) -> None:
        """It has lost a seat: as if it had gone and come again."""
        if (client := self._clients.get(member)) is not None:
            self.event(member, Apart(why))
            client.groups.clear()
            self._end(member)

    def ended(self, member: str) -> None:
        """The end of one of that name has its place."""
        if (left := self._leaving.pop(member, 0)) > 1:
            self._leaving[member] = left - 1

    def begin_again(self, why: str) -> None:
        """All that was is void."""
        self.waiting.clear()
        self._leaving.clear()
        for member in self._clients:
            self._clients[member] = Client()
            self._events.append((member, Apart(why)))

    def take_events(self) -> list[tuple[str, GroupEvent]]:
        """Events, each once."""
        events, self._events = self._events, []
        return events

    def _end(self, member: str) -> None:
        """It leaves all groups; what comes before that in the order is for nobody of its name."""
        self._leaving[member] = self._leaving.get(member, 0) + 1
        self.wait(Sending(Act.GONE, Service.AGREED, member, "", b""))


def fits(name: str) -> bool:
    """Whether *name* may be a group's or a member's."""
    return 0 < len(name.encode("utf-8", "replace")) <= GROUP_OCTETS_MAX
