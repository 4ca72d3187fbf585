"""The messages of one routing domain in one binding: those that are ready in their order, and those that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from momentum_trio.delivery.pace import Paced
from momentum_trio.delivery.roster import Strand

if TYPE_CHECKING:
    from momentum_trio.delivery.hop import Hop
    from momentum_trio.delivery.route import Route

LaneKey = tuple[str, str, str]
"""Binding group, binding, routing domain."""


class Lane:
    """One lane. It lives while it has messages, some 500 octets.

    number: in the roster's column. in_hand: messages being tried. groups: attempts of a Method that it has messages in.
    waiting: whether it has a turn coming, or is laid aside until something wakes it. hop: whose connections serve it
    now. sent, failed: messages delivered and given up since it was made. route, generation: as last chosen; no route
    while nothing is ready.
    """

    __slots__ = (
        "delayed",
        "failed",
        "generation",
        "groups",
        "hop",
        "in_hand",
        "key",
        "number",
        "paced",
        "ready",
        "route",
        "sent",
        "waiting",
    )

    def __init__(self, key: LaneKey, number: int) -> None:
        self.key, self.number = key, number
        self.ready, self.delayed = Strand(), Strand()
        self.in_hand = self.groups = self.sent = self.failed = 0
        self.waiting = False
        self.hop: Hop | None = None
        self.route: Route | None = None
        self.generation = -1
        self.paced: Paced | None = None

    @property
    def active(self) -> int:
        """Messages that are ready or being tried."""
        return self.ready.count + self.in_hand

    @property
    def idle(self) -> bool:
        """Whether nothing of it is or will be looked at before a delayed message is due."""
        return not self.ready.count and not self.in_hand and not self.groups and not self.waiting


class Lanes:
    """All lanes, by key and by number."""

    def __init__(self) -> None:
        self._by_key: dict[LaneKey, Lane] = {}
        self._by_number: list[Lane | None] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._by_key)

    def __getitem__(self, number: int) -> Lane:
        lane = self._by_number[number]
        assert lane is not None
        return lane

    def of(self, key: LaneKey) -> Lane:
        """The lane of *key*, made if need be."""
        lane = self._by_key.get(key)
        return self._make(key) if lane is None else lane

    def get(self, key: LaneKey) -> Lane | None:
        """The lane of *key*, if there is one."""
        return self._by_key.get(key)

    def all(self) -> list[Lane]:
        """Every lane now."""
        return list(self._by_key.values())

    def _make(self, key: LaneKey) -> Lane:
        if self._free:
            number = self._free.pop()
        else:
            number = len(self._by_number)
            self._by_number.append(None)
        lane = self._by_key[key] = self._by_number[number] = Lane(key, number)
        return lane

    def rest(self, lane: Lane) -> None:
        """Nothing of *lane* may be ready any more: forget what only that needs, and all of it when it is empty."""
        if not lane.idle:
            return
        lane.route = None
        if lane.delayed.count or self._by_key.get(lane.key) is not lane:
            return
        del self._by_key[lane.key]
        self._by_number[lane.number] = None
        self._free.append(lane.number)
