"""The stream as its followers have it: from any cursor exactly the rest, in order, or a gap that says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.events.hub import BATCH_EVENTS_MAX, GATHER_SECONDS, Hub, Overtaken
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Received, Record, Requested
from momentum_trio.mail.record import Panic as PanicRecord
from momentum_trio.protocol.events.cursor import Cursor, parse_cursor
from momentum_trio.protocol.events.event import AnyEvent, Gap, Panic, Reception
from momentum_trio.protocol.events.filter import Filter, Sieve

EVERYTHING = Sieve(Filter())


class World:
    """A clock and entropy of one's own."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed

    def now(self) -> float:
        return 1.0

    def octets(self, count: int) -> bytes:
        return bytes([self.seed]) * count


def hub(kept: int, seed: int = 1) -> Hub:
    world = cast(Any, World(seed))
    unused = cast(Any, None)
    return Hub(Machine(world, unused, world, unused, unused, unused), kept)


def panic(number: int) -> Record:
    return PanicRecord(float(number), Level.ERROR, str(number))


def reception(number: int) -> Record:
    return Received(float(number), f"m{number}", "b", "c", "a@b", "", "", "", "", 1, "esmtp")


def read(hub: Hub, after: Cursor | None, sieve: Sieve = EVERYTHING) -> Iterator[AnyEvent]:
    """All that a follower is told who comes now with the cursor *after*, until he would have to wait."""
    follower = hub.follow(after, sieve)
    try:
        while follower._gap is not None or follower.cursor.number < hub.cursor.number:
            for octets in trio.run(follower.next):
                yield msgspec.json.decode(octets, type=AnyEvent)
    finally:
        follower.close()


@given(st.integers(1, 8), st.integers(0, 30), st.data())
def test_from_any_cursor_exactly_the_rest_or_a_gap(kept: int, count: int, data: st.DataObject) -> None:
    stream = hub(kept)
    for number in range(1, count + 1):
        stream.take(panic(number))
    at = data.draw(st.integers(0, count + 3))
    told = list(read(stream, Cursor(stream.life, at)))
    numbers = [int(event.text) for event in told if isinstance(event, Panic)]
    assert numbers == list(range(numbers[0], count + 1)) if numbers else at >= count
    gaps = [event for event in told if isinstance(event, Gap)]
    if stream.oldest - 1 <= at <= count:
        assert not gaps
        assert numbers == list(range(at + 1, count + 1))
    else:
        assert told[0] == gaps[0]
        assert len(gaps) == 1
        assert parse_cursor(gaps[0].cursor).number == stream.oldest - 1
        assert gaps[0].missing == (stream.oldest - 1 - at if at < count else None)
        assert numbers == list(range(stream.oldest, count + 1))


@given(st.lists(st.booleans(), max_size=40), st.sampled_from(["reception", "panic"]), st.integers(0, 40))
def test_a_filter_leaves_out_and_changes_no_order(kinds: list[bool], word: str, at: int) -> None:
    stream = hub(64)
    for number, is_panic in enumerate(kinds, 1):
        stream.take((panic if is_panic else reception)(number))
    after = Cursor(stream.life, min(at, len(kinds)))
    everything, some = list(read(stream, after)), list(read(stream, after, Sieve(Filter(type=(word,)))))
    kind = Reception if word == "reception" else Panic
    assert some == [event for event in everything if isinstance(event, kind)]


def test_a_cursor_of_another_life_is_a_gap() -> None:
    first, second = hub(4, 1), hub(4, 2)
    for number in range(3):
        first.take(panic(number))
        second.take(panic(number))
    gap, *rest = read(second, first.cursor)
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.missing, gap.cursor) == ("other_life", None, f"{second.life}-0")
    assert [event.time for event in rest] == [0.0, 1.0, 2.0]


async def test_who_is_overtaken_is_told_so_and_goes_on_behind_a_gap() -> None:
    stream = hub(4)
    follower = stream.follow(None, EVERYTHING)
    for number in range(5):
        stream.take(panic(number))
    with pytest.raises(Overtaken):
        await follower.next()
    again = stream.follow(follower.cursor, EVERYTHING)
    gap = msgspec.json.decode((await again.next())[0], type=AnyEvent)
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.missing) == ("expired", 1)
    assert len(await again.next()) == 4


async def test_followers_are_woken_and_have_each_event_once(autojump_clock: object) -> None:
    stream, told = hub(10_000), dict[int, list[bytes]]({0: [], 1: [], 2: []})

    async def follow(place: int) -> None:
        follower = stream.follow(None, EVERYTHING)
        while len(told[place]) < 1200:
            found = await follower.next()
            assert len(found) <= BATCH_EVENTS_MAX
            told[place] += found
        follower.close()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            for place in told:
                nursery.start_soon(follow, place)
            await trio.testing.wait_all_tasks_blocked()
            for number in range(1200):
                stream.take(panic(number))
                if number % 100 == 0:
                    await trio.lowlevel.checkpoint()
    assert told[0] == told[1] == told[2]
    assert [msgspec.json.decode(each, type=AnyEvent).time for each in told[0]] == [float(n) for n in range(1200)]
    assert told[0][7] is told[1][7]  # rendered once
    assert stream.followers == 0


class Called:
    """One who is told when he is called, or *late*; *told* has the times of his events."""

    def __init__(self, stream: Hub, word: str, *, late: bool = False) -> None:
        self.follower = stream.follow(None, Sieve(Filter(type=(word,)) if word else Filter()))
        self.told, self.calls, self.late, self.waits = list[float](), 0, late, True
        self.follower.call(self._called)

    def _called(self) -> None:
        self.calls, self.waits = self.calls + 1, False
        if not self.late:
            self.look()
            self.wait()

    def look(self) -> None:
        while self.follower.is_behind:
            self.told += (msgspec.json.decode(each, type=AnyEvent).time for each in self.follower.look())

    def wait(self) -> None:
        self.waits = True
        self.follower.call(self._called)


STEPS = st.lists(
    st.sampled_from(["panic", "reception", "rest", "join", "join panic", "join late", "late"]), max_size=60
)


class Story:
    """Steps, and who is told of them. joined: with the type that he wants, and the step he came at."""

    def __init__(self) -> None:
        self.stream, self.number = hub(1000), 0
        self.joined, self.taken = list[tuple[Called, str, int]](), list[tuple[str, int]]()

    async def go(self, step: str) -> None:
        self.number += 1
        match step.split():
            case ["join", *words]:
                word = {"panic": "panic", "late": "reception"}.get("".join(words), "")
                self.joined.append((Called(self.stream, word, late="late" in words), word, self.number))
            case ["rest"]:
                await trio.sleep(GATHER_SECONDS + 1)
            case ["late"]:
                await self.be_late()
            case [kind]:
                self.take(kind)

    def take(self, kind: str) -> None:
        self.taken.append((kind, self.number))
        self.stream.take((panic if kind == "panic" else reception)(self.number))

    async def be_late(self) -> None:
        """Who was called looks now, and waits again a while after one event more, of which he does not know."""
        called = [one for one, _, _ in self.joined if not one.waits]
        for one in called:
            one.look()
        self.take("reception")
        await trio.sleep(GATHER_SECONDS + 1)
        for one in called:
            one.wait()

    def judge(self) -> None:
        for one, word, since in self.joined:
            assert one.told == [number for kind, number in self.taken if number > since and word in ("", kind)]
            assert one.follower.cursor == self.stream.cursor
            one.follower.close()
        assert not self.stream._watches


@given(STEPS)
def test_who_is_called_has_each_event_he_wants_once(steps: list[str]) -> None:
    """Also who comes while others are about to be called, and who knows less than they when he waits again."""

    async def run() -> None:
        story = Story()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(story.stream.run)
            for step in ("join", "join panic", "join late", *steps, "rest", "late", "rest"):
                await story.go(step)
            for one, _, _ in story.joined:
                if not one.waits:
                    one.look()  # who was called, and is late yet
            nursery.cancel_scope.cancel()
        story.judge()

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_who_wants_nothing_of_it_is_not_called_and_his_cursor_goes_on(autojump_clock: object) -> None:
    stream = hub(8)
    one = Called(stream, "panic")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.run)
        for number in range(100):  # more than are kept: he has missed nothing
            stream.take(reception(number))
            await trio.sleep(1)
        assert (one.calls, one.follower.cursor) == (0, stream.cursor)
        stream.take(panic(7))
        await trio.sleep(1)
        assert (one.calls, one.told) == (1, [7.0])
        nursery.cancel_scope.cancel()
    one.follower.close()
    assert not stream._watches


async def test_nobody_is_overtaken_by_what_he_does_not_want(autojump_clock: object) -> None:
    """However much of it comes while others are waited for."""
    stream = hub(8)
    one = Called(stream, "panic")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.run)
        for number in range(100):
            stream.take(reception(number))
            for _ in range(5):
                await trio.lowlevel.checkpoint()  # no time passes
        assert trio.current_time() == 0
        assert (one.calls, one.told) == (0, [])
        nursery.cancel_scope.cancel()
    one.follower.close()


def test_nobody_renders_what_nobody_wants() -> None:
    stream = hub(8)
    for number in range(100):
        stream.take(reception(number))
    assert list(read(stream, Cursor(stream.life, 95), Sieve(Filter(type=("bounce",))))) == []
    assert set(stream._rendered) == {None}


def test_who_leaves_is_counted_once() -> None:
    stream = hub(8)
    first, second = stream.follow(None, EVERYTHING), stream.follow(None, EVERYTHING)
    first.close()
    first.close()
    assert stream.followers == 1
    second.close()
    assert stream.followers == 0


def test_a_request_over_http_is_no_event() -> None:
    stream = hub(8)
    stream.take(Requested(1.0, "c", "e", "p", "GET", "/", "1.1", 200, 5, 0.1))
    assert stream.number == 0
