"""What nodes of a cluster say to one another, and what looks like it. For tests and fuzzing only."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from momentum_trio.protocol.cluster import envelope, share

topics = st.from_regex(r"[a-z0-9_:]{1,32}", fullmatch=True)
envelopes = st.builds(envelope.pack, topics, st.binary(max_size=200))
keys = st.text(min_size=1, max_size=12)
tables = st.dictionaries(keys, st.integers(0, 5), max_size=8)
shares = (
    st.builds(share.Update, tables)
    | st.builds(share.Snapshot, st.booleans(), st.booleans(), tables)
    | st.just(share.Ask())
)

_words = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8)
hostile = st.binary(max_size=200) | st.recursive(
    _words, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
).map(msgspec.msgpack.encode)
