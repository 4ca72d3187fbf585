"""Pools, exhaustively: three members, a limit of two, everything they may say one after the other."""

from __future__ import annotations

from copy import deepcopy

from momentum_trio.protocol.cluster.holding import Ask
from momentum_trio.protocol.cluster.pool import Pools

KEY = ("x",)
LIMIT = 2
MEMBERS = ("a", "b", "c")
DEPTH = 5


def steps(pools: Pools) -> list[tuple[str, ...] | tuple[str, Ask]]:
    """What can come next: a member keeps so many of its seats and wants and needs so many; it goes; it is over."""
    said: list[tuple[str, ...] | tuple[str, Ask]] = [("gone", member) for member in MEMBERS[:2]]
    said += [("lapsed", member) for member in MEMBERS[:2]]
    gone = {member for member, _, _, _ in pools.late()}
    for member in [member for member in MEMBERS if member not in gone]:
        held = pools.share(KEY, member)
        for keep in range(held + 1):
            for want in range(LIMIT + 1 - keep):
                said += [(member, Ask(KEY, LIMIT, keep, want, need)) for need in range(want + 1)]
    return said


def after(pools: Pools, step: tuple[str, ...] | tuple[str, Ask]) -> Pools:
    who, what = step
    if isinstance(what, Ask):
        changed = pools.asked(who, what)
        assert who in changed
        assert pools.share(KEY, who) >= what.keep
    elif who == "gone":
        pools.gone(what)
    else:
        pools.lapsed(what)
    return pools


def check(pools: Pools) -> None:
    pool = pools._pools.get(KEY)
    if pool is None:
        return
    in_use = sum(pool.shares.values()) + sum(pool.late.values())
    assert in_use <= LIMIT
    assert not pool.wants or in_use == LIMIT, "seats lie free while somebody lacks one"
    assert all(want > 0 for want in pool.wants.values())


def test_never_more_than_the_limit_and_none_left_free_while_somebody_lacks_one() -> None:
    first = Pools()
    first.is_granting = True
    seen: set[str] = set()
    states, count = [first], 0
    for _ in range(DEPTH):
        following = []
        for pools in states:
            for step in steps(pools):
                then = after(deepcopy(pools), step)
                check(then)
                count += 1
                if (shape := repr(then._pools)) not in seen:
                    seen.add(shape)
                    following.append(then)
        states = following
    assert count > 1_000
    assert len(seen) > 50
