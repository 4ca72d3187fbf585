"""Laws of elections: everybody that can has an owner, nothing moves without a cause, and moving comes to an end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from momentum_trio.protocol.cluster.duravip_election import Race, elected

MEMBERS = ("#1#a", "#2#b", "#3#c", "#4#d")
ADDRESSES = (*(f"10.0.0.{n}" for n in range(1, 13)), "fd00::1", "fd00::2")


@st.composite
def races(draw: DrawFn, *, alike: bool = False) -> Race:
    """Elections of a few members about a few addresses. alike: everybody could have everything, and prefers nobody."""
    everybody = MEMBERS[: draw(st.integers(1, len(MEMBERS)))]
    some = draw(st.lists(st.sampled_from(ADDRESSES), unique=True))
    subsets = st.lists(st.sampled_from(everybody), min_size=1, unique=True).map(lambda m: sorted(m, key=MEMBERS.index))
    candidates = {address: everybody if alike else tuple(draw(subsets)) for address in some}
    owners = {a: draw(st.sampled_from(m)) for a, m in candidates.items() if draw(st.booleans())}
    preferred = {} if alike else {a: draw(st.sampled_from(m)) for a, m in candidates.items() if draw(st.booleans())}
    fixed = frozenset() if alike else frozenset(a for a in owners if draw(st.integers(0, 3)) == 0)
    return Race(candidates, owners, preferred, fixed)


def after(race: Race, changes: dict[str, str]) -> Race:
    return Race(race.candidates, {**race.owners, **changes}, race.preferred, race.fixed)


@given(races(), st.booleans(), st.integers(0, 5))
def test_everybody_has_one_owner_who_can(race: Race, is_mature: bool, moves: int) -> None:
    owners = after(race, elected(race, is_mature=is_mature, moves=moves)).owners
    assert owners.keys() == race.candidates.keys()
    assert all(owner in race.candidates[address] for address, owner in owners.items())


@given(races(), st.booleans(), st.integers(0, 5))
def test_nothing_moves_without_a_cause(race: Race, is_mature: bool, moves: int) -> None:
    changes = elected(race, is_mature=is_mature, moves=moves)
    moved = [address for address in changes if address in race.owners]
    assert all(changes[address] != race.owners[address] and address not in race.fixed for address in moved)
    balanced = [address for address in moved if address not in race.preferred]
    assert all(changes[a] == race.preferred[a] for a in moved if a in race.preferred)
    assert len(balanced) <= moves
    assert is_mature or not moved


@given(races(), st.integers(1, 5))
def test_moving_comes_to_an_end(race: Race, moves: int) -> None:
    for _ in range(len(ADDRESSES) ** 2):
        changes = elected(race, is_mature=True, moves=moves)
        if not changes:
            break
        race = after(race, changes)
    assert not elected(race, is_mature=True, moves=moves)
    assert all(race.owners[a] == m for a, m in race.preferred.items() if a not in race.fixed)
    loads = Counter(race.owners.values())
    for address, owner in race.owners.items():
        if address not in race.preferred and address not in race.fixed:
            assert all(loads[owner] - loads[other] <= 1 for other in race.candidates[address])


@given(races(alike=True))
def test_those_that_are_alike_differ_by_one_at_most(race: Race) -> None:
    race = after(race, elected(race, is_mature=True, moves=len(ADDRESSES)))
    loads = Counter(race.owners.values())
    counts = [loads[member] for member in next(iter(race.candidates.values()), ())]
    assert not counts or max(counts) - min(counts) <= 1


def test_the_least_loaded_gets_what_nobody_has_and_the_first_of_equals() -> None:
    race = Race(dict.fromkeys(("10.0.0.2", "10.0.0.10", "10.0.0.3"), MEMBERS[:2]), {"10.0.0.2": "#1#a"}, {})
    assert elected(race, is_mature=False) == {"10.0.0.3": "#2#b", "10.0.0.10": "#1#a"}
