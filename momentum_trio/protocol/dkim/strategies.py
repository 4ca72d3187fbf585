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


tags = st.sampled_from(["v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x", "z", "p", "k", "n", "1", ""])
tag_values = st.sampled_from(
    [
        "1",
        "rsa-sha256",
        "rsa-sha1",
        "ed25519-sha256",
        "relaxed/simple",
        "simple",
        "example.com",
        "@sub.example.com",
        "from:to",
        "subject",
        "dns/txt",
        "AAAA",
        "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=",
        "1528637909",
        "99999999999999",
        "-1",
        "",
        "DKIM1",
        "rsa",
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        "é",
        "a" * 70,
        "*",
    ]
)
tag_lists = st.lists(
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["", " ", "\r\n\t"]),
        tags,
        st.sampled_from(["=", " = ", ""]),
        tag_values,
        st.sampled_from(["", " "]),
    ),
    max_size=14,
).map(";".join)
"""Texts like those of signatures and of key records."""

signature_lists = st.builds(
    "v=1; a={}; c={}; d={}; s={}; h={}; bh={}; b={}{}".format,
    st.sampled_from(["rsa-sha256", "ed25519-sha256", "rsa-sha1"]),
    st.sampled_from(["relaxed/relaxed", "simple", "relaxed", "x"]),
    st.sampled_from(["example.com", "EXAMPLE.com", "a..b", ""]),
    st.sampled_from(["s", "a.b", "s" * 70]),
    st.sampled_from(["from", "From : To:from:from", "to", "from::"]),
    st.sampled_from(["2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=", "AAAA", "?"]),
    st.sampled_from(["AAAA", " A A\r\n\tAA ", "?"]),
    st.sampled_from(["", "; l=3", "; x=1", "; i=@sub.example.com", "; l=0; t=5; x=9999999999"]),
)
"""Texts of signatures that are nearly good."""
