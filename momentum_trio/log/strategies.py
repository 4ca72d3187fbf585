"""Records as peers, operators and attackers would have them logged, and lines that look like theirs."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.log import acctlog, httplog, importlog, mainlog, paniclog, rejectlog
from momentum_trio.log.jlog_format import Header, checkpoint_octets
from momentum_trio.mail.log_position import Position
from momentum_trio.mail.record import (
    Authenticated,
    Authorized,
    Delivered,
    Failed,
    Imported,
    ImportResult,
    Level,
    Panic,
    Received,
    Record,
    Rejected,
    Requested,
    Transferred,
)

# What an attacker would try, what breaks naive readers, and anything else.
texts = st.lists(
    st.sampled_from(
        ["@", "\\", "\n", "\r", '"', " ", "x41", "\\x0A", "\x7f", "\x85", "\u2028", "\ud800", "\udcff", "a", "]", "="]
    )
    | st.characters()
    | st.text(max_size=3),
    max_size=8,
).map("".join)
paths = st.just("") | st.just("postmaster") | st.just("bob@example.com") | st.tuples(texts, texts).map("@".join)
times = st.floats(0, 4e9)
ages = st.floats(-1e6, 1e7)
counts = st.integers(0, 2**40)

messages = (times, texts, texts, texts, paths, paths, texts, texts)
receptions = st.builds(Received, *messages, texts, counts, texts)
deliveries = st.builds(Delivered, *messages, texts, counts, counts, ages, texts)
transfers = st.builds(Transferred, *messages, texts, counts, counts, ages, texts)
failures = st.builds(Failed, *messages, st.booleans(), texts, counts, counts, counts, ages, texts, texts, counts, times)
contexts = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
rejections = st.builds(Rejected, times, *[texts] * 6, st.integers(200, 599), texts, texts, contexts, contexts)
panics = st.builds(Panic, times, st.sampled_from(Level), texts)
authentications = st.builds(Authenticated, times, texts, texts, texts, st.booleans(), st.booleans())
authorizations = st.builds(Authorized, times, texts, texts, texts, st.booleans(), texts, texts)
imports = st.builds(Imported, times, texts, texts, st.sampled_from(ImportResult), texts)
requests = st.builds(
    Requested, times, *[texts] * 6, st.integers(100, 599), counts, st.floats(0, 1e6), texts, st.booleans()
)
records = st.one_of(
    receptions, deliveries, transfers, failures, rejections, panics, authentications, authorizations, imports, requests
)


def written(record: Record) -> tuple[str, str]:
    """The log that *record* goes to, and its line there."""
    match record:
        case Received():
            return "mainlog", mainlog.received(record)
        case Delivered():
            return "mainlog", mainlog.delivered(record)
        case Failed():
            return "mainlog", mainlog.failed(record)
        case Rejected():
            return "rejectlog", rejectlog.rejected(record)
        case Authenticated():
            return "acctlog", acctlog.authenticated(record)
        case Authorized():
            return "acctlog", acctlog.authorized(record)
        case Imported():
            return "importlog", importlog.imported(record)
        case Requested():
            return "httplog", httplog.requested(record)
        case Panic():
            return "paniclog", paniclog.panic(record)
    raise AssertionError(record)


lines = st.one_of(
    records.map(lambda record: written(record)[1]),
    st.lists(texts, max_size=17).map("@".join),
    st.builds("{0:d}@{1}@{1}@{1}@{2}@{3}".format, counts, texts, st.sampled_from("RDXTPMB"), texts),
)

LOG_ID = b"\x07" * 8


@st.composite
def segments(draw: st.DrawFn, number: int) -> bytes:
    """A segment of a durable log that begins well. Lines are numbered as they should be, or nearly."""
    first = draw(st.integers(0, 3))
    previous = Position(draw(st.integers(0, number)), draw(st.integers(0, 200)))
    header = Header(draw(st.sampled_from([LOG_ID] * 4 + [bytes(8)])), number, *previous, first)
    parts, following = [header.octets()], first
    for lines in draw(st.lists(st.lists(st.binary(max_size=8), min_size=1, max_size=3), max_size=5)):
        octets = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
        parts.append(header.lines(following + draw(st.sampled_from([0, 0, 0, 0, 1])), octets))
        following += len(lines)
    return b"".join(parts)


@st.composite
def checkpoints(draw: st.DrawFn, subscriber: str) -> bytes:
    """The checkpoint of *subscriber*, which may be of another log, or nowhere."""
    log_id = draw(st.sampled_from([LOG_ID] * 4 + [bytes(8)]))
    return checkpoint_octets(log_id, subscriber, Position(draw(st.integers(0, 3)), draw(st.integers(0, 300))))


def spoilt(files: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """One of *files*, or one that was cut, or has a wrong octet, or anything."""
    cut = st.tuples(files, st.integers(0, 400)).map(lambda drawn: drawn[0][: drawn[1]])
    wrong = st.tuples(files, st.integers(0, 400), st.integers(1, 255)).map(_with_a_wrong_octet)
    return files | cut | wrong | st.binary(max_size=60)


def _with_a_wrong_octet(drawn: tuple[bytes, int, int]) -> bytes:
    octets, at, mask = drawn
    at %= max(1, len(octets))
    return octets[:at] + bytes([octets[at] ^ mask]) + octets[at + 1 :]


jlog_files = st.tuples(spoilt(segments(0)), spoilt(segments(1)), spoilt(checkpoints("master")))
