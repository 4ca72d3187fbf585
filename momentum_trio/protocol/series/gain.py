"""What happened since a series was last journalled, out of counts that only say how much there is by now.

A member tells how often something happened of an address since it began (``protocol/cluster/share.py``). Counting
begins with the first it says: whatever was before that was before our time. Who is cut off and comes back is known by
his name, which is of one life of a process, so that nothing is counted twice, nor lost; where a count has become
smaller the member has forgotten the address meanwhile, and began anew.
"""

from __future__ import annotations

from collections.abc import Mapping

MEMBERS_MAX = 256
"""Of which it is known what they said last; beyond it whoever spoke the longest ago is forgotten."""
ADDRESSES_MAX = 1_000_000
"""That are gained between two journals; what happens of others then is counted nowhere."""


class Gains:
    """Of one series."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, int]] = {}
        self._gained: dict[str, int] = {}

    def said(self, member: str, counts: Mapping[str, int], is_whole: bool) -> None:
        """*member* counts so many, by address. is_whole: and none of any other; the first thing said is."""
        before = self._said.pop(member, None)
        if before is None:
            assert is_whole, "a share is known from its beginning on"
            before = dict(counts)
        for address, count in counts.items():
            known = before.get(address, 0)
            self._gain(address, count - known if count >= known else count)
        if is_whole:
            before = dict(counts)
        else:
            before.update(counts)
        self._said[member] = before
        if len(self._said) > MEMBERS_MAX:
            del self._said[next(iter(self._said))]

    def take(self) -> dict[str, int]:
        """What was gained since this was last asked, by address."""
        gained, self._gained = self._gained, {}
        return gained

    def put_back(self, gained: Mapping[str, int]) -> None:
        """*gained*, which was taken, was not journalled: it counts with what comes."""
        for address, count in gained.items():
            self._gain(address, count)

    def _gain(self, address: str, count: int) -> None:
        if count and (address in self._gained or len(self._gained) < ADDRESSES_MAX):
            self._gained[address] = self._gained.get(address, 0) + count
