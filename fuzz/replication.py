"""Whatever others say of their shares, the sum is that of the shares that are known, and each is bounded."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from momentum_trio.net.group import GroupView, ViewId
from momentum_trio.protocol.cluster.replica import Replica
from momentum_trio.protocol.cluster.share import pack
from momentum_trio.protocol.cluster.strategies import hostile, shares

KEYS_MAX = 8
US, OTHERS = "#ec1-1#a", ("#ec1-2#b", "#ec1-3#c")


def strategy() -> st.SearchStrategy[bytes]:
    """Stories: what two others say, one after the other, as one piece of octets."""
    said = st.tuples(st.integers(0, 2), shares.map(pack) | hostile)
    return st.lists(said, max_size=12).map(msgspec.msgpack.encode)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    try:
        story = msgspec.msgpack.decode(octets, type=list[tuple[int, bytes]])
    except ValueError:
        story = [(0, octets)]
    replica = Replica(keys_max=KEYS_MAX)
    members = (US, *OTHERS)
    replica.view(US, GroupView("g", ViewId(1, "a"), 0, members, False, True, members))
    replica.add("ours", 3)
    for who, said in story:
        try:
            replica.told(members[who % 3], said)
        except ValueError:
            continue
        _check(replica)
    replica.view(US, GroupView("g", ViewId(2, "a"), 0, (US,), False, True, (US,)))
    assert replica.totals() == {"ours": 3}


def _check(replica: Replica) -> None:
    sums = {"ours": 3}
    for member in OTHERS:
        share = replica.share(member)
        assert len(share) <= KEYS_MAX
        assert all(count > 0 for count in share.values())
        for key, count in share.items():
            sums[key] = sums.get(key, 0) + count
    assert replica.totals() == sums
    assert all(replica.total(key) == count for key, count in sums.items())
