"""Messages as trees of MIME parts, with octets of all kinds in their leaves."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

BOUNDARIES: Final = ("b", "b1", "=_x", "a b", "x'y")

texts = st.lists(
    st.sampled_from(
        [b"", b"plain", b"caf\xc3\xa9", b"caf\xe9 ", b"\xd0\xb6" * 30, b"--b", b"--b1--", b".", b"=E9=", b"a \t",
         b"long " * 30, b"x" * 74, b"x" * 75, b"x" * 76, b"From me", b"y" * 1200]
    ),
    max_size=5,
).map(b"\r\n".join)  # fmt: skip
binaries = st.lists(st.sampled_from([b"\0", b"\r", b"\n", b"\xff\xfe", b"abc", b"\r\n"]), max_size=8).map(b"".join)
encodings = st.sampled_from([b"", b"7bit", b"8bit", b"binary", b"8BIT (as it is)"])


def _labelled(encoding: bytes) -> bytes:
    return b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b""


@st.composite
def leaves(draw: st.DrawFn) -> bytes:
    """A part without parts: header section, empty line, body."""
    kind, bodies = draw(
        st.sampled_from(
            [
                (b"", texts),
                (b"Content-Type: text/plain; charset=utf-8\r\n", texts),
                (b"Content-Type: text/html;\r\n\tcharset=iso-8859-1\r\n", texts),
                (b'Content-Type: application/octet-stream; name="; boundary=b"\r\n', binaries),
                (b"Content-Type: TEXT/PLAIN\r\nX-Other: b\r\n", binaries),
            ]
        )
    )
    return kind + _labelled(draw(encodings)) + b"\r\n" + draw(bodies)


@st.composite
def multiparts(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    """A part made of some of *inner*."""
    boundary = draw(st.sampled_from(BOUNDARIES)).encode()
    kind = draw(st.sampled_from([b"mixed", b"alternative", b"Related"]))
    head = b"Content-Type: multipart/" + kind + b'; charset=x;\r\n boundary="' + boundary + b'"\r\n'
    body = draw(st.sampled_from([b"", b"To be ignored\r\n", b"\xc3\xa9\r\n"]))
    for part in draw(st.lists(inner, min_size=1, max_size=3)):
        body += b"--" + boundary + b"\r\n" + part + b"\r\n"
    end = draw(st.sampled_from([b"--\r\n", b"-- \r\n\xff\r\n", b"--"]))
    return head + _labelled(draw(encodings)) + b"\r\n" + body + b"--" + boundary + end


nested = st.one_of(leaves(), leaves().map(lambda part: b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n" + part))
parts = st.recursive(nested, multiparts, max_leaves=6)
messages = st.tuples(st.sampled_from([b"", b"MIME-Version: 1.0\r\n", b"From: a@b.example\r\n"]), parts).map(b"".join)
