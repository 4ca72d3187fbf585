"""Batches, results and streams to try ECStream with: right ones, nearly right ones, and octets cut anywhere."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream.batch import Batch, Following, Message, Recipient, encode_batch
from momentum_trio.protocol.ecstream.client import Client
from momentum_trio.protocol.ecstream.frame import (
    PREFACE,
    Authenticate,
    Authenticated,
    Bye,
    Challenge,
    Credit,
    Error,
    Hello,
    Kind,
    Octets,
    Ping,
    Pong,
    Small,
    Unproved,
    Welcome,
    encode,
    framed,
)
from momentum_trio.protocol.ecstream.results import Result, Results, encode_results
from momentum_trio.protocol.ecstream.server import Server

numbers = st.integers(1, 5)
octets = st.binary(max_size=30)
paths = st.sampled_from([b"a@b.example", b"postmaster", b'"a b"@[192.0.2.1]', "ü@ü.example".encode()])
recipients = st.builds(Recipient, paths, st.sampled_from([b"", b"NOTIFY=NEVER"]))
contexts = st.lists(st.tuples(octets, octets), max_size=2).map(tuple)


@st.composite
def batches(draw: st.DrawFn, number: int | None = None) -> Batch:
    """A batch in which every content is used."""
    contents: tuple[Octets | Following, ...] = draw(
        st.lists(octets | st.builds(Following, st.integers(1, 60)), min_size=1, max_size=3).map(tuple)
    )
    used = [*range(len(contents)), *draw(st.lists(st.integers(0, len(contents) - 1), max_size=2))]
    messages = tuple(
        Message(
            draw(st.just(b"") | paths),
            draw(st.lists(recipients, min_size=1, max_size=3).map(tuple)),
            content,
            draw(st.sampled_from([b"", b"BODY=8BITMIME"])),
            draw(contexts),
            draw(st.sampled_from([b"", b"key-1"])),
        )
        for content in used
    )
    return Batch(draw(numbers) if number is None else number, contents, messages)


replies = st.builds(
    Reply,
    st.integers(200, 599),
    st.sampled_from(["", "2.0.0", "5.7.1"]),
    st.lists(st.text("ab ", max_size=5), min_size=1, max_size=2).map(tuple),
)


def results_of(batch: Batch) -> st.SearchStrategy[tuple[Result, ...]]:
    """Results that may answer *batch*."""
    return st.tuples(
        *(
            st.builds(
                Result,
                st.binary(max_size=32),
                replies,
                st.just(()) | st.tuples(*[replies] * len(message.recipients)),
            )
            for message in batch.messages
        )
    )


results = batches().flatmap(lambda batch: st.builds(Results, numbers, st.integers(0, 500), results_of(batch)))
welcomes = st.builds(
    Welcome,
    st.sampled_from([1, 1, 2]),
    st.sampled_from([16384, 65528, 1]),
    st.sampled_from([65536, 100]),
    st.integers(0, 20),
    st.integers(0, 4),
    st.integers(0, 100),
    st.integers(0, 9),
    st.integers(0, 9),
    st.lists(st.binary(min_size=1, max_size=9), max_size=2).map(tuple),
    octets,
)
tokens = st.binary(min_size=8, max_size=8)
versions = st.tuples(st.integers(0, 2), st.integers(0, 9)).map(sorted)
hellos = st.builds(lambda both, name: Hello(both[0], both[1], name), versions, octets)
errors = st.builds(Error, st.integers(0, 9), numbers, octets)
smalls: st.SearchStrategy[Small] = st.one_of(
    hellos,
    st.builds(Authenticate, octets, octets),
    st.builds(Challenge, octets),
    st.builds(Authenticated, octets),
    st.builds(Unproved, octets),
    st.builds(Credit, st.integers(0, 500)),
    st.builds(Ping, tokens),
    st.builds(Pong, tokens),
    st.just(Bye()),
    errors,
)


def joined(pieces: Iterable[Octets]) -> bytes:
    """*pieces* as the other side sees them."""
    return b"".join(map(bytes, pieces))


def _broken(whole: bytes) -> st.SearchStrategy[bytes]:
    """*whole* with one octet changed, or its tail missing."""
    place = st.integers(0, len(whole) - 1)
    changed = st.builds(lambda at, by: whole[:at] + bytes([by]) + whole[at + 1 :], place, st.integers(0, 255))
    return changed | place.map(lambda at: whole[:at])


_frames = (
    st.builds(lambda batch: joined(encode_batch(batch)), batches())
    | results.map(lambda each: joined(encode_results(each)))
    | smalls.map(encode)
    | welcomes.map(encode)
    | st.binary(min_size=1, max_size=60).map(lambda chunk: joined(framed(Kind.CHUNK, chunk)))
)
_stream = st.lists(_frames | _frames.flatmap(_broken), max_size=6).map(b"".join)
_hello = st.just(PREFACE + encode(Hello(1, 1, b"x")))
_first = batches(1).map(lambda batch: joined(encode_batch(batch)))
_welcome = st.just(encode(Welcome(1, 16384, 65536, 20, 4, 100, 9, 9)))
client_streams = st.builds(lambda *parts: b"".join(parts), _hello, _first, _stream) | _stream
server_streams = st.builds(bytes.__add__, _welcome, _stream) | _stream


def feed(side: Client | Server, stream: bytes, step: int) -> list[object]:
    """The events of *side*, when *stream* comes in steps of at most *step* octets."""
    events: list[object] = []
    at = 0
    while at < len(stream):
        room = side.room()
        count = min(step, len(room), len(stream) - at)
        room[:count] = stream[at : at + count]
        side.received(count)
        at += count
        while (event := side.next_event()) is not None:
            events.append(event)
    return events
