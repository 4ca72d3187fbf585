"""A replicated table of counts: what each node counts, known to all, and the sum (spec/cluster.md section 5).

A node alone changes its share, and says so lazily. Who is new to it, or who has not heard all it said, is sent a
snapshot: in the order of its own words, so that no update can be overtaken by an older one. Nobody else's counts are in
it; so none can be counted twice, and those of a node that left go with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from momentum_trio.net.group import GroupView
from momentum_trio.protocol.cluster.envelope import OCTETS_MAX
from momentum_trio.protocol.cluster.share import (
    COUNT_MAX,
    KEY_OCTETS_MAX,
    Ask,
    Snapshot,
    Update,
    pack,
    snapshot,
    unpack,
    updates,
)

KEYS_MAX = 100_000
"""Of one share of another node; what is more is not counted."""
NO_KEY = "-"
"""Stands for an empty one."""


@dataclass(slots=True)
class Share:
    """What one other node counts. coming: a snapshot of which parts have come; None where none is under way.

    is_whole: a snapshot has come.
    """

    counts: dict[str, int] = field(default_factory=dict)
    coming: dict[str, int] | None = None
    is_whole: bool = False


Heard = Callable[[str, Mapping[str, int], bool], None]
"""Is told what another member counts: all of it, or what has changed in that; see ``series.gain.Gains.said``."""


class Replica:
    """One object, as one member sees it.

    outgoing: what is to be said, in this order, to a member or (empty) to all; whoever has said it takes it off.
    overflows: counts that found no room. heard: is told what others count, if it is anybody.
    """

    def __init__(self, octets_max: int = OCTETS_MAX, keys_max: int = KEYS_MAX) -> None:
        self._octets_max, self._keys_max = octets_max, keys_max
        self._us, self._members, self._is_new = "", frozenset[str](), True
        self._ours: dict[str, int] = {}
        self._shares: dict[str, Share] = {}
        self._sums: dict[str, int] = {}  # of all shares of others
        self._changed: dict[str, None] = {}
        self.outgoing: deque[tuple[str, bytes]] = deque()
        self.overflows = 0
        self.heard: Heard | None = None

    # Our share

    def add(self, key: str, delta: int) -> None:
        """Count *delta* more of *key* here. What is longer than a key may be counts with its like."""
        key = key[:KEY_OCTETS_MAX] or NO_KEY
        count = self._ours.get(key, 0) + delta
        assert 0 <= count <= COUNT_MAX, f"{count} of {key}"
        _put(self._ours, key, count)
        if self._us:
            self._changed[key] = None

    @property
    def pending(self) -> int:
        """How many changes wait to be said."""
        return len(self._changed)

    def flush(self) -> None:
        """Have all that changed said."""
        counts = {key: self._ours.get(key, 0) for key in self._changed}
        self._changed.clear()
        self.outgoing.extend(("", pack(update)) for update in updates(counts, self._octets_max))

    # What happens

    def view(self, us: str, view: GroupView) -> None:
        """*view* holds from here on; *us* is our name in it. Who does not come along with us is sent a snapshot.

        Who begins here asks for theirs: it may be in the middle of a view, and the others cannot know.
        """
        self._us, self._members = us, frozenset(view.members)
        known = set(view.together) if us in view.together and not self._is_new else {us}
        for member in [member for member in self._shares if member not in known]:
            self._drop(member)
        if view.transitional:
            return
        strangers = [member for member in view.members if member not in known]
        if self._is_new and len(view.members) > 1:
            self.outgoing.append(("", pack(Ask())))
        self._is_new = False
        if strangers:
            self._introduce(strangers)

    def _introduce(self, strangers: list[str]) -> None:
        to = strangers[0] if len(strangers) == 1 else ""
        self.outgoing.extend((to, pack(part)) for part in snapshot(self._ours, self._octets_max))

    def retire(self) -> None:
        """We share this no more: our share is empty for the others."""
        self._changed.clear()
        self.outgoing.clear()
        self.outgoing.append(("", pack(Snapshot(True, True, {}))))

    def apart(self) -> None:
        """We are in no view: nobody is known, and nobody is told."""
        self._us, self._members, self._is_new = "", frozenset(), True
        self._changed.clear()
        self.outgoing.clear()
        self._shares.clear()
        self._sums.clear()

    def told(self, sender: str, octets: bytes) -> None:
        """*sender* said *octets*. Raises ValueError where they say nothing."""
        said = unpack(octets)
        if sender == self._us or sender not in self._members:
            return
        if isinstance(said, Ask):
            self._introduce([sender])
            return
        share = self._shares.setdefault(sender, Share())
        match said:
            case Update(counts):
                self._apply(share.counts, counts, self._sums)
                if share.coming is not None:
                    self._apply(share.coming, counts)
                if share.is_whole and self.heard is not None:
                    self.heard(sender, {key: share.counts.get(key, 0) for key in counts}, False)
            case Snapshot(is_first, is_last, counts):
                if is_first:
                    share.coming = {}
                if share.coming is None:
                    return  # its beginning was before our time
                self._apply(share.coming, counts)
                if is_last:
                    self._become(share, share.coming)
                    share.is_whole = True
                    if self.heard is not None:
                        self.heard(sender, share.counts, True)

    def _become(self, share: Share, counts: dict[str, int]) -> None:
        gone = dict.fromkeys(share.counts, 0)
        self._apply(share.counts, gone | counts, self._sums)
        share.coming = None

    def _apply(self, counts: dict[str, int], said: Mapping[str, int], sums: dict[str, int] | None = None) -> None:
        for key, count in said.items():
            before = counts.get(key, 0)
            if not before and count and len(counts) >= self._keys_max:
                self.overflows += 1
                continue
            _put(counts, key, count)
            if sums is not None:
                _put(sums, key, sums.get(key, 0) + count - before)

    def _drop(self, member: str) -> None:
        self._become(self._shares[member], {})
        del self._shares[member]

    # What is known

    def total(self, key: str) -> int:
        """How many of *key* there are on all nodes: our own exactly, those of others as last heard."""
        return self._ours.get(key, 0) + self._sums.get(key, 0)

    def totals(self) -> dict[str, int]:
        """All there are on all nodes."""
        sums = dict(self._sums)
        for key, count in self._ours.items():
            sums[key] = sums.get(key, 0) + count
        return sums

    def share(self, member: str) -> Mapping[str, int]:
        """What *member* counts, we included; nothing where it is not known."""
        if member == self._us:
            return self._ours
        return self._shares[member].counts if member in self._shares else {}

    def members(self) -> Iterator[str]:
        """Whose shares are known, ours first."""
        yield self._us
        yield from self._shares


def _put(counts: dict[str, int], key: str, count: int) -> None:
    if count:
        counts[key] = count
    else:
        counts.pop(key, None)
