"""Members of the bus in a story: the views that each of them saw as bars, and what they said as arrows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.net.group import Apart, GroupView, Told, node_of

from .bus import Began, BusHistory, Spoke
from .evs import word
from .members import shown


@dataclass(frozen=True, slots=True)
class SeenView:
    """A regular view that the member beside *host* saw, until the next one or the end of its connection."""

    host: str
    began: float
    ended: float
    view: GroupView

    @property
    def label(self) -> str:
        """The group, and the hosts whose members are in it."""
        return f"{self.view.group}: {' '.join(sorted(map(node_of, self.view.members)))}"

    @property
    def text(self) -> str:
        return f"the member beside {self.host} sees {shown(self.view)}"


@dataclass(frozen=True, slots=True)
class Heard:
    """*octets* went from the member beside *source* to the one beside *target*."""

    said: float
    told: float
    source: str
    target: str
    name: str
    text: str


def views(history: BusHistory, end: float) -> Iterator[SeenView]:
    """Every regular view of every member."""
    now: dict[tuple[str, str], tuple[float, GroupView]] = {}
    for at, host, _, deed in history.entries:
        regular = deed if isinstance(deed, GroupView) and not deed.transitional else None
        gone = isinstance(deed, Apart | Began)
        over = [key for key in now if key[0] == host and (gone or (regular is not None and key[1] == regular.group))]
        for key in over:
            began, view = now.pop(key)
            yield SeenView(host, began, at, view)
        if regular is not None:
            now[host, regular.group] = at, regular
    for (host, _), (began, view) in now.items():
        yield SeenView(host, began, end, view)


def heard(history: BusHistory) -> Iterator[Heard]:
    """Every message of a member that another was told."""
    said: dict[bytes, tuple[float, str]] = {}
    for at, host, _, deed in history.entries:
        if isinstance(deed, Spoke):
            said[deed.octets] = at, host
        elif isinstance(deed, Told) and deed.octets in said and said[deed.octets][1] != host:
            began, source = said[deed.octets]
            name = word(deed.octets)
            where = f"in {deed.group}" if deed.group else "alone"
            yield Heard(began, at, source, host, name, f"{name}: {source} told {host} {where}")
