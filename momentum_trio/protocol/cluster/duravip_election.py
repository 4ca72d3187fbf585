"""Who should have which floating address: a pure function of what all members of a view know alike.

Nothing moves without a cause: an address without an owner gets one; a preferred node that does not have its address
gets it; and of those that prefer nobody a few move from who has most to who has least, until they differ by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address


@dataclass(frozen=True, slots=True)
class Race:
    """What an election is about. All names are of members.

    candidates: for each address that owns itself, who could have it, in the members' order. owners: who is to have it
    now. preferred: who should. fixed: addresses that stay where they are.
    """

    candidates: Mapping[str, Sequence[str]]
    owners: Mapping[str, str]
    preferred: Mapping[str, str]
    fixed: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Tally:
    """How many addresses each member has, and who has them, while an election goes on."""

    race: Race
    loads: dict[str, int]
    owners: dict[str, str]
    changes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, race: Race) -> _Tally:
        loads = {member: 0 for members in race.candidates.values() for member in members}
        owners = {address: race.owners[address] for address in race.candidates if address in race.owners}
        for member in owners.values():
            loads[member] += 1
        return cls(race, loads, owners)

    def give(self, address: str, member: str) -> None:
        if (before := self.owners.get(address)) is not None:
            self.loads[before] -= 1
        self.loads[member] += 1
        self.owners[address] = self.changes[address] = member

    def poorest(self, address: str) -> str:
        """Of those who could have *address* who has least; of equals the first."""
        return min(self.race.candidates[address], key=self.loads.__getitem__)


def elected(race: Race, *, is_mature: bool, moves: int = 0) -> dict[str, str]:
    """The addresses whose owner is to be another than now, with who that is.

    is_mature: whether anything but what nobody has may move; *moves*: how many addresses for the sake of balance.
    """
    tally = _Tally.of(race)
    in_order = sorted(race.candidates, key=_place)
    for address in in_order:
        owner, preferred = tally.owners.get(address), race.preferred.get(address)
        if owner is None:
            tally.give(address, preferred or tally.poorest(address))
        elif is_mature and preferred is not None and preferred != owner and address not in race.fixed:
            tally.give(address, preferred)
    if is_mature:
        _balance(tally, in_order, moves)
    return tally.changes


def _balance(tally: _Tally, in_order: Sequence[str], moves: int) -> None:
    """Move up to *moves* of those that prefer nobody. Each move makes two loads more alike: it comes to an end."""
    race = tally.race
    movable: dict[str, list[str]] = {}
    for address in reversed(in_order):
        if address not in race.fixed and address not in race.preferred and address not in tally.changes:
            movable.setdefault(tally.owners[address], []).append(address)
    while moves and movable:
        richest = max(sorted(movable), key=tally.loads.__getitem__)
        found = next((address for address in reversed(movable[richest]) if _is_better(tally, address)), None)
        if found is None:
            del movable[richest]
            continue
        movable[richest].remove(found)
        tally.give(found, tally.poorest(found))
        moves -= 1


def _is_better(tally: _Tally, address: str) -> bool:
    return tally.loads[tally.owners[address]] - tally.loads[tally.poorest(address)] > 1


def _place(address: str) -> tuple[int, int]:
    ip = ip_address(address)
    return ip.version, int(ip)
