"""The seats of limits as every member of a group knows them, from what it was told in the agreed order.

Values in, values out: whoever is told the same in the same order grants the same. ``lease`` says when what is told
counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from momentum_trio.protocol.cluster.holding import Ask, Key

POOLS_MAX = 100_000
"""Limits of which some member holds seats."""


@dataclass(slots=True)
class Pool:
    """One limit. shares: seats by member. wants: seats that members want beyond those, who asked first first.

    late: seats of members that are gone and may still be using them.
    """

    limit: int
    shares: dict[str, int] = field(default_factory=dict)
    wants: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """Seats that nobody has; below 0 when the limit was lowered."""
        return self.limit - sum(self.shares.values()) - sum(self.late.values())

    def grant(self) -> set[str]:
        """Give free seats to those who want some, evenly; who got any."""
        lucky: set[str] = set()
        while (free := self.free) > 0 and self.wants:
            portion = -(-free // len(self.wants))
            member, want = next(iter(self.wants.items()))
            given = min(want, portion)
            self.shares[member] = self.shares.get(member, 0) + given
            del self.wants[member]
            if want > given:
                self.wants[member] = want - given  # behind the others
            lucky.add(member)
        return lucky


class Pools:
    """All of them. is_granting: what is free is granted; otherwise seats are counted alone."""

    def __init__(self) -> None:
        self._pools: dict[Key, Pool] = {}
        self.is_granting = False

    def share(self, key: Key, member: str) -> int:
        """The seats of *member*."""
        pool = self._pools.get(key)
        return 0 if pool is None else pool.shares.get(member, 0)

    def lackers(self, key: Key, member: str) -> int:
        """How many others than *member* want seats."""
        pool = self._pools.get(key)
        return 0 if pool is None else len(pool.wants) - (member in pool.wants)

    def late(self) -> list[tuple[str, Key, int, int]]:
        """Members that are gone: what each had, with the limit."""
        return [
            (member, key, seats, pool.limit) for key, pool in self._pools.items() for member, seats in pool.late.items()
        ]

    def asked(self, member: str, ask: Ask) -> set[str]:
        """*member* keeps and wants what *ask* says. Returns whose share it changed, the member's included."""
        pool = self._pools.get(ask.key)
        if pool is None:
            if len(self._pools) >= POOLS_MAX:
                return {member}  # it holds nothing of it, for else there were one
            pool = self._pools[ask.key] = Pool(ask.limit)
        pool.limit = ask.limit
        pool.shares[member] = ask.keep
        pool.wants.pop(member, None)
        if ask.want:
            pool.wants[member] = ask.want
        lucky = pool.grant() if self.is_granting else set()
        lacking = ask.need - (pool.shares[member] - ask.keep)
        pool.wants.pop(member, None)
        if lacking > 0:
            pool.wants[member] = lacking
        return self._settled(ask.key, pool) | lucky | {member}

    def said_held(self, member: str, key: Key, seats: int, limit: int) -> None:
        """*member* holds so many seats."""
        self._pools.setdefault(key, Pool(limit)).shares[member] = seats

    def said_late(self, member: str, key: Key, seats: int, limit: int) -> None:
        """*member*, which is gone, had so many seats."""
        pool = self._pools.setdefault(key, Pool(limit))
        pool.late[member] = max(pool.late.get(member, 0), seats)

    def reset(self, member: str) -> None:
        """*member* says anew what it holds: nothing, as far as is known, and nothing of it is late."""
        for pool in self._pools.values():
            for known in (pool.shares, pool.wants, pool.late):
                known.pop(member, None)

    def gone(self, member: str) -> bool:
        """*member* is gone: what it had is late. Returns whether it had anything."""
        had = False
        for pool in self._pools.values():
            pool.wants.pop(member, None)
            if seats := pool.shares.pop(member, 0):
                pool.late[member] = max(pool.late.get(member, 0), seats)
                had = True
        return had

    def lapsed(self, member: str) -> list[tuple[Key, set[str]]]:
        """What *member* had before it was gone is free. Returns whose shares of what that changed."""
        return [(key, self._settled(key, pool)) for key, pool in list(self._pools.items()) if pool.late.pop(member, 0)]

    def settle_all(self) -> list[tuple[Key, set[str]]]:
        """Grant all that is free. Returns whose shares of what that changed."""
        return [(key, self._settled(key, pool)) for key, pool in list(self._pools.items())]

    def clear(self) -> None:
        """Forget everything."""
        self._pools.clear()

    def _settled(self, key: Key, pool: Pool) -> set[str]:
        lucky = pool.grant() if self.is_granting else set()
        if not any(pool.shares.values()) and not pool.wants and not pool.late:
            del self._pools[key]
        return lucky
