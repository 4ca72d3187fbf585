"""Conversations to try the protocol with: right ones, nearly right ones, and octets cut anywhere."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from momentum_trio.protocol.console.frame import (
    Authenticate,
    Banner,
    Bye,
    Challenge,
    ClientFrame,
    Command,
    Complete,
    Completions,
    End,
    Farewell,
    Hello,
    Part,
    Refused,
    ServerFrame,
    Welcome,
    encode,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
lines = st.sampled_from(["help", "config set x y", "config s", "json summary", "", '"', "ü\n\0"]) | texts
requests = st.integers(1, 5)

hellos = st.builds(Hello, st.sampled_from([1, 1, 1, 2]), texts)
client_frames: st.SearchStrategy[ClientFrame] = st.one_of(
    hellos,
    st.builds(Command, requests, lines, st.sampled_from(["text", "json"])),
    st.builds(Complete, requests, lines),
    st.builds(Authenticate, texts, texts),
    st.builds(Bye),
)
server_frames: st.SearchStrategy[ServerFrame] = st.one_of(
    st.builds(Banner, st.sampled_from([(1,), (2, 1), (2,)]), texts, texts),
    st.builds(Challenge, texts),
    st.builds(Welcome, texts),
    st.builds(Refused, texts),
    st.builds(Part, requests, lines),
    st.builds(End, requests, st.sampled_from(["ok", "error"]), st.integers(0, 3), st.booleans()),
    st.builds(Completions, requests, st.integers(0, 50), st.lists(texts, max_size=4).map(tuple), st.booleans()),
    st.builds(Farewell, texts, st.booleans()),
)

# Frames somebody wrote by hand: a member missing, of the wrong type, too much of it, not JSON at all.
odd_lines = st.sampled_from(
    [
        b"{}",
        b"[]",
        b"null",
        b"",
        b'{"frame":1}',
        b'{"frame":"hello"}',
        b'{"frame":"hello","protocol":1e400}',
        b'{"frame":"hello","protocol":true}',
        b'{"frame":"hello","protocol":1,"client":"\xff"}',
        b'{"frame":"hello","protocol":1,"client":"\\ud800"}',
        b'{"frame":"hello","protocol":1,"more":' + b"[" * 3000,
        b'{"frame":"hello","protocol":1} ',
        b'{"frame":"hello","frame":"bye","protocol":1}',
        b'{"frame":"command","request":99999999999999999999,"line":""}',
        b'{"frame":"banner","protocols":[]}',
        b"GET / HTTP/1.1\r",
    ]
)


def _line(frame: ClientFrame | ServerFrame) -> bytes:
    return encode(frame)


def _broken(octets: bytes) -> st.SearchStrategy[bytes]:
    """*octets* with one octet changed or a tail missing."""
    place = st.integers(0, len(octets) - 1)
    return st.builds(lambda at, by: octets[:at] + by + octets[at + 1 :], place, st.binary(max_size=2)) | place.map(
        lambda at: octets[:at]
    )


def _stream(frames: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    line = frames | frames.flatmap(_broken) | odd_lines.map(lambda octets: octets + b"\n") | st.binary(max_size=20)
    return st.lists(frames | line, max_size=8).map(b"".join)


client_streams = st.builds(bytes.__add__, hellos.map(_line) | st.just(b""), _stream(client_frames.map(_line)))
server_streams = _stream(server_frames.map(_line)) | st.builds(
    bytes.__add__, st.just(encode(Banner((1,), "ecelerity", "0"))), _stream(server_frames.map(_line))
)
cuts = st.lists(st.integers(0, 400), max_size=12).map(sorted)
"""Places at which a stream is cut; those beyond its end cut nothing."""


def pieces(octets: bytes, places: list[int]) -> list[bytes]:
    """*octets* cut at *places*, without empty pieces (those mean the end of a stream)."""
    edges = [0, *places, len(octets)]
    return [piece for start, end in pairwise(edges) if (piece := octets[start:end])]
