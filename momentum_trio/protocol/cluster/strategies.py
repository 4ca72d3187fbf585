"""What nodes of a cluster say to one another, and what looks like it. For tests and fuzzing only."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from momentum_trio.protocol.cluster import envelope, heartbeat, lease_message, membership, relay, share

topics = st.from_regex(r"[a-z0-9_:]{1,32}", fullmatch=True)
envelopes = st.builds(envelope.pack, topics, st.binary(max_size=200))
keys = st.text(min_size=1, max_size=12)
tables = st.dictionaries(keys, st.integers(0, 5), max_size=8)
shares = (
    st.builds(share.Update, tables)
    | st.builds(share.Snapshot, st.booleans(), st.booleans(), tables)
    | st.just(share.Ask())
)
numbers = st.integers(0, 2**53)
lines = st.text(max_size=20)
relayed = (
    st.builds(
        relay.Command,
        numbers,
        lines,
        st.sampled_from(["text", "json"]),
        lines,
        lines,
        lines,
        st.lists(lines, max_size=3).map(tuple),
        lines,
    )
    | st.builds(relay.Answer, numbers, st.booleans(), st.booleans(), st.binary(max_size=20))
    | st.builds(relay.Declined, numbers)
)
names = st.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True)
announcements = st.builds(
    membership.Announcement,
    names | st.just(""),
    names,
    st.sampled_from(membership.NodeType),
    names.map("#ec0-1#{}".format),
    names,
    st.ip_addresses().map(str) | st.just(""),
    st.integers(0, 65535),
    st.lists(names, max_size=4).map(tuple),
)
beats = st.just(heartbeat.Beat()) | st.builds(heartbeat.Accusation, st.lists(names, max_size=3).map(tuple))
_keys = st.lists(names, min_size=1, max_size=3).map(tuple)
_seats = st.integers(0, lease_message.SEATS_MAX)
_rounds = st.tuples(numbers, names, numbers)
_rates = st.floats(0.001, 1e6)
leases = (
    st.builds(
        lease_message.Report,
        _rounds,
        st.lists(st.tuples(_keys, _seats, _seats), max_size=3).map(tuple),
        st.lists(st.tuples(names, _keys, _seats, _seats), max_size=3).map(tuple),
        st.booleans(),
        st.booleans(),
    )
    | st.builds(lease_message.Asked, numbers, _keys, _seats, _seats, _seats, _seats)
    | st.builds(lease_message.Renew, numbers)
    | st.builds(lease_message.Lapsed, _rounds, names)
    | st.builds(lease_message.Open, _rounds)
    | st.builds(lease_message.TokensAsked, numbers, _keys, _rates, _rates, _rates, _rates)
    | st.builds(lease_message.TokensGranted, numbers, _keys, _rates, _rates)
    | st.builds(lease_message.Gauges, st.lists(st.tuples(_keys, names, _seats), max_size=3).map(tuple), st.booleans())
    | st.builds(lease_message.Broadcast, names, st.binary(max_size=20))
)

_words = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8)
hostile = st.binary(max_size=200) | st.recursive(
    _words, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
).map(msgspec.msgpack.encode)
