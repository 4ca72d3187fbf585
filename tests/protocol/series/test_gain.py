"""What happened between two journals: each event once, whoever forgets, leaves, or comes back."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from momentum_trio.protocol.series.gain import Gains

members = st.sampled_from(["#ec1-1#a", "#ec1-2#b"])
addresses = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"])


class EachEventOnce(RuleBasedStateMachine):
    """Members that count since they began, and tell of it as a replicated object does."""

    def __init__(self) -> None:
        super().__init__()
        self.gains = Gains()
        self.counts: dict[str, Counter[str]] = {}
        self.untold: dict[str, set[str]] = {}
        self.happened: Counter[str] = Counter()
        self.journalled: Counter[str] = Counter()

    @rule(member=members, address=addresses, count=st.integers(1, 9))
    def it_happens(self, member: str, address: str, count: int) -> None:
        self.counts.setdefault(member, Counter())[address] += count
        if member in self.untold:  # what was before its first word is before our time
            self.happened[address] += count
            self.untold[member].add(address)

    @rule(member=members)
    def tells_all(self, member: str) -> None:
        """It has come, or come back."""
        self.gains.said(member, dict(self.counts.setdefault(member, Counter())), True)
        self.untold[member] = set()

    @rule(member=members)
    def tells_changes(self, member: str) -> None:
        if untold := self.untold.get(member):
            self.gains.said(member, {address: self.counts[member][address] for address in untold}, False)
            untold.clear()

    @rule(member=members, address=addresses)
    def forgets(self, member: str, address: str) -> None:
        """An address was quiet for long: all of it has been told."""
        self.tells_changes(member)
        if member in self.untold:
            del self.counts[member][address]
            self.gains.said(member, {address: 0}, False)

    @rule(fails=st.booleans())
    def journal(self, fails: bool) -> None:
        gained = self.gains.take()
        if fails:
            self.gains.put_back(gained)
        else:
            self.journalled.update(gained)

    @rule()
    def everybody_tells(self) -> None:
        for member in self.untold:
            self.tells_changes(member)
        self.journalled.update(self.gains.take())
        assert self.journalled == self.happened

    @invariant()
    def nothing_is_counted_twice(self) -> None:
        assert self.journalled <= self.happened


TestEachEventOnce = EachEventOnce.TestCase
