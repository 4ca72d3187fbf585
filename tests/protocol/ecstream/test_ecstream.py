"""Both sides of ECStream: their states, their bounds, and whole conversations in any order."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream import client, server
from momentum_trio.protocol.ecstream.batch import (
    HEAD_OCTETS,
    Batch,
    Encoded,
    Following,
    Message,
    Recipient,
    content_octets,
    decode_batch,
    encode_batch,
    message_octets,
)
from momentum_trio.protocol.ecstream.client import Client
from momentum_trio.protocol.ecstream.frame import (
    HEADER,
    PREFACE,
    Authenticate,
    Bye,
    Code,
    Error,
    Hello,
    Kind,
    LocalProtocolError,
    Octets,
    Pong,
    RemoteProtocolError,
    Welcome,
    decode,
    encode,
    framed,
)
from momentum_trio.protocol.ecstream.reader import BUFFER_OCTETS, Reader
from momentum_trio.protocol.ecstream.results import (
    REPLIES_MAX,
    RESULTS_OCTETS_MAX,
    WORDED_MAX,
    Result,
    Results,
    decode_results,
    encode_results,
)
from momentum_trio.protocol.ecstream.server import Begun, ContentPart, Server, Terms
from momentum_trio.protocol.ecstream.strategies import batches, feed, joined, results_of, smalls, welcomes
from momentum_trio.protocol.ecstream.strategies import results as some_results

TERMS = Terms(16384, 65536, 20, 3, 100_000, 300, 3600)
TAKEN = Reply.of("250 2.0.0 OK")
RCPT = (Recipient(b"a@b.example"),)


def one(number: int, *contents: Octets | Following, key: bytes = b"") -> Batch:
    """A batch with a message for each content."""
    return Batch(number, contents, tuple(Message(b"", RCPT, place, key=key) for place in range(len(contents))))


def sent(side: Client | Server) -> bytes:
    return joined(side.octets_to_send())


def connected(terms: Terms = TERMS) -> tuple[Client, Server]:
    ours, theirs = Client(b"test"), Server(terms)
    assert feed(theirs, sent(ours), 1 << 20) == []
    (welcome,) = feed(ours, sent(theirs), 1 << 20)
    assert welcome == Welcome(1, *terms[:-1])
    return ours, theirs


def refused(theirs: Server, octets: bytes) -> Code:
    """The code with which *theirs* ends on *octets*."""
    *_, closed = feed(theirs, octets, 1 << 20)
    assert isinstance(closed, server.Closed)
    assert closed.error is not None
    assert theirs.state is server.State.CLOSED
    return Code(closed.error.code)


# laws


@settings(max_examples=40)
@given(batches())
def test_batches_come_back(batch: Batch) -> None:
    payload = joined(encode_batch(batch))[HEADER.size :]
    assert decode_batch(payload) == batch
    told = sum(map(content_octets, batch.contents)) + sum(map(message_octets, batch.messages))
    assert HEAD_OCTETS + told == len(payload)


@settings(max_examples=40)
@given(some_results)
def test_results_come_back(results: Results) -> None:
    assert decode_results(joined(encode_results(results))[HEADER.size :]) == results


@settings(max_examples=40)
@given(smalls)
def test_small_frames_come_back(frame: Hello) -> None:
    octets = encode(frame)
    assert decode(Kind(octets[4]), octets[HEADER.size :]) == frame


@settings(max_examples=40)
@given(welcomes)
def test_a_welcome_comes_back_or_is_refused(welcome: Welcome) -> None:
    try:
        assert decode(Kind.WELCOME, encode(welcome)[HEADER.size :]) == welcome
    except RemoteProtocolError:
        assert welcome.frame_octets != 16384 or welcome.window_octets != 65536 or 0 in welcome[3:5]


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])  # what is drawn between steps takes their time
@given(st.data())
def test_any_cut_and_any_order_of_acknowledgements(data: st.DataObject) -> None:
    """Everybody learns the results of his own batch, and at the end all credit is back."""
    count = data.draw(st.integers(1, 5))
    wanted = {n: data.draw(batches(n)) for n in range(1, count + 1)}
    answers = {n: data.draw(results_of(batch)) for n, batch in wanted.items()}
    steps = st.sampled_from([1, 7, 1 << 20])
    ours, theirs = connected()
    learnt: dict[int, tuple[Result, ...]] = {}
    seen: dict[int, Batch] = {}
    unanswered: list[int] = []
    queue = list(wanted.values())
    while len(learnt) < count:
        while queue and ours.may_send((encoded := Encoded.of(queue[0])).octets):
            ours.batch(encoded)
            for content in queue.pop(0).contents:
                if isinstance(content, Following):
                    ours.chunk(b"x" * content.octets)
        for event in feed(theirs, sent(ours), data.draw(steps)):
            if isinstance(event, Begun):
                seen[event.batch.number] = event.batch
                if not event.whole:
                    continue
                unanswered.append(event.batch.number)
            elif isinstance(event, ContentPart):
                if data.draw(st.booleans()):
                    theirs.consumed(event.number, len(event.octets))
                if event.whole:
                    unanswered.append(event.number)
        number = data.draw(st.sampled_from(unanswered))
        unanswered.remove(number)
        theirs.results(number, answers[number])
        for event in feed(ours, sent(theirs), data.draw(steps)):
            if isinstance(event, Results):
                learnt[event.number] = event.messages
    assert (learnt, seen) == (answers, wanted)
    assert ours.credit == TERMS.window_octets
    ours.bye()
    assert feed(theirs, sent(ours), 1) == [server.Left(), server.Closed(None)]
    assert ours.next_event() == client.Closed(None, by_server=False)


# states


@pytest.mark.parametrize(
    ("state", "kind"), [each for each in product(server.State, Kind) if each != (server.State.CONTENT, Kind.CHUNK)]
)
def test_what_is_out_of_place_at_the_server(state: server.State, kind: Kind) -> None:
    theirs = Server(TERMS)
    theirs.state = state
    in_place = kind in server.TRANSITIONS[state] or (
        kind in (Kind.PING, Kind.PONG, Kind.ERROR) and state is not server.State.SILENT
    )
    events = feed(theirs, PREFACE + joined(framed(kind, b"")), 1 << 20)
    if state is server.State.CLOSED:
        assert events == []
    elif not in_place:
        assert events == [server.Closed(Error(Code.PROTOCOL, 1, f"{kind.name} is out of place".encode()))]
    else:
        assert "out of place" not in repr(events)


@pytest.mark.parametrize(
    ("lowest", "highest", "said"),
    [(1, 1, 1), (0, 9, 1), (1, 65535, 1), (2, 9, Code.VERSION), (0, 0, Code.VERSION), (2, 1, Code.PROTOCOL)],
)
def test_versions(lowest: int, highest: int, said: int | Code) -> None:
    theirs = Server(TERMS)
    hello = PREFACE + encode(Hello(lowest, highest))
    if isinstance(said, Code):
        assert refused(theirs, hello) is said
    else:
        assert feed(theirs, hello, 1) == []
        assert decode(Kind.WELCOME, sent(theirs)[HEADER.size :]) == Welcome(said, *TERMS[:-1])


def test_what_later_versions_add_to_hello_is_skipped() -> None:
    theirs = Server(TERMS)
    assert (
        feed(theirs, PREFACE + joined(framed(Kind.HELLO, encode(Hello(1, 2, b"x"))[HEADER.size :], b"more")), 1) == []
    )
    assert theirs.client_name == b"x"


def test_authentication() -> None:
    ours, theirs = connected(TERMS._replace(mechanisms=(b"LOGIN",), authenticated_only=True))
    ours.authenticate(b"LOGIN", b"ann")
    assert feed(theirs, sent(ours), 1) == [Authenticate(b"LOGIN", b"ann")]
    theirs.challenge(b"Password:")
    feed(ours, sent(theirs), 1)
    ours.authenticate(b"", b"secret")
    feed(theirs, sent(ours), 1)
    theirs.authenticated(b"ann")
    feed(ours, sent(theirs), 1)
    ours.batch(Encoded.of(one(1, b"x")))
    assert feed(theirs, sent(ours), 1) == [Begun(one(1, b"x"), True)]
    with pytest.raises(LocalProtocolError):
        ours.authenticate(b"LOGIN", b"")


@pytest.mark.parametrize("mechanism", [b"PLAIN", b""])
def test_authentication_that_does_not_begin(mechanism: bytes) -> None:
    ours, theirs = connected(TERMS._replace(mechanisms=(b"LOGIN",)))
    if mechanism:
        assert refused(theirs, encode(Authenticate(mechanism, b""))) is Code.PROTOCOL
    else:
        with pytest.raises(LocalProtocolError):
            ours.authenticate(mechanism, b"")


def test_keepalive_in_both_directions() -> None:
    ours, theirs = connected()
    ours.ping(b"12345678")
    theirs.ping(b"abcdefgh")
    asked = sent(theirs)
    assert feed(theirs, sent(ours), 1) == []
    assert feed(ours, asked + sent(theirs), 1) == [Pong(b"12345678")]
    assert sent(ours) == encode(Pong(b"abcdefgh"))


def test_results_after_an_error_are_not_sent() -> None:
    ours, theirs = connected()
    ours.batch(Encoded.of(one(1, b"x")))
    ours.batch(Encoded.of(one(2, b"x")))
    feed(theirs, sent(ours), 1)
    theirs.close(Code.CLOSING, b"later")
    theirs.results(1, (Result(b"id", TAKEN),))
    ended = feed(ours, sent(theirs), 1)
    assert ended == [client.Closed(Error(Code.CLOSING, 3, b"later"), True, (1, 2))]


def test_bye_waits_for_the_results() -> None:
    ours, theirs = connected()
    ours.batch(Encoded.of(one(1, b"x")))
    ours.bye()
    assert feed(theirs, sent(ours), 1)[1:] == [server.Left()]
    theirs.results(1, (Result(b"id", TAKEN),))
    assert theirs.next_event() == server.Closed(None)
    results, closed = feed(ours, sent(theirs), 1)
    assert results == Results(1, HEADER.size + len(joined(encode_batch(one(1, b"x")))[8:]), (Result(b"id", TAKEN),))
    assert closed == client.Closed(None, by_server=False)


def test_a_stream_that_ends_leaves_batches_unresolved() -> None:
    ours, theirs = connected()
    ours.batch(Encoded.of(one(1, b"x")))
    ours.received(0)
    theirs.received(0)
    (ended,) = (ours.next_event(),)
    assert isinstance(ended, client.Closed)
    assert ended.unresolved == (1,)
    assert isinstance(theirs.next_event(), server.Closed)
    assert sent(theirs) == b""


# bounds


@pytest.mark.parametrize(
    ("terms", "octets", "code"),
    [
        (TERMS, joined(encode_batch(one(2, b"x"))), Code.PROTOCOL),
        (TERMS, joined(framed(Kind.BATCH, b""))[:3] + b"\xff", Code.TOO_LARGE),
        (TERMS, joined(encode_batch(one(1, *[b""] * 21))), Code.TOO_LARGE),
        (TERMS, joined(encode_batch(one(1, Following(100_001)))), Code.TOO_LARGE),
        (TERMS, joined(encode_batch(one(1, Following(9)))) + encode(Bye()), Code.PROTOCOL),
        (TERMS, joined(encode_batch(one(1, Following(9)))) + joined(framed(Kind.CHUNK, b"")), Code.PROTOCOL),
        (TERMS, joined(encode_batch(one(1, Following(9)))) + joined(framed(Kind.CHUNK, b"x" * 10)), Code.PROTOCOL),
        (TERMS, b"".join(joined(encode_batch(one(n, b"x"))) for n in range(1, 5)), Code.CREDIT),
        (
            TERMS._replace(batches=9),
            b"".join(joined(encode_batch(one(n, bytes(15000)))) for n in range(1, 6)),
            Code.CREDIT,
        ),
        (TERMS._replace(key_seconds=0), joined(encode_batch(one(1, b"x", key=b"k"))), Code.NOT_ALLOWED),
        (TERMS._replace(authenticated_only=True), joined(encode_batch(one(1, b"x"))), Code.NOT_ALLOWED),
    ],
)
def test_what_is_beyond_the_bounds(terms: Terms, octets: bytes, code: Code) -> None:
    _, theirs = connected(terms)
    if len(octets) < HEADER.size:
        octets = (1 << 24).to_bytes(4) + bytes([Kind.BATCH, 0, 0, 0])
    assert refused(theirs, octets) is code


def test_a_server_that_grants_more_than_the_window() -> None:
    ours, theirs = connected()
    ours.batch(Encoded.of(one(1, b"x")))
    feed(theirs, sent(ours), 1)
    spent = TERMS.window_octets - ours.credit
    granted = joined(encode_results(Results(1, spent + 1, (Result(b"", TAKEN),))))
    (ended,) = feed(ours, granted, 1)
    assert isinstance(ended, client.Closed)
    assert ended.error is not None
    assert ended.error.code == Code.CREDIT


@pytest.mark.parametrize(
    "results",
    [
        Results(2, 0, (Result(b"", TAKEN),)),
        Results(1, 0, ()),
        Results(1, 0, (Result(b"", TAKEN, (TAKEN, TAKEN)),)),
    ],
)
def test_results_that_answer_no_batch(results: Results) -> None:
    ours, _ = connected()
    ours.batch(Encoded.of(one(1, b"x")))
    (ended,) = feed(ours, joined(encode_results(results)), 1)
    assert isinstance(ended, client.Closed)
    assert (ended.by_server, ended.unresolved) == (False, (1,))


def test_a_client_keeps_the_bounds_of_its_server() -> None:
    ours, _ = connected(TERMS._replace(key_seconds=0))
    for batch in (
        one(2, b"x"),
        one(1, bytes(16384)),
        one(1, *[b""] * 21),
        one(1, Following(100_001)),
        one(1, b"", key=b"k"),
    ):
        with pytest.raises(LocalProtocolError):
            ours.batch(Encoded.of(batch))
    ours.batch(Encoded.of(one(1, Following(20_000))))
    for chunk in (b"", bytes(20_001), bytes(16_385)):
        with pytest.raises(LocalProtocolError):
            ours.chunk(chunk)


def test_a_large_frame_is_received_where_it_is_read() -> None:
    reader = Reader(lambda kind: 1 << 20)
    content = bytes(range(256)) * 1024
    stream = joined(framed(Kind.CHUNK, content))
    at = 0
    rooms = []
    while (frame := reader.next_frame()) is None:
        room = reader.room()
        rooms.append(len(room))
        room[:] = stream[at : at + len(room)]
        at += len(room)
        reader.received(len(room))
    assert rooms == [BUFFER_OCTETS, len(stream) - BUFFER_OCTETS]
    kind, payload = frame
    assert (kind, payload == content, isinstance(payload, memoryview)) == (Kind.CHUNK, True, True)
    assert len(reader.room()) == BUFFER_OCTETS


def test_results_have_a_bound() -> None:
    replies = [Reply(code, "5.7.1", (f"{n:03}" * 200,)) for code in range(200, 600) for n in range(3)]
    octets = joined(encode_results(Results(1, 0, tuple(Result(b"", reply) for reply in replies))))
    results = decode_results(octets[HEADER.size :])
    distinct = {result.reply for result in results.messages}
    assert len(distinct) <= REPLIES_MAX
    assert [result.reply.code for result in results.messages] == [reply.code for reply in replies]
    assert len([reply for reply in distinct if reply.text]) == WORDED_MAX
    most = tuple(Result(b"i" * 32, TAKEN, (TAKEN,)) for _ in range(65535))
    assert len(octets) + len(joined(encode_results(Results(1, 0, most)))) < RESULTS_OCTETS_MAX
