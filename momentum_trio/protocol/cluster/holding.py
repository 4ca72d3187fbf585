"""What one node holds of limits that all nodes share: seats it was granted, and what it asks for and gives back.

Whoever grants (the agreed order of a cluster: ``pools``; Redis: ``limits/redis_scripts``) knows at least as many seats
of ours as we do: a node takes none that it was not granted, and takes none of those it offers back from the moment it
says so. All it holds is leased: without word from who grants it is nothing any more after LEASE_SECONDS, by our own
clock, and nobody else gets it before LATE_SECONDS, by theirs. What is taken then goes on to its end and counts against
what is granted later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Key: TypeAlias = tuple[str, ...]

LEASE_SECONDS = 5.0
"""How long seats are held without word from who grants: from when we last said that we live, if that was heard."""
DRIFT_PART = 0.05
"""Clocks of two nodes go apart by no more than this part."""
LATE_SECONDS = LEASE_SECONDS * (1 + DRIFT_PART) + 0.25
"""How long seats of a node that is gone are nobody's."""
RENEW_SECONDS = 1.0
DEMAND_SECONDS = 1.0
"""Whoever was refused a seat still wants it so long."""
BLOCK_PARTS = 4
"""A node asks for up to this part of its even share at a time."""
RESERVE_PART = 0.05
"""So much of a limit may lie ready at nodes that do not use it, while others lack seats."""
SPARE_SECONDS = 1.0
"""Whoever got no seats to spare does not ask for them again before that."""
SHIFT_SECONDS = 0.25
"""Seats that lie ready at other nodes come within that, once these have heard that somebody lacks some."""
KEEP_SECONDS = 60.0
"""Seats for which nobody asked so long are given back."""
WORD_CHARACTERS_MAX = 1_000
WORDS_MAX = 16
KEYS_MAX = 20_000
"""Limits of which a node holds seats; beyond them nobody gets one."""


def is_sayable(key: Key) -> bool:
    """Whether other nodes can be told of *key*: if not, nothing of it is to be had."""
    return 0 < len(key) <= WORDS_MAX and all(len(word) <= WORD_CHARACTERS_MAX for word in key)


class OnFailure(StrEnum):
    """What a node grants itself when nobody can: its share of the limit by living nodes, all of it, or nothing."""

    LOCAL_SHARE = "local_share"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Ask:
    """Of all that we hold of *key* we keep *keep* and want *want* more, if they are free; the limit is *limit*.

    need: so many of those we lack, and wait for. number: of our asks.
    """

    key: Key
    limit: int
    keep: int
    want: int
    need: int
    number: int = 0


@dataclass(slots=True)
class Holding:
    """Of one limit.

    held: seats granted. taken: in use; more than held only after a lease has run out. owed: free seats beyond our share
    that others are to have. lacking, lacked_at: takes refused since the last answer, and when. touched_at: when
    somebody last wanted one. lackers: other nodes that want seats and got none.
    wanting: what who grants knows that we lack; wanting_at: since when. asked: number of the ask on its way, or 0.
    is_unsaid: who grants knows other numbers than ours. again_at: when to ask again for what was not granted; -inf: it
    will be, without that. spare_at: when to ask again for seats to spare.
    """

    limit: int
    held: int = 0
    taken: int = 0
    owed: int = 0
    lacking: int = 0
    lacked_at: float = -math.inf
    touched_at: float = -math.inf
    wanting: int = 0
    wanting_at: float = -math.inf
    asked: int = 0
    is_unsaid: bool = False
    again_at: float = -math.inf
    spare_at: float = -math.inf
    lackers: int = 0

    def has_too_many(self, members: int) -> bool:
        """Whether others lack seats and we have more than an even share."""
        return self.lackers > 0 and self.held > self.limit // members

    def wanted(self, members: int, now: float) -> tuple[int, int]:
        """How many seats there should be: for those who are here, and so that those who come soon find one."""
        block = max(1, self.limit // (BLOCK_PARTS * members))
        reserve = int(RESERVE_PART * self.limit / members)
        demand = min(self.lacking, block) if now - self.lacked_at < DEMAND_SECONDS else 0
        if not demand and now - self.touched_at >= KEEP_SECONDS:
            return self.taken, self.taken
        most, spare = max(self.limit, self.taken), reserve if self.lackers else block
        return min(most, self.taken + demand), min(most, self.taken + max(demand, spare))


class Holdings:
    """Those of one node.

    lease_until: our clock; until then what we hold is ours. members: living nodes, as last known. alone_from: from when
    on a node that is alone may grant itself something: what others held has run out by then.
    """

    def __init__(self, on_failure: OnFailure, keys_max: int = KEYS_MAX) -> None:
        self._on_failure, self._keys_max = on_failure, keys_max
        self._holdings: dict[Key, Holding] = {}
        self._due: dict[Key, None] = {}
        self._freed: dict[Key, None] = {}
        self._asks = 0
        self.lease_until = self.alone_from = -math.inf
        self.members = 1

    def holds(self, now: float) -> bool:
        """Whether what we were granted is ours."""
        return now < self.lease_until

    def take(self, key: Key, limit: int, now: float) -> bool:
        """Take one of *limit* seats, if one of ours is free."""
        holding = self._of(key, limit)
        if holding is None:
            return False
        holding.limit, holding.touched_at = limit, now
        if holding.taken < self._room(holding, now):
            holding.taken += 1
            if holding.taken >= holding.held:
                self._due[key] = None
            return True
        holding.lacking += 1
        holding.lacked_at = now
        self._due[key] = None
        return False

    def leave(self, key: Key, now: float) -> None:
        """One seat taken is free again."""
        holding = self._holdings[key]
        holding.taken -= 1
        assert holding.taken >= 0, "a seat is given back once"
        if holding.held > holding.taken and holding.has_too_many(self.members):
            holding.owed = min(holding.owed + 1, holding.held - holding.taken)
            self._due[key] = None
        elif holding.taken < self._room(holding, now):
            self._freed[key] = None

    def freed(self) -> list[Key]:
        """Limits of which seats have come free since this was last asked."""
        freed, self._freed = self._freed, {}
        return list(freed)

    def taken(self, key: Key) -> int:
        """Seats in use here."""
        holding = self._holdings.get(key)
        return 0 if holding is None else holding.taken

    def is_asking(self, key: Key, now: float) -> bool:
        """Whether a seat that was refused may come in a moment: it was not answered yet that there is none."""
        holding = self._holdings.get(key)
        if holding is None or holding.taken >= holding.limit:
            return False
        if holding.wanting:
            return now < holding.wanting_at + SHIFT_SECONDS
        return bool(holding.asked) or key in self._due

    # What who grants is asked and answers

    @property
    def are_due(self) -> bool:
        """Whether something is to be asked, now or soon."""
        return bool(self._due)

    def asks(self, now: float, most: int = KEYS_MAX) -> list[Ask]:
        """What is to be asked now, *most* at once. From here on we take no seat that an ask offers back."""
        asks: list[Ask] = []
        for key in list(self._due):
            if len(asks) == most:
                break
            holding = self._holdings.get(key)
            if holding is None:
                del self._due[key]
            elif not holding.asked and now >= holding.again_at:
                del self._due[key]
                if (ask := self._ask(key, holding, now)) is not None:
                    asks.append(ask)
        return asks

    def _ask(self, key: Key, holding: Holding, now: float) -> Ask | None:
        needed, wanted = holding.wanted(self.members, now)
        idle = now - holding.touched_at >= KEEP_SECONDS
        surplus = max(holding.held - wanted, 0) if holding.lackers or idle else 0
        keep = holding.held - min(max(surplus, holding.owed), max(holding.held - holding.taken, 0))
        need = max(needed - holding.held, 0) if keep == holding.held else 0
        want = max(wanted - holding.held, need) if keep == holding.held and now >= holding.spare_at else need
        is_known = need == holding.wanting or (need > 0 and holding.wanting > 0)  # more is asked when that is granted
        again = need > 0 and holding.again_at > -math.inf
        if keep == holding.held and is_known and want == need and not (holding.is_unsaid or again):
            return None
        self._asks += 1
        holding.held, holding.owed, holding.asked, holding.is_unsaid = keep, 0, self._asks, False
        return Ask(key, holding.limit, keep, want, need, self._asks)

    def answered(self, ask: Ask, held: int, now: float, again_at: float = -math.inf) -> None:
        """Our *ask* came to *held* seats. again_at: when to ask again for what is missing; else it will be granted."""
        holding = self._holdings.get(ask.key)
        if holding is None or holding.asked != ask.number:
            return  # the lease ran out meanwhile
        missing = max(ask.keep + ask.need - held, 0)
        if held < ask.keep + ask.want:
            holding.spare_at = now + SPARE_SECONDS
        holding.asked, holding.lacking = 0, 0 if not missing else holding.lacking
        if missing and not holding.wanting:
            holding.wanting_at = now
        holding.wanting, holding.again_at = missing, again_at if missing else -math.inf
        self._set_held(ask.key, holding, held, now)

    def granted(self, key: Key, held: int, now: float) -> None:
        """Seats that we wanted came free: *held* are ours. While an ask is on its way that says what is kept."""
        holding = self._holdings.get(key)
        if holding is not None and not holding.asked:
            holding.wanting, holding.lacking = max(holding.wanting - (held - holding.held), 0), 0
            self._set_held(key, holding, held, now)

    def _set_held(self, key: Key, holding: Holding, held: int, now: float) -> None:
        holding.held = held
        if holding.taken < self._room(holding, now):
            self._freed[key] = None
        self._due[key] = None

    def lack(self, key: Key, lackers: int) -> None:
        """So many others want seats of *key* and got none."""
        holding = self._holdings.get(key)
        if holding is not None and holding.lackers != lackers:
            holding.lackers, holding.owed = lackers, 0 if not lackers else holding.owed
            self._due[key] = None

    def unanswered(self) -> None:
        """What was asked is void, and nobody knows that we want anything; what we offered back stays so."""
        for key, holding in self._holdings.items():
            holding.is_unsaid = holding.is_unsaid or bool(holding.asked or holding.wanting)
            holding.asked = holding.wanting = 0
            self._due[key] = None

    def say_all(self) -> None:
        """Who grants may have forgotten what we hold: say it."""
        for key, holding in self._holdings.items():
            holding.is_unsaid = True
            self._due[key] = None

    def voided(self) -> None:
        """The lease has run out: nothing is held any more."""
        for holding in self._holdings.values():
            holding.held = holding.owed = holding.lackers = 0
            holding.is_unsaid = True
        self.unanswered()

    def sweep(self, now: float) -> None:
        """Look at all limits again; forget those that nobody uses."""
        for key, holding in list(self._holdings.items()):
            if not (holding.held or holding.taken or holding.asked or holding.wanting or holding.is_unsaid):
                if now - holding.touched_at >= KEEP_SECONDS:
                    del self._holdings[key]
            elif holding.lacking or holding.wanting or now - holding.touched_at >= KEEP_SECONDS:
                self._due[key] = None

    def all_held(self) -> list[tuple[Key, int, int]]:
        """What we hold of every limit: its key, the limit, seats."""
        return [(key, each.limit, each.held) for key, each in self._holdings.items() if each.held]

    # How many may be taken

    def _of(self, key: Key, limit: int) -> Holding | None:
        holding = self._holdings.get(key)
        if holding is None and len(self._holdings) < self._keys_max and is_sayable(key):
            holding = self._holdings[key] = Holding(limit)
        return holding

    def _room(self, holding: Holding, now: float) -> int:
        if self.holds(now):
            return min(holding.held - holding.owed, holding.limit)
        match self._on_failure:
            case OnFailure.OPEN:
                return holding.limit
            case OnFailure.LOCAL_SHARE if now >= self.alone_from:
                return holding.limit // max(self.members, 1)
        return 0
