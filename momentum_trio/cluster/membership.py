"""Who is in the cluster: what each member of a group says of itself, told anew to newcomers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from momentum_trio.cluster.part import Assembly
from momentum_trio.net.group import GroupView, node_of
from momentum_trio.protocol.cluster.membership import Announcement, pack, unpack


@dataclass(frozen=True, slots=True)
class MemberReport:
    """One member. said: None until it has said who it is. is_leader: it is the first in the view."""

    member: str
    said: Announcement | None
    is_leader: bool

    @property
    def nodename(self) -> str:
        """Its node's name, as it says; else by that of the member, which has the server's that it is connected to."""
        return (self.said.nodename if self.said is not None else "") or node_of(self.member)


class Membership:
    """The part that knows it. ours: what we say of ourselves, as it is when we say it."""

    topic = "member"

    def __init__(self, assembly: Assembly, ours: Callable[[], Announcement]) -> None:
        self._assembly, self._ours = assembly, ours
        self._said: dict[str, Announcement] = {}
        self._told: Announcement | None = None
        self.current: GroupView | None = None
        self.views = 0

    def told(self, sender: str, octets: bytes) -> None:
        """As ``part.Part`` has it. Raises ValueError."""
        self._said[sender] = unpack(octets)

    def view(self, view: GroupView) -> None:
        """As ``part.Part`` has it."""
        self.current = view
        self.views += 1
        self._said = {member: said for member, said in self._said.items() if member in view.members}
        strangers = set(view.members) - set(view.together)
        if not view.transitional and (strangers or self._told is None):
            self._told = None
            self.announce()

    def announce(self) -> None:
        """Tell all who we are, unless they know; again later, where the bus does not take it."""
        ours = self._ours()
        if self.current is not None and ours != self._told and self._assembly.publish(self.topic, pack(ours)):
            self._told = ours

    def apart(self) -> None:
        """As ``part.Part`` has it."""
        self.current, self._told = None, None
        self._said.clear()

    @property
    def leader(self) -> str:
        """The node that is first in the view, empty where there is none."""
        first = next(self.reports(), None)
        return "" if first is None else first.nodename

    def reports(self) -> Iterator[MemberReport]:
        """All members, the oldest first."""
        for place, member in enumerate(() if self.current is None else self.current.members):
            yield MemberReport(member, self._said.get(member), place == 0)

    def of_member(self, member: str) -> Announcement | None:
        """What *member* says of itself; None where it has not, or is not there."""
        return self._said.get(member)

    def of_node(self, nodename: str) -> MemberReport | None:
        """The member of *nodename*; None where there is none."""
        return next((report for report in self.reports() if report.nodename == nodename), None)
