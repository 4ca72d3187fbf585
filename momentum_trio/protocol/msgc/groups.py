"""Who is in which group: the same at all servers that are at one place of the order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from momentum_trio.protocol.msgc.message import Act, Entry, Sending

SEATS_MAX = 4096
"""Of one server's members, in all groups together; what would be more is left out, by all alike."""


class Seat(NamedTuple):
    """A member of a group. server: where it is connected."""

    member: str
    server: str


class Change(NamedTuple):
    """A group has changed. seat: who came or left; displaced: another of its name, who lost its seat to it."""

    group: str
    seat: Seat
    displaced: Seat | None = None


class Groups:
    """Seats of groups, the oldest first. *server*: whose members are ``here``.

    fresh: seats taken since the regular view ended. They belong to the next one: nobody there is told of what happens
    before, and nobody is told of them.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._seats: dict[str, list[Seat]] = {}
        self._here: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}
        self.fresh: set[tuple[str, Seat]] = set()

    def copy(self) -> Groups:
        """The same, to try what follows."""
        other = Groups(self._server)
        other._seats = {group: list(seats) for group, seats in self._seats.items()}
        other._here = {group: list(members) for group, members in self._here.items()}
        other._counts = dict(self._counts)
        other.fresh = set(self.fresh)
        return other

    def __iter__(self) -> Iterator[str]:
        return iter(self._seats)

    def here(self, group: str) -> Sequence[str]:
        """Members of *group* who are connected to this server, without fresh ones."""
        return self._here.get(group, ())

    def seats(self, group: str) -> list[Seat]:
        """All of *group*, fresh ones too."""
        return self._seats.get(group, [])

    def members(self, group: str) -> tuple[str, ...]:
        """Members of *group*, without fresh ones."""
        return tuple(seat.member for seat in self.seats(group) if (group, seat) not in self.fresh)

    def apply(self, sending: Sending, server: str, *, fresh: bool = False) -> list[Change]:
        """What *sending* of *server*'s member changes: nothing, unless it is a join, a leave or an end."""
        if sending.act in (Act.PUBLISH, Act.TELL):
            return []
        seat = Seat(sending.sender, server)
        if sending.act is Act.JOIN:
            return self._join(sending.target, seat, fresh=fresh)
        groups = [sending.target] if sending.act is Act.LEAVE else sorted(self._seats)
        return [Change(group, seat) for group in groups if self._remove(group, seat)]

    def keep(self, servers: Collection[str]) -> None:
        """Only members of *servers* stay."""
        for group, seats in list(self._seats.items()):
            for seat in [seat for seat in seats if seat.server not in servers]:
                self._remove(group, seat)

    def entries(self) -> list[Entry]:
        """All seats, fresh ones too."""
        return [Entry(group, seat.member, seat.server) for group in sorted(self._seats) for seat in self._seats[group]]

    def merged(self, components: Iterable[Iterable[Entry]]) -> tuple[Groups, list[Change]]:
        """The groups of *components*, one after the other; and seats that were lost to another of the same name."""
        groups, lost = Groups(self._server), list[Change]()
        for entries in components:
            for entry in entries:
                seat = Seat(entry.member, entry.server)
                taken = groups._of_name(entry.group, seat.member)
                if taken is None:
                    groups._take(entry.group, seat, fresh=False)
                elif taken != seat:
                    lost.append(Change(entry.group, taken, seat))
        return groups, lost

    def _of_name(self, group: str, member: str) -> Seat | None:
        return next((seat for seat in self.seats(group) if seat.member == member), None)

    def _join(self, group: str, seat: Seat, *, fresh: bool) -> list[Change]:
        if self._counts.get(seat.server, 0) >= SEATS_MAX:
            return []
        taken = self._of_name(group, seat.member)
        if taken == seat:
            return []
        if taken is not None:
            self._remove(group, taken)
        self._take(group, seat, fresh=fresh)
        return [Change(group, seat, taken)]

    def _take(self, group: str, seat: Seat, *, fresh: bool) -> None:
        self._seats.setdefault(group, []).append(seat)
        self._counts[seat.server] = self._counts.get(seat.server, 0) + 1
        if fresh:
            self.fresh.add((group, seat))
        elif seat.server == self._server:
            self._here.setdefault(group, []).append(seat.member)

    def _remove(self, group: str, seat: Seat) -> bool:
        """Whether anybody was told that it was there."""
        seats = self._seats.get(group, [])
        if seat not in seats:
            return False
        seats.remove(seat)
        self._counts[seat.server] -= 1
        if seat.server == self._server and (group, seat) not in self.fresh:
            self._here[group].remove(seat.member)
        for table in (self._seats, self._here):
            if not table.get(group, True):
                del table[group]
        if (group, seat) in self.fresh:
            self.fresh.discard((group, seat))
            return False
        return True
