"""What waits for a webhook, through loss of power at every step: nothing lost or twice, order kept, or it is said."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.machine.disk import Disk
from momentum_trio.webhook.segment import EVENT_OCTETS_MAX, HEADER_OCTETS, NAMES
from momentum_trio.webhook.store import FILE_OCTETS_MIN, GROUP_OCTETS_MAX, Batch, Store, groups
from sim.disk import PowerCut, SimStore

FOLDER = "/spool/webhooks/hook"
BACKLOG = 1 << 20
EVENT_OCTETS = FILE_OCTETS_MIN // 3  # a file is full after three
PLENTY = 1_000


def event(number: int, octets: int = EVENT_OCTETS) -> bytes:
    return f"event {number} ".encode().ljust(octets, b".")


def number_of(octets: bytes) -> int:
    return int(octets.split()[1])


@dataclass
class Receiver:
    """Who is told, and keeps the ids of batches. told: of events, in order. missing: how many he was told are lost."""

    ids: set[str] = field(default_factory=set)
    told: list[int] = field(default_factory=list)
    missing: int = 0
    last: int = 0

    def take(self, batch: Batch) -> None:
        if batch.id in self.ids:
            return
        self.ids.add(batch.id)
        assert batch.first == self.last + 1 + batch.missing
        assert batch.last == batch.first + len(batch.events) - 1
        self.last, self.missing = batch.last, self.missing + batch.missing
        self.told += map(number_of, batch.events)


@dataclass
class Producer:
    """What was to be kept. promised: what ``append`` returned for; dropped: what it said goes for it."""

    made: int = 0
    promised: list[int] = field(default_factory=list)
    dropped: int = 0


def survives(store: SimStore, cut_after: int | None, life: Callable[[], object]) -> bool:
    """Whether *life* comes to its end although power fails after *cut_after* operations."""
    store.cut_after = cut_after
    try:
        trio.run(life)  # type: ignore[arg-type]
    except PowerCut:
        return False
    finally:
        store.cut_after = None
    return True


async def produce(store: Store, producer: Producer, count: int) -> None:
    numbers = range(producer.made + 1, producer.made + count + 1)
    producer.made += count
    for group in groups([event(number) for number in numbers]):
        producer.dropped += await store.append(group)
        producer.promised += map(number_of, group)


async def tell(store: Store, receiver: Receiver, events_max: int, *, acknowledge: bool = True) -> None:
    batch = await store.next(events_max)
    await store.begin_sending(batch)
    receiver.take(batch)
    if acknowledge:
        await store.acknowledge(batch)


def opened(disk: Disk, life: int, backlog: int = BACKLOG) -> Store:
    return Store(disk, FOLDER, bytes([life]) * 8, backlog)


async def drained(medium: SimStore, life: int, receiver: Receiver) -> None:
    store = opened(medium.mount(), life)
    await store.open()
    while store.waiting:
        await tell(store, receiver, PLENTY)


async def script(medium: SimStore, life: int, producer: Producer, receiver: Receiver) -> None:
    store = opened(medium.mount(), life)
    await store.open()
    await produce(store, producer, 4)
    await tell(store, receiver, 2)
    await tell(store, receiver, 5, acknowledge=False)
    await produce(store, producer, 2)
    for _ in range(3):
        if store.waiting:
            await tell(store, receiver, 2)
    await produce(store, producer, 1)
    await store.close()


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_power_fails_at_every_step_of_two_lives_and_of_what_comes_after(seed: int | None) -> None:
    point = 0
    while not power_fails_at(point, None if seed is None else random.Random(seed * 1000 + point)):
        point += 1
    assert point > 40


def power_fails_at(point: int, draws: random.Random | None) -> bool:
    """Whether the first of the lives came to its end nonetheless."""
    medium, producer, receiver = SimStore(), Producer(), Receiver()
    done = survives(medium, point, lambda: script(medium, 1, producer, receiver))
    medium.power_loss(draws)
    survives(medium, point % 23, lambda: script(medium, 2, producer, receiver))
    medium.power_loss(draws)
    survives(medium, point % 11, lambda: drained(medium, 3, receiver))
    medium.power_loss(draws)
    trio.run(drained, medium, 4, receiver)
    assert receiver.told == sorted(set(receiver.told))
    assert set(producer.promised) <= set(receiver.told)
    assert receiver.missing == 0
    return done


def test_after_a_kill_what_was_read_is_durable_before_it_is_told() -> None:
    medium, producer, receiver = SimStore(), Producer(), Receiver()
    assert not survives(medium, 9, lambda: script(medium, 1, producer, receiver))
    medium.end_lives()  # the page cache stays
    survives(medium, 12, lambda: drained(medium, 2, receiver))
    medium.power_loss()
    trio.run(drained, medium, 3, receiver)
    assert receiver.missing == 0
    assert set(producer.promised) <= set(receiver.told)


async def test_a_batch_that_was_begun_is_the_same_after_a_crash() -> None:
    medium = SimStore()
    store = opened(medium.mount(), 1)
    await store.open()
    await store.append([event(n, 10) for n in range(1, 4)])
    first = await store.next(PLENTY)
    await store.begin_sending(first)
    await store.append([event(n, 10) for n in range(4, 9)])
    medium.power_loss()
    store = opened(medium.mount(), 2)
    found = await store.open()
    assert not found.in_order
    again = await store.next(PLENTY)
    assert (again.id, again.events) == (first.id, first.events)
    await store.acknowledge(again)
    assert [number_of(octets) for octets in (await store.next(PLENTY)).events] == [4, 5, 6, 7, 8]


async def test_farewell_is_known_and_files_that_were_taken_are_gone() -> None:
    medium, producer, receiver = SimStore(), Producer(), Receiver()
    for life in range(1, 4):
        store = opened(medium.mount(), life)
        assert (await store.open()).in_order
        await produce(store, producer, 7)
        while store.waiting:
            await tell(store, receiver, 2)
        await store.close()
        medium.end_lives()
    assert receiver.told == list(range(1, 22))
    assert len(medium.files(FOLDER)) == 1


async def test_when_too_much_waits_the_oldest_is_dropped_and_it_is_said() -> None:
    medium, producer, receiver = SimStore(), Producer(), Receiver()
    store = opened(medium.mount(), 1)
    await store.open()
    await produce(store, producer, 4)
    held = await store.next(PLENTY)
    await produce(store, producer, 96)
    assert producer.dropped > 40
    assert sum(medium.files(FOLDER).values()) == store.octets <= BACKLOG + GROUP_OCTETS_MAX
    receiver.take(held)
    await store.acknowledge(held)
    while store.waiting:
        await tell(store, receiver, PLENTY)
    assert receiver.missing == producer.dropped - held.last
    assert receiver.told == [*range(1, held.last + 1), *range(held.last + receiver.missing + 1, 101)]


async def test_what_cannot_be_read_any_more_is_said_to_be_missing() -> None:
    medium, producer, receiver = SimStore(), Producer(), Receiver()
    store = opened(medium.mount(), 1)
    await store.open()
    await produce(store, producer, 3)
    await produce(store, producer, 3)
    medium.flip(f"{FOLDER}/{NAMES.of(1)}", HEADER_OCTETS + EVENT_OCTETS + 100)  # of the second event
    while store.waiting:
        await tell(store, receiver, PLENTY)
    assert (receiver.told, receiver.missing) == ([1, 4, 5, 6], 2)


async def test_a_file_whose_header_is_gone_is_removed_and_named() -> None:
    medium, producer, receiver = SimStore(), Producer(), Receiver()
    for life in (1, 2):
        store = opened(medium.mount(), life)
        await store.open()
        await produce(store, producer, 2)
        medium.end_lives()
    medium.flip(f"{FOLDER}/{NAMES.of(1)}", 3)
    store = opened(medium.mount(), 3)
    assert (await store.open()).damaged == [NAMES.of(1)]
    while store.waiting:
        await tell(store, receiver, PLENTY)
    assert (receiver.told, receiver.missing) == ([3, 4], 2)


async def test_after_a_failed_write_nothing_goes_into_that_file() -> None:
    medium, producer, receiver = SimStore(), Producer(), Receiver()
    store = opened(medium.mount(), 1)
    await store.open()
    await produce(store, producer, 1)
    medium.fill()
    with pytest.raises(OSError, match="space"):
        await store.append([event(2)])
    medium.heal()
    await store.append([event(2)])
    medium.power_loss()
    store = opened(medium.mount(), 2)
    await store.open()
    while store.waiting:
        await tell(store, receiver, PLENTY)
    assert (receiver.told, receiver.missing) == ([1, 2], 0)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["produce", "tell", "repeat", "restart", "kill", "power"]), st.integers(1, 6)),
    max_size=30,
)


@settings(deadline=None)
@given(ACTIONS, st.integers(0, 99))
def test_against_a_model(actions: Sequence[tuple[str, int]], seed: int) -> None:
    trio.run(_against_a_model, actions, random.Random(seed))


async def _against_a_model(actions: Sequence[tuple[str, int]], draws: random.Random) -> None:
    """A list, and how many of it were taken: the store is that."""
    medium, life, made, taken = SimStore(), 1, 0, 0
    store = opened(medium.mount(), life)
    await store.open()
    under_way = ""
    for word, count in actions:
        match word:
            case "produce":
                await store.append([event(number, 500) for number in range(made + 1, made + count + 1)])
                made += count
            case "tell" | "repeat" if made > taken:
                batch = await store.next(count)
                assert list(map(number_of, batch.events)) == list(range(taken + 1, taken + 1 + len(batch.events)))
                assert batch.id == under_way or not under_way
                await store.begin_sending(batch)
                under_way = batch.id
                if word == "tell":
                    await store.acknowledge(batch)
                    taken, under_way = taken + len(batch.events), ""
            case "restart" | "kill" | "power":
                if word == "restart":
                    await store.close()
                if word == "power":
                    medium.power_loss(draws)
                medium.end_lives()
                life += 1
                store = opened(medium.mount(), life)
                found = await store.open()
                assert found.in_order is (word == "restart")
                taken, under_way = made - store.waiting, under_way
                if under_way and int(under_way.split("-")[1]) <= taken:
                    under_way = ""
        assert store.waiting == made - taken


def test_groups_are_all_of_it_in_order() -> None:
    events = [event(number, 400_000) for number in range(9)] + [b"x" * EVENT_OCTETS_MAX]
    pieces = list(groups(events))
    assert [each for piece in pieces for each in piece] == events
    assert all(sum(map(len, piece)) <= max(GROUP_OCTETS_MAX, len(piece[0])) for piece in pieces)
