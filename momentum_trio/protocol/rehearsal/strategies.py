"""Strategies for recordings and scripts, well-formed and nearly so.

For tests and fuzzing only: this file imports hypothesis.
"""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.protocol.rehearsal.recording import (
    AnyEntry,
    Content,
    Left,
    Line,
    LongLine,
    Recording,
    Said,
    encode,
)
from momentum_trio.protocol.rehearsal.shape import Measure, Shape
from momentum_trio.protocol.smtp import strategies as smtp
from momentum_trio.protocol.smtp.content import stuffed

# ---- content

fields = st.sampled_from(
    [b"Date: now", b"date :x", b"Received: from x", b"Message-ID: <a@b>", b"Return-Path: <>", b"Subject: x", b" more"]
)
odd_lines = st.sampled_from([b"X" * 300 + b": y", b"no field", b".dotted: x", b"\t", b"x:", b":", b""])
header_lines = fields | fields | odd_lines
headers = st.lists(header_lines, max_size=6).map(lambda lines: b"".join(line + b"\r\n" for line in lines))
many_received = st.integers(18, 23).map(lambda count: b"Received: x\r\n" * count)
large_bodies = st.sampled_from([(b"x" * 70 + b"\r\n") * 1000, b"y" * 65_535 + b"\r\n", (b".\r\n") * 30_000])
bodies = smtp.clean_contents | smtp.clean_contents | smtp.clean_contents | large_bodies
clean_contents = st.builds(lambda head, body: head + b"\r\n" + body, headers | many_received, bodies) | headers
clean_octets = clean_contents.map(stuffed)
hostile_octets = st.builds(lambda head, text: head + text + b"\r\n.\r\n", headers, smtp.hostile_contents).filter(
    lambda octets: (b"\r\n" + octets).find(b"\r\n.\r\n") + 5 == len(octets) + 2
)
content_octets = clean_octets | hostile_octets
"""A content as a client sends it, terminator included."""


def shape_of(octets: bytes) -> Shape:
    """The shape of a whole content."""
    measure = Measure()
    measure.take(octets)
    return measure.shape(ended=True)[0]


shapes = content_octets.map(shape_of)

# ---- recordings

texts = st.text(st.characters(max_codepoint=255), max_size=40)
times = st.floats(0, 1000, allow_nan=False)
entries: st.SearchStrategy[AnyEntry] = st.one_of(
    st.builds(Line, times, smtp.commands | texts),
    st.builds(LongLine, times, texts, st.booleans()),
    st.builds(Content, times, shapes, st.just("0" * 64)),
    st.builds(lambda at, octets: Content(at, shape_of(octets), kept=octets), times, content_octets),
    st.builds(Left, times),
    st.builds(Said, times, st.sampled_from(["220 x", "250-a\n250 b", "354 go on", "550 5.7.1 no", "421", ""]), texts),
)
recordings = st.builds(
    Recording,
    began=st.floats(0, 4e9),
    host=st.just("h.example"),
    listen=st.sampled_from(["127.0.0.1:25", "*:25", "[::1]:25", "/tmp/s"]),
    peer_address=st.sampled_from(["192.0.2.1", "2001:db8::1"]),
    peer=st.just("192.0.2.1:4711"),
    local=st.sampled_from(["127.0.0.1:25", "/tmp/s", ""]),
    unix=st.booleans(),
    entries=st.lists(entries, max_size=8).map(tuple),
    seconds=times,
    why=st.sampled_from(["quit", "closed", "idle", "drain", ""]),
    cut=st.booleans(),
    reconfigured=st.booleans(),
)
recording_lines = recordings.map(encode)

# ---- scripts

script_lines = st.one_of(
    smtp.commands.map(str.encode),
    st.sampled_from(
        [
            b"< 250",
            b"<",
            b"< closed",
            b"+ 30",
            b"+ x",
            b"+ 99999999",
            b"# said",
            b"",
            b"> < 250",
            b">",
            b"DATA",
            b"data",
        ]
    ),
    st.sampled_from([b".", b"..", b"Subject: x", b"< 354", b"< 503 no", b"y" * 3000]),
)
scripts = st.lists(script_lines, max_size=12).flatmap(
    lambda lines: st.sampled_from([b"\n", b"\r\n"]).map(lambda end: end.join(lines))
)
