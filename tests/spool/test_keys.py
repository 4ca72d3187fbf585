"""The index of idempotency keys is a dictionary, whatever comes and goes; its records are counted where they lie."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.spool.key import DIGEST_OCTETS, KEY_SECONDS_MAX, NAME_OCTETS, Answer, Earlier, key_name
from momentum_trio.spool.keys import EXPIRED_AT_ONCE_MAX, SLOTS_MIN, SLOTS_STEP, Keys, Moment, sensible_key
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.wire import REPLIES_WITH_TEXT_MAX, Keyed, Said, earlier_of, keyed_of

OCTETS = 100  # of each record


def name(high: int, low: int) -> bytes:
    return high.to_bytes(8, "big") + low.to_bytes(8, "big")


# names that want the same slots, and the ones at the end of the table
names = st.builds(name, st.integers(0, 2), st.sampled_from([0, 1, 2, SLOTS_MIN - 1, SLOTS_MIN, 2 * SLOTS_MIN - 1]))


@dataclass
class Model:
    """What an index must say. keys: by name, the record that tells of it, and the end of its time."""

    keys: dict[bytes, tuple[int, float]] = field(default_factory=dict)
    records: dict[int, Segment] = field(default_factory=dict)  # by number: where each was put

    def open(self) -> set[int]:
        return {record for record, _ in self.keys.values()}

    def check(self, keys: Keys, ledger: Ledger, now: float) -> None:
        assert len(keys) == len(self.keys)
        assert ledger.live_octets == OCTETS * len(self.open())
        for segment in ledger.segments:
            here = [record for record in sorted(self.open()) if self.records[record] is segment]
            assert [place.place for place in keys.places(segment)] == here
            assert (segment.records, segment.live_octets) == (len(here), OCTETS * len(here))
        for high in range(3):
            for low in (0, 1, 2, SLOTS_MIN - 1, SLOTS_MIN, 2 * SLOTS_MIN - 1, 7):
                found = keys.find(name(high, low), now)
                record, until = self.keys.get(name(high, low), (-1, -math.inf))
                assert (None if found is None else found.place) == (record if until > now else None)


steps = st.one_of(
    st.tuples(st.just("add"), st.lists(st.tuples(names, st.integers(1, 5)), max_size=4)),
    st.tuples(st.just("pass"), st.sampled_from([1.0, 2.0, 3.0])),
    st.tuples(st.just("lose"), st.integers(0, 5)),
    st.just(("segment", 0)),
)


@settings(deadline=None)
@given(st.lists(steps, max_size=25))
@example([("add", [(name(0, 0), 1), (name(0, 0), 5)]), ("pass", 1.0), ("pass", 2.0), ("pass", 2.0)])
@example([("add", [(name(high, 0), 1)]) for high in (0, 1, 1, 0)])
def test_it_is_a_dictionary_whose_entries_end(script: list[tuple[str, object]]) -> None:
    ledger, now, number = Ledger(), 10.0, 0
    keys, model = Keys(ledger), Model()
    ledger.begin_segment(Segment(1, 1, "", 0))
    for word, what in script:
        segment = ledger.segments[-1]
        if word == "add":
            assert isinstance(what, list)
            number += 1
            keys.add(segment, number, OCTETS, [(each, now + seconds) for each, seconds in what])
            model.records[number] = segment
            model.keys.update({each: (number, now + seconds) for each, seconds in what})
        elif word == "pass":
            assert isinstance(what, float)
            now += what
            if keys.next_end <= now:
                keys.expire(now)
            model.keys = {each: stand for each, stand in model.keys.items() if stand[1] > now}
        elif word == "lose" and (places := list(keys.places(segment))):
            assert isinstance(what, int)
            place = places[what % len(places)]
            mine = [each for each, (record, _) in model.keys.items() if record == place.place]
            assert keys.lose(place) == len(mine)
            for each in mine:
                del model.keys[each]
        elif word == "segment":
            ledger.begin_segment(Segment(len(ledger.segments) + 1, 1, "", 0))
        model.check(keys, ledger, now)


def test_many_find_their_places_and_leave_them() -> None:
    ledger = Ledger()
    ledger.begin_segment(Segment(1, 1, "", 0))
    keys = Keys(ledger, count_max=3 * SLOTS_STEP)
    count = SLOTS_STEP
    given = [key_name("", f"{n}") for n in range(count)]
    for each in given:
        keys.add(ledger.segments[0], 0, OCTETS, [(each, 5.0)])
    assert all(keys.find(each, 4.9) for each in given)
    assert keys.find(bytes(NAME_OCTETS), 0.0) is None
    keys.expire(5.0)
    assert len(keys) == count - EXPIRED_AT_ONCE_MAX  # others get their turn
    while keys.next_end <= 5.0:
        keys.expire(5.0)
    assert (len(keys), ledger.live_octets, keys.next_end) == (0, 0, math.inf)


# -- time --------------------------------------------------------------------------------------------------------------


def keyed(given_at: float, seconds: int = 100) -> Keyed:
    return Keyed(bytes(NAME_OCTETS), bytes(DIGEST_OCTETS), given_at, seconds, "b", [Said(250, "", ["OK"])], [])


@pytest.mark.parametrize(
    ("given_at", "left"),
    [(1000.0, 100.0), (960.0, 60.0), (900.0, 0.0), (1e9, 100.0), (-math.inf, -math.inf), (math.nan, 100.0)],
)
def test_how_much_of_its_time_is_left(given_at: float, left: float) -> None:
    assert Moment(wall=1000.0, steady=7.0).until(keyed(given_at)) == 7.0 + left


# -- what is kept ------------------------------------------------------------------------------------------------------

HOSTILE = [
    {"name": b"short"},
    {"digest": b""},
    {"seconds": 0},
    {"seconds": KEY_SECONDS_MAX + 1},
    {"replies": []},
    {"replies": [Said(99, "", ["x"])]},
    {"replies": [Said(250, "", [])]},
    {"recipients": [1]},
    {"recipients": [-1]},
]


@pytest.mark.parametrize("changes", HOSTILE)
def test_what_no_program_of_ours_wrote(changes: dict[str, object]) -> None:
    good = keyed(1.0)
    assert sensible_key(good)
    fields = {each: getattr(good, each) for each in good.__struct_fields__}
    assert not sensible_key(Keyed(**fields | changes))


replies = st.builds(Reply, st.integers(200, 599), st.sampled_from(["", "2.1.5"]), st.tuples(st.text(max_size=5)))


@given(replies, st.lists(replies, max_size=8).map(tuple))
def test_what_was_answered_is_answered_again(reply: Reply, recipients: tuple[Reply, ...]) -> None:
    answer = Answer(reply, recipients)
    written = keyed_of(bytes(NAME_OCTETS), Earlier(bytes(DIGEST_OCTETS), "b", answer), 1.0, 60)
    assert sensible_key(written)
    same_for_all = set(recipients) <= {reply}
    assert earlier_of(written) == (bytes(DIGEST_OCTETS), "b", Answer(reply) if same_for_all else answer)


def test_of_very_many_replies_some_lose_their_texts() -> None:
    recipients = tuple(Reply(550, "5.1.1", (f"no {n}",)) for n in range(1000))
    written = keyed_of(b"", Earlier(b"", "b", Answer(Reply.of("250 OK"), recipients)), 1.0, 60)
    assert len(written.replies) == REPLIES_WITH_TEXT_MAX + 1
    again = earlier_of(written).answer.recipients
    assert [reply.code for reply in again] == [550] * 1000
    assert again[: REPLIES_WITH_TEXT_MAX - 1] == recipients[: REPLIES_WITH_TEXT_MAX - 1]


def test_nobody_has_anothers_key() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("", "abc"), ("a", "b"), ("b", "a"), ("ab", "cd"), ("é", "a"), ("a", "é")]
    assert len({key_name(scope, key) for scope, key in pairs}) == len(pairs)
