"""A key and its message are durable together or not at all, wherever power fails, whatever a disk did to a group."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing
from spool_world import (
    BASE,
    TAKEN,
    CountingEntropy,
    World,
    deliver,
    key,
    recovered,
    submit,
    submit_keyed,
    terms,
)
from test_power import survives

from momentum_trio.spool.spool import Answer, ContentDamaged, Earlier, Receipt, Spool, open_spool
from sim.disk import SimStore

TERMS = terms(segment_octets=1024, large_message_octets=250)
# a word each: a message with that key; with "-" before it: it is delivered; with "!": it is sent once more
SCRIPT = ("small", "large", "-small", "!small", "other", *(f"{sign}k{n}" for n in range(5) for sign in ("", "-")))
AGAIN = ("!k0", "!small", "-large", "!large", "last")
"""What follows after a restart: keys are copied by then, their messages are gone."""


@dataclass
class Seen:
    """What the outside world knows. promised: ids that were told, by word. ended: concluded, or asked to be."""

    promised: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)


def content_of(word: str) -> bytes:
    return b"%-8s" % word.encode() * (60 if word == "large" else 25)


async def play(spool: Spool, seen: Seen, script: tuple[str, ...]) -> None:
    for word in script:
        name = word.lstrip("!-")
        if word.startswith("-"):
            seen.ended.add(name)
            [ticket] = spool.tickets(seen.promised[name])
            await deliver(spool, (await spool.held(ticket)).batch)
            continue
        got = await submit_keyed(spool, key(name), content_of(name))
        if isinstance(got, Receipt):
            assert name not in seen.promised
            seen.promised[name] = got.batch.batch_id
        else:
            assert got == Earlier(key(name).digest, seen.promised[name], TAKEN)


def live(store: SimStore, cut_after: int | None, seen: Seen, entropy: CountingEntropy) -> bool:
    """Two lives with their scripts; whether they came to their end."""

    async def life() -> None:
        for script in (SCRIPT, AGAIN):
            async with open_spool(World(store.mount(), entropy=entropy).machine, TERMS) as spool:
                await play(spool, seen, script)

    return survives(store, cut_after, life)


def check(store: SimStore, seen: Seen, entropy: CountingEntropy) -> None:
    """Each key and its message: both, or neither, or the key alone because the message was concluded."""

    async def life() -> None:
        world = World(store.mount(), entropy=entropy)
        async with open_spool(world.machine, TERMS) as spool:
            standing = {(await spool.content(batch.batch_id))[:8]: batch.batch_id for batch in await recovered(spool)}
            assert world.errors() == []
            for name in {word.lstrip("!-") for word in (*SCRIPT, *AGAIN)}:
                batch_id, known = standing.get(b"%-8s" % name.encode()), await spool.claims.of(key(name).name)
                if isinstance(known, Earlier):
                    assert batch_id == known.batch_id or (batch_id is None and name in seen.ended)
                    assert seen.promised.get(name, known.batch_id) == known.batch_id
                else:
                    assert batch_id is None
                    assert name not in seen.promised
                    known.release()  # type: ignore[union-attr]

    trio.run(life)


def points() -> int:
    store = SimStore()
    assert live(store, None, Seen(), CountingEntropy())
    return store.operations


POINTS = points()


@pytest.mark.parametrize("torn", [None, 1])
def test_power_fails_at_every_operation(torn: int | None) -> None:
    for point in range(POINTS):
        store, seen, entropy = SimStore(), Seen(), CountingEntropy()
        assert not live(store, point, seen, entropy)
        store.power_loss(None if torn is None else random.Random(torn * 1000 + point))
        check(store, seen, entropy)
        if point % 5 == 0:
            store.power_loss()
            check(store, seen, entropy)


async def test_a_key_without_its_message_is_no_promise() -> None:
    """What a failed sync left of a group: the key's page and the marker's came to the disk, the message's did not."""
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        await submit_keyed(spool, key("k"), b"never told of")
        await submit_keyed(spool, key("other"), b"whole")
    [path] = [path for path, size in store.files(f"{BASE}/log").items() if size > 100]
    store.flip(path, store.octets(path).index(b"never told of"))
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        assert spool.batches_in_custody == spool.keys_kept == 1
        again = await submit_keyed(spool, key("k"), b"never told of")
        assert isinstance(again, Receipt)


async def test_a_key_whose_answer_is_rotten_is_not_taken_again() -> None:
    """Met when it is asked for: nobody knows what was answered. Met when it is copied: it is lost, and told."""
    store = SimStore()
    world = World(store.mount())
    async with open_spool(world.machine, terms(segment_octets=2048)) as spool:
        first = await submit_keyed(spool, key("k"), b"first", Answer(TAKEN.reply, (TAKEN.reply,) * 2))
        assert isinstance(first, Receipt)
        [path] = [path for path, size in store.files(f"{BASE}/log").items() if size > 100]
        place = store.octets(path).index(key("k").digest)
        store.flip(path, place)
        with pytest.raises(ContentDamaged):
            await submit_keyed(spool, key("k"), b"first")
        await deliver(spool, first.batch)
        for _ in range(20):
            await deliver(spool, (await submit(spool, b"x" * 800)).batch)
        await trio.testing.wait_all_tasks_blocked()
        assert spool.keys_kept == 0
        assert any("1 idempotency keys are damaged and lost" in line for line in world.errors())
        assert isinstance(await submit_keyed(spool, key("k"), b"first"), Receipt)
