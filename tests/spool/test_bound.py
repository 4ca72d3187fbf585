"""The law of the log's length, under random scripts with restarts; and hostile octets where a spool should be."""

from __future__ import annotations

import random
from collections.abc import Sequence

import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spool_world import BASE, CountingEntropy, World, deliver, recovered, submit, terms

from momentum_trio.spool.frame import Frame, Kind, Marker, Salt, SegmentHeader
from momentum_trio.spool.segment import segment_name
from momentum_trio.spool.spool import Batch, Conclusion, Retry, Spool, open_spool
from momentum_trio.spool.wire import Custody, Recipient, Wire
from sim.disk import SimStore

SEGMENT_OCTETS = 4096

Action = tuple[str, int, int]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["submit", "submit", "deliver", "deliver one", "restart", "power"]),
        st.integers(0, 2000),
        st.integers(0, 30),
    ),
    max_size=60,
)


class Model:
    """What must be in custody: content and open messages of each batch."""

    def __init__(self) -> None:
        self.batches: dict[str, tuple[Batch, bytes, set[str]]] = {}

    async def act(self, spool: Spool, action: Action) -> None:
        word, size, which = action
        if word == "submit":
            content = bytes([which]) * size
            receipt = await submit(spool, content, "a@x.example", "b@x.example")
            messages = {message.message_id for message in receipt.batch.messages}
            self.batches[receipt.batch.batch_id] = (receipt.batch, content, messages)
        elif self.batches:
            batch_id = list(self.batches)[which % len(self.batches)]
            batch, _, messages = self.batches[batch_id]
            if word == "deliver":
                await deliver(spool, batch)
                del self.batches[batch_id]
            else:
                message_id = min(messages)
                ticket = spool.find(message_id)
                assert ticket is not None
                await spool.settle([(ticket, Conclusion.DELIVERED)], [])
                messages.discard(message_id)
                if not messages:
                    del self.batches[batch_id]

    async def agrees(self, spool: Spool) -> None:
        found = {batch.batch_id: {message.message_id for message in batch.messages} for batch in await recovered(spool)}
        assert found == {batch_id: messages for batch_id, (_, _, messages) in self.batches.items()}
        for batch_id, (_, content, _) in self.batches.items():
            assert await spool.content(batch_id) == content


def law(spool: Spool, store: SimStore) -> None:
    """In use, by the file sizes, not by what the spool believes."""
    in_use = sum(size for _, size in store.files(f"{BASE}/log").items())
    assert in_use == spool.log_octets
    assert in_use <= 2 * spool.live_octets + 2 * SEGMENT_OCTETS


@given(ACTIONS)
@settings(max_examples=60, deadline=None)
@example([("submit", 1000, 1)] * 3 + [("submit", 900, 2), ("deliver", 0, 3)] * 28)
@example(
    [("submit", 1000, 1), ("deliver one", 0, 0)] + [("submit", 900, 2), ("deliver", 0, 1)] * 12 + [("power", 0, 0)]
)
def test_the_log_stays_within_twice_the_live_octets_and_two_segments(actions: Sequence[Action]) -> None:
    store, model, entropy = SimStore(), Model(), CountingEntropy()

    async def life(ahead: list[Action]) -> None:
        world = World(store.mount(), entropy=entropy)
        async with open_spool(world.machine, terms(segment_octets=SEGMENT_OCTETS)) as spool:
            await model.agrees(spool)
            while ahead and (action := ahead.pop(0))[0] not in ("restart", "power"):
                await model.act(spool, action)
                await trio.testing.wait_all_tasks_blocked()
                law(spool, store)
            assert not world.panics

    ahead = list(actions)
    while ahead:
        trio.run(life, ahead)
        store.power_loss()
    trio.run(life, [])


def test_the_law_holds_for_a_long_script() -> None:
    rng = random.Random(4)
    words = ["submit", "submit", "deliver", "deliver", "deliver one", "restart"]
    actions = [(rng.choice(words), rng.randrange(2000), rng.randrange(100)) for _ in range(600)]
    # the inner function of a hypothesis test is the test itself
    test_the_log_stays_within_twice_the_live_octets_and_two_segments.hypothesis.inner_test(actions)  # type: ignore[attr-defined]


async def test_one_message_that_waits_for_a_week_while_others_flow(autojump_clock: trio.testing.MockClock) -> None:
    """Each hour it is tried again, and now and then moved; the life of the spool ends each day."""
    store, entropy = SimStore(), CountingEntropy()
    message_id, hour = "", 0
    for day in range(7):
        world = World(store.mount(), entropy=entropy)
        async with open_spool(world.machine, terms(segment_octets=SEGMENT_OCTETS)) as spool:
            if not day:
                message_id = (await submit(spool, b"waits" * 100, "a@x.example")).batch.messages[0].message_id
            ticket = spool.find(message_id)
            assert ticket is not None
            for hour in range(24 * day, 24 * day + 24):
                flowing = [await submit(spool, b"flows" * 150) for _ in range(5)]
                retry = Retry(hour + 1, 1_700_000_000.0 + 3600 * hour, hour // 24, f"450 4.2.2 try {hour}")
                ended = [(receipt.tickets[0], Conclusion.DELIVERED) for receipt in flowing]
                await spool.settle(ended, [(ticket, retry)])
                if hour % 10 == 0:
                    await spool.move([ticket], binding=f"b{hour}")
                await trio.sleep(3600)
                law(spool, store)
            assert world.panics == []
        store.power_loss()
    async with open_spool(World(store.mount(), entropy=entropy).machine, terms()) as spool:
        [owed] = spool.owed()
        assert owed.retry == Retry(168, 1_700_000_000.0 + 3600 * 167, 6, "450 4.2.2 try 167")
        assert owed.binding == "b160"
        assert (await spool.held(owed.ticket)).message.message_id == message_id


# -- hostile octets ----------------------------------------------------------------------------------------------------


def frames(octets: bytes, lengths: list[int]) -> bytes:
    """A segment with a valid header, frames with valid checks and hostile insides, and a marker after them."""
    salt, place, wire = Salt(1, 7), len(SegmentHeader(1, 7, 3, 5).octets()), Wire()
    parts = [SegmentHeader(1, 7, 3, 5).octets()]
    custody = Custody("b", "c", 0.0, "", [Recipient("m", "f")], 5, "", "", "", "", [], "../../lock", 0)
    outcome = wire.encode(custody)[: lengths[0] if lengths else None]
    for frame in [
        Frame.of(Kind.BATCH, octets),
        Frame.of(Kind.CONCLUDED, octets, b"content"),
        Frame.of(Kind.POSTPONED, octets),
        Frame.of(Kind.BATCH, wire.encode(custody), b""),
        Frame.of(Kind.BATCH, wire.encode(custody), b"inline"),
        Frame.of(Kind.BATCH, outcome),
        Frame.of(Kind.MARKER, octets),
        salt.marker(Marker(1, 1, 9, 2**32 - 1, 2**64 - 1, 2**64 - 1)),
    ]:
        parts.extend(salt.chunks(frame, place))
        place += frame.octets
    return b"".join(parts)


@given(st.binary(max_size=300), st.lists(st.integers(0, 60), max_size=3), st.lists(st.integers(0, 2000), max_size=4))
@settings(max_examples=60, deadline=None)
def test_hostile_files_open_as_an_empty_spool(octets: bytes, lengths: list[int], flips: list[int]) -> None:
    store = SimStore()
    path = f"{BASE}/log/{segment_name(1, 7)}"
    store.put(path, frames(octets, lengths))
    store.put(f"{BASE}/log/{segment_name(2, 8)}", octets)
    store.put(f"{BASE}/log/passwd", octets)
    store.put(f"{BASE}/content/not ours", octets)
    for place in flips:
        store.flip(path, place)

    async def life() -> None:
        world = World(store.mount())
        async with open_spool(world.machine, terms()) as spool:
            assert await recovered(spool) == []
            assert spool.next_id().endswith("FFFFFFFF") or flips
            receipt = await submit(spool, b"sound")
            assert await spool.content(receipt.batch.batch_id) == b"sound"

    trio.run(life)
    assert store.octets(f"{BASE}/log/passwd") == octets
    assert store.octets(f"{BASE}/content/not ours") == octets
