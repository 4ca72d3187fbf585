"""Records become events that say the same, whole and in JSON; cursors and filters say what they mean."""

from __future__ import annotations

import inspect
from itertools import chain

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.log.strategies import records as logged_records
from momentum_trio.mail import record as mail_record
from momentum_trio.mail.record import (
    Delivered,
    Failed,
    ListenOpened,
    MessageRecord,
    Panic,
    Received,
    Reconfigured,
    Record,
    Rejected,
    Requested,
    SessionBegan,
    SessionEnded,
)
from momentum_trio.protocol.events.cursor import Cursor, parse_cursor
from momentum_trio.protocol.events.event import EVENTS, AnyEvent, Gap, word_of
from momentum_trio.protocol.events.filter import TYPES, Filter, Sieve, filter_of
from momentum_trio.protocol.events.message import Ping, Subscribe, parse
from momentum_trio.protocol.events.render import CHANGE_MAX, CHANGES_MAX, SHORTENED, TEXT_MAX, TOLD, encoded, event_of
from momentum_trio.protocol.events.strategies import cursors, filters, said

CURSOR = "0123456789abcdef-7"
words = st.text(max_size=6)
records = logged_records.filter(lambda record: not isinstance(record, Requested)) | st.one_of(
    st.builds(SessionBegan, st.floats(0, 4e9), st.sampled_from(["SMTP", "HTTP", "x"]), words, words, words),
    st.builds(SessionEnded, st.floats(0, 4e9), words, words, st.integers(0, 9), st.integers(0, 9), words),
    st.builds(ListenOpened, st.floats(0, 4e9), st.just("ESMTP_Listener"), words),
    st.builds(Reconfigured, st.floats(0, 4e9), st.integers(1, 9), st.lists(words, max_size=2).map(tuple)),
)
MESSAGE = ("m1", "b1", "c1", "to@One.example", "from@two.example", "g", "b")
RECEIVED = Received(1.0, *MESSAGE, "192.0.2.1", 5, "esmtp")
DELIVERED = Delivered(2.0, *MESSAGE, "routed.example", 5, 0, 1.0, "2001:db8::1")
DEFERRED = Failed(3.0, *MESSAGE, False, "routed.example", 0, 1, 0, 1.0, "", "450 busy")
BOUNCED = Failed(4.0, *MESSAGE, True, "routed.example", 0, 1, 0, 1.0, "", "550 5.1.1 no such user")
REJECTED = Rejected(5.0, "192.0.2.1:4711", "192.0.2.2:25", "c2", "", "", "mailfrom", 550, "x", "no", protocol="esmtp")
BEGAN = SessionBegan(6.0, "SMTP", "c1", ":25", "[2001:db8::1]:99")
PANICKED = Panic(7.0, mail_record.Level.ERROR, "oh")
ALL = (RECEIVED, DELIVERED, DEFERRED, BOUNCED, REJECTED, BEGAN, PANICKED)


def test_every_record_has_its_event_and_every_event_its_record() -> None:
    kinds = {kind for _, kind in inspect.getmembers(mail_record, inspect.isclass) if issubclass(kind, Record)}
    assert set(TOLD) == kinds - {Record, MessageRecord} - {Requested}
    assert SHORTENED[Requested](None) is None
    assert set(chain.from_iterable(telling.kinds for telling in TOLD.values())) | {Gap} == set(EVENTS)
    assert len({word_of(kind) for kind in EVENTS}) == len(EVENTS)


@given(records)
def test_an_event_is_json_of_its_type_and_says_what_the_record_says(record: Record) -> None:
    event = event_of(record, CURSOR)
    octets = encoded(event)
    read = msgspec.json.decode(octets, type=AnyEvent)
    assert type(read) is type(event)
    assert (read.cursor, read.time) == (CURSOR, record.at)
    assert b"\n" not in octets
    if "?" not in octets.decode():
        assert read == event
    for name in {"message_id", "connection_id", "code", "command", "octets"} & set(dir(event)):
        assert getattr(event, name) == getattr(record, name)


def test_what_nothing_else_bounds_is_cut() -> None:
    panic = Panic(1.0, mail_record.Level.ERROR, "x" * 100_000)
    changes = Reconfigured(1.0, 2, ("y" * 100_000,) * 1000)
    for record, octets_max in ((panic, TEXT_MAX + 200), (changes, CHANGES_MAX * (CHANGE_MAX + 10))):
        short = SHORTENED[type(record)](record)
        assert short is not None
        assert len(encoded(event_of(short, CURSOR))) < octets_max


@given(cursors)
def test_a_cursor_is_read_as_it_is_written(cursor: Cursor) -> None:
    assert parse_cursor(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "-7", "0123456789abcdef", "0123456789abcdef-", "0123456789ABCDEF-7", "0123456789abcdef-07"),
        *("0123456789abcdef--7", " 0123456789abcdef-7", "0123456789abcdef-" + "9" * 19, "0123456789abcdef-7\n"),
    ],
)
def test_what_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="expected a cursor"):
        parse_cursor(text)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Filter(), ALL),
        (Filter(type=("reception",)), (RECEIVED,)),
        (Filter(type=("transient",)), (DEFERRED,)),
        (Filter(type=("Bounce", "panic")), (BOUNCED, PANICKED)),
        (Filter(domain=("one.EXAMPLE",)), (RECEIVED, DELIVERED, DEFERRED, BOUNCED)),
        (Filter(domain=("routed.example",)), (DELIVERED, DEFERRED, BOUNCED)),
        (Filter(domain=("e.example",)), ()),
        (Filter(address=("FROM@two.example",)), (RECEIVED, DELIVERED, DEFERRED, BOUNCED)),
        (Filter(address=("from@two.example",), type=("bounce",)), (BOUNCED,)),
        (Filter(peer=("192.0.2.0/24",)), (RECEIVED, REJECTED)),
        (Filter(peer=("2001:db8::/32",)), (DELIVERED, BEGAN)),
        (Filter(connection=("c1",)), (RECEIVED, DELIVERED, DEFERRED, BOUNCED, BEGAN)),
        (Filter(message=("b1",)), (RECEIVED, DELIVERED, DEFERRED, BOUNCED)),
        (Filter(message=("m1",), connection=("c2",)), ()),
        (Filter(listener=("ESMTP_Listener",)), (RECEIVED, REJECTED, BEGAN)),
        (Filter(listener=("http_listener",)), ()),
    ],
)
def test_filters(wanted: Filter, told: tuple[Record, ...]) -> None:
    sieve = Sieve(wanted)
    assert tuple(record for record in ALL if sieve.wants(record)) == told


@given(filters, records)
def test_a_wider_filter_wants_no_less(wanted: Filter, record: Record) -> None:
    if Sieve(wanted).wants(record):
        for name in wanted.__struct_fields__:
            assert Sieve(msgspec.structs.replace(wanted, **{name: ()})).wants(record)
        assert TYPES & {word_of(kind) for kind in TOLD[type(record)].kinds}


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Filter(type=("receptions",)), "no events of type 'receptions'"),
        (Filter(type=("gap",)), "no events of type 'gap'"),
        (Filter(listener=("smtp",)), "no listener 'smtp'"),
        (Filter(peer=("10.0.0.0/33",)), "prefix length"),
        (Filter(peer=("here",)), "not an IPv4"),
    ],
)
def test_filters_that_mean_nothing(wanted: Filter, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Sieve(wanted)


def test_a_filter_from_a_query() -> None:
    pairs = [("type", "bounce, transient"), ("type", "panic"), ("domain", "a.example")]
    assert filter_of(pairs) == Filter(type=("bounce", "transient", "panic"), domain=("a.example",))
    for wrong in ([("typ", "x")], [("domain", "x" * 400)], [("domain", "x")] * 51):
        with pytest.raises(ValueError, match=r"criterion|at most"):
            filter_of(wrong)


@given(said)
def test_what_a_client_says_is_read_as_it_was_meant(meant: Subscribe | Ping) -> None:
    assert parse(msgspec.json.encode(meant)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"type":"subscribed"}',
        '{"type":"subscribe","curser":""}',
        '{"type":"subscribe","filter":{"domain":"x"}}',
        '{"type":"subscribe","filter":{"domain":[""]}}',
        '{"type":"subscribe","filter":{"domain":' + str(["x"] * 51).replace("'", '"') + "}}",
        '{"type":"ping","id":"' + "x" * 65 + '"}',
        b"\xff",
        "[" * 70_000,
    ],
)
def test_what_a_client_may_not_say(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)
