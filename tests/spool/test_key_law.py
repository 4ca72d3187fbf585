"""A key never yields two messages in its time: against a model, through restarts, loss of power, clocks that step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spool_world import (
    BASE,
    TAKEN,
    CountingEntropy,
    Key,
    SteppedClock,
    World,
    deliver,
    key,
    recovered,
    submit,
    submit_keyed,
    terms,
)

from momentum_trio.spool.spool import Batch, Denial, Earlier, Receipt, Spool, open_spool
from sim.disk import SimStore

SEGMENT_OCTETS = 2048
SECONDS, COUNT = 100, 3
TERMS = terms(segment_octets=SEGMENT_OCTETS, large_message_octets=500, key_seconds=SECONDS, keys_max=COUNT)


class Wall(SteppedClock):
    """A wall clock that runs with trio's, which begins anew with each life."""

    def __init__(self) -> None:
        super().__init__()
        self.began = 0.0

    def now(self) -> float:
        return self.time + trio.current_time() - self.began

    def end(self) -> None:
        """A life is over."""
        self.time, self.began = self.now(), 0.0


Action = tuple[str, int, int]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["send", "send", "send", "mail", "deliver", "wait", "step", "restart", "power"]),
        st.integers(0, 4),
        st.integers(0, 2),
    ),
    max_size=40,
)


@dataclass
class Told:
    """A key as the model has it. wall: what the clock said. until: by trio's clock of this life."""

    key: Key
    batch_id: str
    wall: float
    until: float


@dataclass
class Model:
    """keys: that must be known. lapsed: whose time was over once; a clock that went back may bring them again."""

    keys: dict[bytes, Told] = field(default_factory=dict)
    lapsed: list[Told] = field(default_factory=list)
    custody: dict[str, Batch] = field(default_factory=dict)

    def begin(self, wall: float) -> None:
        """A life begins: how old each key is only the wall clock can tell."""
        for told in self.keys.values():
            told.until = trio.current_time() + SECONDS - max(0.0, wall - told.wall)
        self.lapse()

    def lapse(self) -> None:
        """Time has gone by."""
        for name, told in list(self.keys.items()):
            if told.until <= trio.current_time():
                self.lapsed.append(self.keys.pop(name))

    def expected(self, sent: Key) -> list[object]:
        """What may be answered; None: it is taken."""
        if sent.name in self.keys:
            return [answered(self.keys[sent.name])]
        again: list[object] = [answered(told) for told in self.lapsed if told.key.name == sent.name]
        if len(self.keys) >= COUNT:
            return [*again, Denial.FULL]
        return [*again, None, *([Denial.FULL] if len(self.keys) + len(self.lapsed) >= COUNT else [])]

    async def act(self, spool: Spool, wall: Wall, action: Action) -> None:
        word, which, how = action
        if word == "send":
            sent = key(f"k{which}", bytes([how]))
            expected = self.expected(sent)
            got = await submit_keyed(spool, sent, bytes([how]) * 300 * (1 + which % 3))
            assert (None if isinstance(got, Receipt) else got) in expected
            if isinstance(got, Receipt):
                self.custody[got.batch.batch_id] = got.batch
                self.keys[sent.name] = Told(sent, got.batch.batch_id, wall.now(), trio.current_time() + SECONDS)
        elif word == "mail":
            batch = (await submit(spool, b"m" * 400)).batch
            self.custody[batch.batch_id] = batch
        elif word == "deliver" and self.custody:
            await deliver(spool, self.custody.pop(list(self.custody)[which % len(self.custody)]))
        elif word == "wait":
            await trio.sleep((1.0, 30.5, 60.0, 99.5, 101.0)[which])
            self.lapse()
        elif word == "step":
            wall.time += (-1e6, -40.0, 0.0, 40.0, 1e6)[which]

    async def agrees(self, spool: Spool, store: SimStore) -> None:
        """Of custody and of keys; and the log is within its bound, of what must live in it."""
        await trio.testing.wait_all_tasks_blocked()
        assert set(self.custody) == {batch.batch_id for batch in self.custody.values() if spool.tickets(batch.batch_id)}
        assert len(self.keys) <= spool.keys_kept <= len(self.keys) + len(self.lapsed)
        for told in self.keys.values():
            assert await spool.claims.of(told.key.name) == answered(told)
        in_use = sum(size for _, size in store.files(f"{BASE}/log").items())
        assert in_use == spool.log_octets
        assert in_use <= 2 * spool.live_octets + 2 * SEGMENT_OCTETS


def answered(told: Told) -> Earlier:
    """What is said to a key that is known."""
    return Earlier(told.key.digest, told.batch_id, TAKEN)


@given(ACTIONS)
@settings(max_examples=50, deadline=None)
@example(
    [("send", 0, 0), ("deliver", 0, 0), *[("mail", 0, 0), ("deliver", 0, 0)] * 25, ("power", 0, 0), ("send", 0, 0)]
)
@example([("send", 0, 0), ("step", 4, 0), ("send", 0, 0), ("step", 0, 0), ("restart", 0, 0), ("wait", 3, 0)])
def test_a_key_yields_one_message_in_its_time(actions: Sequence[Action]) -> None:
    store, model, entropy, wall = SimStore(), Model(), CountingEntropy(), Wall()

    async def life(ahead: list[Action]) -> None:
        world = World(store.mount(), wall, entropy)
        model.begin(wall.now())
        async with open_spool(world.machine, TERMS) as spool:
            assert {batch.batch_id for batch in await recovered(spool)} == set(model.custody)
            await model.agrees(spool, store)
            while ahead and (action := ahead.pop(0))[0] not in ("restart", "power"):
                await model.act(spool, wall, action)
                await model.agrees(spool, store)
            assert not world.panics
        wall.end()

    ahead = list(actions)
    while ahead:
        trio.run(life, ahead, clock=trio.testing.MockClock(autojump_threshold=0))
        store.power_loss()
    trio.run(life, [], clock=trio.testing.MockClock(autojump_threshold=0))
