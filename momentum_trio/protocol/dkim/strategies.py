"""Messages worth signing: odd blanks, folds, empty lines, repeated fields, bodies with and without an end."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.protocol.dkim.canonical import Canon
from momentum_trio.protocol.dkim.signature import Algorithm, SignatureTerms

NAMES: Final = ("From", "FROM", "To", "Cc", "Subject", "sUBJECT", "Date", "Received", "X-Other", "List-Id")

blanks = st.sampled_from([b"", b" ", b"  ", b"\t", b" \t "])
words = st.sampled_from([b"a", b"bob@example.com", b"caf\xc3\xa9", b"=?utf-8?q?x?=", b";", b"b=", b":", b"\xff"])
folds = st.sampled_from([b" ", b"  ", b"\r\n ", b"\r\n\t", b" \t\r\n \t"])


@st.composite
def fields(draw: st.DrawFn, name: str | None = None) -> bytes:
    """One header field. dkimpy reads no line of blanks, and no blank before the colon."""
    found = draw(st.sampled_from(NAMES)) if name is None else name
    text = found.encode() + draw(st.sampled_from([b":", b":\t"])) + draw(blanks)
    for word in draw(st.lists(words, min_size=1, max_size=5)):
        text += word + draw(folds)
    return text + draw(words) + draw(blanks) + b"\r\n"


lines = st.tuples(
    st.lists(st.tuples(blanks, words).map(b"".join), max_size=4).map(b"".join), blanks, st.just(b"\r\n")
).map(b"".join)
empty_lines = st.integers(0, 5).map(lambda count: b"\r\n" * count)
bodies = st.tuples(empty_lines, st.lists(lines, max_size=6).map(b"".join), empty_lines).map(b"".join)
loose_bodies = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"a", b"\r\n\r\n", b" \r\n"]), max_size=20
).map(b"".join)
"""Bodies with CR and LF alone as well, which no verifier is asked about."""

sections = st.tuples(fields("From"), st.lists(fields(), max_size=6)).map(lambda drawn: drawn[0] + b"".join(drawn[1]))
messages = st.tuples(sections, bodies).map(b"\r\n".join)


@st.composite
def terms(draw: st.DrawFn, algorithm: Algorithm) -> SignatureTerms:
    """Terms of a signature for example.com by selector s."""
    names = draw(st.lists(st.sampled_from([name.lower() for name in NAMES[2:]]), unique=True, max_size=8))
    guarded = draw(st.frozensets(st.sampled_from(["from", *names]))) if names else frozenset[str]()
    canons = st.sampled_from(Canon)
    signed_at = draw(st.integers(1, 1_700_000_000))  # not in the future
    return SignatureTerms(
        "example.com", "s", algorithm, draw(canons), draw(canons), ("from", *names), guarded, signed_at
    )
