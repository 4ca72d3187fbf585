"""Heartbeats: members that are connected and do nothing are found, and put out by agreement (byzantine ones).

Each member says that it lives, so many times a second. Who has not for ``MISSED_MAX`` of those times (and not for
``SILENCE_SECONDS_MIN``) is accused. Accusations stand in the agreed order; once more than half of the others accuse a
member it is out, for all at the same place: of two who accuse each other the first to be heard is believed. A view
that brings newcomers, who have heard nothing of this, brings all back, to be accused anew if need be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from momentum_trio.net.group import GROUP_OCTETS_MAX, GroupView

MISSED_MAX = 10
"""Heartbeats in a row that may be missing."""
SILENCE_SECONDS_MIN = 5.0
"""No shorter silence is held against anybody, however often hearts beat."""
ACCUSED_MAX = 100
"""Members that one accusation names."""


class Beat(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="h"):
    """I live."""


class Accusation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="a"):
    """I hear nothing of these any more; of all others I do."""

    members: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=GROUP_OCTETS_MAX)], ...], Meta(max_length=ACCUSED_MAX)
    ]


PulseSaid: TypeAlias = Beat | Accusation
_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[PulseSaid] = msgspec.msgpack.Decoder(PulseSaid)


def pack(said: PulseSaid) -> bytes:
    """*said* as octets."""
    return _ENCODER.encode(said)


def unpack(octets: bytes) -> PulseSaid:
    """What another node said. Raises ValueError."""
    return _DECODER.decode(octets)


class Pulse:
    """What one member makes of the heartbeats of all.

    start_delay_seconds: how long after it came a member's first heartbeat may take, and ours do. out: who is.
    """

    def __init__(self, beats_per_second: int, start_delay_seconds: float, now: float) -> None:
        assert beats_per_second > 0
        self.interval_seconds = 1 / beats_per_second
        self._silence_max = max(MISSED_MAX * self.interval_seconds, SILENCE_SECONDS_MIN)
        self._start_delay = start_delay_seconds
        self._began = self._ticked = now
        self._us = ""
        self._members: tuple[str, ...] = ()
        self._heard: dict[str, float] = {}
        self._accusing: dict[str, frozenset[str]] = {}
        self.out: frozenset[str] = frozenset()

    def view(self, us: str, view: GroupView, now: float) -> None:
        """*view*, of the bus, holds from here on."""
        self._us, self._members = us, view.members
        self._accusing.clear()
        known = set(view.together) if us in view.together else {us}
        if set(view.members) <= known:
            self.out &= frozenset(view.members)
        else:
            self.out = frozenset()
        fresh = now + self._start_delay
        self._heard = {m: self._heard.get(m, fresh) if m in known else fresh for m in view.members}

    def apart(self) -> None:
        """We are in no view."""
        self._members, self._heard, self.out = (), {}, frozenset()
        self._accusing.clear()

    def beaten(self, sender: str, now: float) -> None:
        """The heart of *sender* has beaten."""
        if sender in self._heard:
            self._heard[sender] = now

    def accused(self, sender: str, members: Iterable[str]) -> frozenset[str]:
        """*sender* accuses *members*. Returns: who is put out by that."""
        if sender not in self._members or sender in self.out:
            return frozenset()
        self._accusing[sender] = frozenset(members)
        fallen = set[str]()
        for member in self._members:
            voters = [m for m in self._members if m not in self.out and m not in fallen and m != member]
            against = sum(member in self._accusing.get(voter, ()) for voter in voters)
            if member not in self.out and 2 * against > len(voters) > 0:
                fallen.add(member)
        self.out |= fallen
        return frozenset(fallen)

    def tick(self, now: float) -> list[PulseSaid]:
        """What is to be said *now*, once every ``interval_seconds``."""
        slept, self._ticked = now - self._ticked, now
        if slept > self._silence_max / 2:  # it was we who did not listen
            self._heard = {member: at + slept for member, at in self._heard.items()}
        if now < self._began + self._start_delay or not self._members:
            return []
        silent = tuple(m for m in self._members if m != self._us and m not in self.out and self._is_silent(m, now))
        return [Beat(), Accusation(silent[:ACCUSED_MAX])] if silent or self._accusing.get(self._us) else [Beat()]

    def _is_silent(self, member: str, now: float) -> bool:
        return now - self._heard[member] > self._silence_max
