"""The rule of who is together: whatever the connections are, servers come to rest in disjoint sets, fully connected."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.protocol.msgc.choice import Choice, Heard, agreed, choose
from momentum_trio.protocol.msgc.message import Life, Reach, ViewKey

NAMES = "abcdefgh"
Links = set[frozenset[str]]

pairs = [frozenset(pair) for pair in combinations(NAMES, 2)]
meshes = st.sets(st.sampled_from(pairs))


def reach(name: str, links: Links, choice: Choice) -> Reach:
    """What *name* says of itself."""
    others = tuple(Life(other, 0) for other in NAMES if frozenset((name, other)) in links)
    claim = choice.claim if choice.leader.name == name else ()
    return Reach(0, others, choice.leader.name, -choice.leader.links, claim, ViewKey(0, name, 0), True, 0)


def heard(name: str, links: Links, said: dict[str, Reach]) -> dict[str, Heard]:
    """What *name* has heard of those it is connected to."""
    return {
        other: Heard(Life(other, 0), said[other], frozenset(said[other].links))
        for other in NAMES
        if frozenset((name, other)) in links
    }


def rounds(links: Links, order: list[str]) -> dict[str, tuple[Choice, tuple[Life, ...] | None]]:
    """What each chooses when nothing changes any more, as they speak in *order*."""
    alone = {name: choose(Life(name, 0), {}) for name in NAMES}
    said = {name: reach(name, links, alone[name]) for name in NAMES}
    for _ in range(len(NAMES) + 2):
        before = dict(said)
        for name in order:
            said[name] = reach(name, links, choose(Life(name, 0), heard(name, links, said)))
        if said == before:
            break
    else:
        raise AssertionError("no rest")
    found = {}
    for name in NAMES:
        others = heard(name, links, said)
        choice = choose(Life(name, 0), others)
        found[name] = choice, agreed(Life(name, 0), choice, others)
    return found


@given(meshes, st.permutations(NAMES))
def test_they_come_to_rest_in_disjoint_sets_fully_connected(links: Links, order: list[str]) -> None:
    found = rounds(links, order)
    sets = {}
    for name, (_, members) in found.items():
        assert members is not None
        names = frozenset(life.name for life in members)
        assert name in names
        assert all(frozenset(pair) in links for pair in combinations(names, 2))
        sets[name] = names
    assert all(sets[other] == names for names in sets.values() for other in names)


@given(meshes, st.permutations(NAMES), st.permutations(NAMES))
def test_who_speaks_first_changes_nothing(links: Links, one: list[str], other: list[str]) -> None:
    assert rounds(links, one) == rounds(links, other)


@pytest.mark.parametrize(
    ("links", "sets"),
    [
        ("ab bc", "ab c"),
        ("ab bc ac", "abc"),
        ("ab bc cd", "a bc d"),
        ("ab bc cd da", "ab cd"),  # a ring
        ("bc bd cd ab", "a bcd"),  # whoever reaches but one does not draw it away from the others
        ("ab ac ad bc bd cd ae", "abcd e"),
        ("", "a"),
    ],
)
def test_sets(links: str, sets: str) -> None:
    found = rounds({frozenset(pair) for pair in links.split()}, list(NAMES))
    for names in sets.split():
        for name in names:
            members = found[name][1]
            assert members is not None
            assert "".join(life.name for life in members) == names
