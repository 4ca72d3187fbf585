"""What milters say, well-formed and hostile. For tests and fuzzing only: this file imports hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.protocol.milter.negotiation import (
    OFFERED_ACTIONS,
    OFFERED_STEPS,
    Actions,
    Negotiated,
    Stage,
    Steps,
    answer,
)
from momentum_trio.protocol.milter.packet import Packet, texts

names = st.sampled_from([b"X-Spam", b"subject", b"Received", b"A"])
values = st.lists(
    st.sampled_from([b"x", b" ", b"\t", b"\r\n", b"\n", b"\r", b":", b"Bcc: y", b"\xff"]), max_size=8
).map(b"".join)
paths = st.sampled_from([b"<a@b.example>", b"c@example.com", b"<>", b"<", b"a b", b"\xff"])
symbols = st.dictionaries(
    st.sampled_from(Stage),
    st.frozensets(st.sampled_from(["i", "j", "{mail_addr}", "auth_type"]), max_size=3),
    max_size=3,
)
agreements = st.builds(
    Negotiated,
    version=st.integers(4, 6),
    actions=st.integers(0, OFFERED_ACTIONS).map(lambda bits: Actions(bits) & OFFERED_ACTIONS),
    steps=st.integers(0, OFFERED_STEPS).map(lambda bits: Steps(bits) & OFFERED_STEPS),
    symbols=symbols,
)

_words = st.sampled_from(
    [b"550 5.7.1 no", b"450", b"421 4.7.0 bye", b"550-5.7.1 a\r\n550 5.7.1 b", b"571 %% \xff", b"250 ok", b"5", b""]
)
_placed = st.builds(
    lambda index, name, value: index.to_bytes(4) + texts(name, value), st.integers(0, 2**32 - 1), names, values
)
packets = (
    st.builds(Packet, st.sampled_from([b"a", b"c", b"d", b"f", b"p", b"r", b"s", b"t", b"4"]))
    | st.builds(Packet, st.just(b"y"), _words.map(texts))
    | st.builds(Packet, st.just(b"h"), st.tuples(names, values).map(lambda field: texts(*field)))
    | st.builds(Packet, st.sampled_from([b"i", b"m"]), _placed)
    | st.builds(Packet, st.just(b"b"), st.binary(max_size=30))
    | st.builds(
        Packet,
        st.sampled_from([b"+", b"-", b"2", b"e", b"q"]),
        st.lists(paths, max_size=3).map(lambda given: texts(*given)),
    )
    | st.builds(Packet, st.binary(min_size=1, max_size=1), st.binary(max_size=20))
)
conversations = st.tuples(agreements.map(answer), st.lists(packets, max_size=6)).map(
    lambda said: b"".join(packet.octets() for packet in (said[0], *said[1]))
)
hostile = conversations | st.binary(max_size=60)
