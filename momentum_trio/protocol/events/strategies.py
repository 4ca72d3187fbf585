"""Filters, cursors and what clients say about them: right, nearly right, and anything."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from momentum_trio.protocol.events.cursor import Cursor
from momentum_trio.protocol.events.filter import LISTENERS, TYPES, Filter
from momentum_trio.protocol.events.message import Ping, Subscribe

names = st.sampled_from(["a@b.example", "b.example", "00/00-00481-001F3556", "192.0.2.1", "x"]) | st.text(
    st.characters(codec="utf-8"), min_size=1, max_size=8
)
values = st.lists(names, max_size=2).map(tuple)
blocks = st.sampled_from(["192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "0.0.0.0/0"])
filters = st.builds(
    Filter,
    type=st.lists(st.sampled_from(sorted(TYPES)), max_size=4).map(tuple),
    listener=st.lists(st.sampled_from(sorted(set(LISTENERS.values()))), max_size=2).map(tuple),
    domain=st.just(()) | values,
    address=st.just(()) | values,
    peer=st.just(()) | st.lists(blocks, max_size=2).map(tuple),
    connection=st.just(()) | values,
    message=st.just(()) | values,
)
cursors = st.builds(Cursor, st.binary(min_size=8, max_size=8).map(bytes.hex), st.integers(0, 10**17))
said = st.builds(Subscribe, st.just("") | cursors.map(str), filters) | st.builds(Ping, st.text(max_size=4))
subscriptions = said.map(msgspec.json.encode)

_FRAGMENTS = [
    b'{"type":"subscribe"',
    b'{"type":"ping"',
    b',"cursor":"',
    b',"filter":{',
    b'"domain":["',
    b'"peer":["10.0.0.0/99"]',
    b'"type":["nothing"]',
    b'"',
    b"]",
    b"}",
    b"null",
    b"\xff",
    b"\\ud800",
    b"1e999",
]
octets = subscriptions | st.lists(st.sampled_from(_FRAGMENTS), max_size=8).map(b"".join) | st.binary(max_size=40)
