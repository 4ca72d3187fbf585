"""What clients of one server are told: messages of the order, and the views of their groups between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from momentum_trio.net.group import GroupView, Told
from momentum_trio.protocol.msgc.clients import Clients
from momentum_trio.protocol.msgc.entering import Component
from momentum_trio.protocol.msgc.groups import Change, Groups, Seat
from momentum_trio.protocol.msgc.message import Act, Entry, Sending, ViewKey
from momentum_trio.protocol.msgc.view import View


class Delivery:
    """At one place of the order. between: after the transitional view, before the regular one."""

    def __init__(self, server: str, view: View, clients: Clients) -> None:
        self.groups = Groups(server)
        self._server = server
        self._clients = clients
        self._turn(view.key, view.primary, between=False)

    def _turn(self, key: ViewKey, primary: bool, *, between: bool) -> None:
        self._id = key.transitional if between else key.id
        self._primary = primary
        self._between = between
        self._numbers: dict[str, int] = {}

    def hand_out(self, server: str, sending: Sending) -> None:
        """What comes next in the order: *sending*, of a client of *server*."""
        if sending.act is Act.PUBLISH:
            if here := self.groups.here(sending.target):
                told = self._told(sending.target, sending)
                for member in here:
                    self._clients.event(member, told)
        elif sending.act is Act.TELL:
            self._clients.event(sending.target, self._told("", sending))
        else:
            for change in self.groups.apply(sending, server, fresh=self._between):
                self._show(change)
            if sending.act is Act.GONE and server == self._server:
                self._clients.ended(sending.sender)

    def move(self, own: Component, key: ViewKey) -> None:
        """The view ends for those of *own*, who go on together to *key*."""
        self.groups.keep(own.names)
        self._turn(key, own.primary, between=True)
        for group in sorted(self.groups):
            members = self.groups.members(group)
            for member in self.groups.here(group):
                self._view(member, group, members, members)

    def begin(self, view: View, components: Iterable[Sequence[Entry] | None]) -> None:
        """*view* begins with the groups of *components*, in this order; None: ours."""
        before = self.groups
        self._turn(view.key, view.primary, between=False)
        self.groups, lost = before.merged(before.entries() if one is None else one for one in components)
        for change in lost:
            self._displace(change)
        for group in sorted(self.groups):
            seats, members = self.groups.seats(group), self.groups.members(group)
            came = {seat for seat in before.seats(group) if (group, seat) not in before.fresh} & {*seats}
            together = tuple(seat.member for seat in seats if seat in came)
            for member in self.groups.here(group):
                self._view(member, group, members, together if Seat(member, self._server) in came else (member,))

    def _told(self, group: str, sending: Sending) -> Told:
        return Told(group, sending.sender, sending.octets, sending.service, self._id)

    def _show(self, change: Change) -> None:
        group, seat, displaced = change
        if displaced is not None:
            self._displace(change)
        elif (group, seat) in self.groups.fresh:
            return
        self._numbers[group] = self._numbers.get(group, 0) + 1
        members = self.groups.members(group)
        newcomer = seat.member if seat in self.groups.seats(group) else ""
        stayed = tuple(member for member in members if member != newcomer)
        for member in self.groups.here(group):
            self._view(member, group, members, (member,) if member == newcomer else stayed)

    def _view(self, member: str, group: str, members: tuple[str, ...], together: tuple[str, ...]) -> None:
        number = self._numbers.get(group, 0)
        view = GroupView(group, self._id, number, members, self._between, self._primary, together)
        self._clients.event(member, view)

    def _displace(self, change: Change) -> None:
        lost = change.displaced
        if lost is not None and lost.server == self._server:
            self._clients.part(lost.member, f"another {lost.member} has joined {change.group} elsewhere")
