"""Power fails between any two operations, of the script and of the recovery after it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
import trio
from spool_world import BASE, CountingEntropy, World, batch_for, deliver, recovered, terms

from momentum_trio.spool.spool import Batch, Conclusion, Retry, Spool, open_spool
from sim.disk import PowerCut, SimStore

TERMS = terms(segment_octets=2048, large_message_octets=500)
CONTENTS = {"small": b"s" * 300, "large": b"L" * 1700, "other": b"o" * 490, "last": b"z" * 480}
SCRIPTS = {
    "plain": ("small", "large", "-small", "other", "last", "-large"),
    # most of each segment dies, the first messages stay: they are copied forward, the oldest segments removed
    # a move, reports that conclude what they report (one of them large), outcomes of several batches in one record
    "settling": (
        "small",
        "large",
        ">small",
        "other",
        "last",
        "-other-last",
        "!small",
        "!large",
        "-!small",
    ),
    "compacting": ("small", "large", *(f"{sign}m{n}" for n in range(9) for sign in ("", "-")), "-large", "last"),
}


@dataclass
class Seen:
    """What the outside world knows.

    promised: acknowledged. concluding: the end was asked for, or answered. reported: its end comes with a report alone.
    moved: answered. unmoved: never asked for.
    """

    ids: dict[str, str] = field(default_factory=dict)
    promised: set[str] = field(default_factory=set)
    concluding: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)
    moving: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Kept:
    """What a life finds of one batch."""

    content: bytes
    bindings: set[str]


def content_of(word: str) -> bytes:
    """What the message called *word* says."""
    return CONTENTS.get(word, b"%-8s" % word.encode() * (70 if word == "!large" else 60))


async def play(spool: Spool, seen: Seen, script: str) -> None:
    """One of the scripts."""
    tickets: dict[str, Sequence[int]] = {}
    for word in SCRIPTS[script]:
        if word.startswith("-"):
            words = word[1:].split("-")
            seen.concluding.update(words)
            ended = [(ticket, Conclusion.DELIVERED) for each in words for ticket in tickets[each]]
            others = [ticket for each, both in tickets.items() if each not in seen.concluding for ticket in both]
            await spool.settle(ended, [(ticket, Retry(1, 1_700_000_900.0, 0, "450 busy")) for ticket in others])
        elif word.startswith(">"):
            seen.moving.add(word[1:])
            await spool.move(tickets[word[1:]], binding="moved")
            seen.moved.add(word[1:])
        else:
            tickets[word] = await commit(spool, seen, word, tickets)


async def commit(spool: Spool, seen: Seen, word: str, tickets: dict[str, Sequence[int]]) -> Sequence[int]:
    """Mail, or a report."""
    concluding: list[tuple[int, Conclusion]] = []
    if word.startswith("!"):
        concluding = [(ticket, Conclusion.FAILED) for ticket in tickets[word[1:]]]
        seen.concluding.add(word[1:])
        seen.reported.add(word[1:])
    async with spool.begin() as entry:
        content = content_of(word)
        for first in range(0, len(content), 400):
            await entry.write(content[first : first + 400])
        batch = batch_for(spool, "first@x.example", "second@x.example")
        seen.ids[batch.batch_id] = word
        receipt = await spool.commit(entry, batch, concluding=concluding)
        seen.promised.add(word)
    return receipt.tickets


def power_fails(error: BaseException) -> bool:
    """Whether *error* is nothing but the end of a life."""
    if isinstance(error, BaseExceptionGroup):
        return all(power_fails(each) for each in error.exceptions)
    return isinstance(error, PowerCut)


def live(store: SimStore, cut_after: int | None, seen: Seen, entropy: CountingEntropy, script: str = "plain") -> bool:
    """One life that plays the script; whether it came to its end."""

    async def life() -> None:
        async with open_spool(World(store.mount(), entropy=entropy).machine, TERMS) as spool:
            await play(spool, seen, script)

    return survives(store, cut_after, life)


def survives(store: SimStore, cut_after: int | None, life: object) -> bool:
    store.cut_after = cut_after
    try:
        trio.run(life)  # type: ignore[arg-type]
    except BaseException as error:
        if not power_fails(error):
            raise
        return False
    finally:
        store.cut_after = None
    return True


def look(store: SimStore, cut_after: int | None, entropy: CountingEntropy) -> tuple[dict[str, Kept], list[str]] | None:
    """Recover and read everything; None when power failed meanwhile."""
    found: dict[str, Kept] = {}
    world = World(store.mount(), entropy=entropy)

    async def life() -> None:
        async with open_spool(world.machine, TERMS) as spool:
            bindings: dict[str, set[str]] = {}
            for owed in spool.owed():
                batch_id = (await spool.held(owed.ticket)).batch.batch_id
                bindings.setdefault(batch_id, set()).add(owed.binding)
            for batch_id, moved in bindings.items():
                found[batch_id] = Kept(await spool.content(batch_id), moved)

    return (found, world.errors()) if survives(store, cut_after, life) else None


def check(seen: Seen, found: dict[str, Kept]) -> None:
    """Nothing promised is lost unless it was concluded; nothing is wrong; nothing is invented.

    What is reported and its report: one of them is there, and not both. A move that was answered holds, for all.
    """
    words = {seen.ids[batch_id]: kept for batch_id, kept in found.items()}
    for word, kept in words.items():
        assert kept.content == content_of(word)
        assert len(kept.bindings) == 1
        assert kept.bindings <= {"default"} | ({"moved"} if word in seen.moving else set())
        assert word not in seen.moved or kept.bindings == {"moved"}
    assert seen.promised - seen.concluding <= words.keys()
    for word in seen.reported:
        report = f"!{word}"
        assert report in seen.concluding or (word in words) is not (report in words)


def cut_points(script: str) -> int:
    """How many operations an undisturbed life takes."""
    store = SimStore()
    assert live(store, None, Seen(), CountingEntropy(), script)
    return store.operations


def losses() -> Iterator[int | None]:
    yield None
    yield from range(3)


MANY_LIVES_SEEDS = 3
POINTS = {script: cut_points(script) for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("seed", list(losses()))
def test_power_fails_at_every_operation(seed: int | None, script: str) -> None:
    for point in range(POINTS[script]):
        store, seen, entropy = SimStore(), Seen(), CountingEntropy()
        assert not live(store, point, seen, entropy, script)
        store.power_loss(None if seed is None else random.Random(seed * 1000 + point))
        result = look(store, None, entropy)
        assert result is not None
        found, errors = result
        check(seen, found)
        assert errors == [], point
        again = look(store, None, entropy)
        assert again is not None
        assert again[0] == found


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("seed", list(losses()))
def test_recovery_is_cut_at_every_operation_and_repeated(seed: int | None, script: str) -> None:
    for point in range(3, POINTS[script], POINTS[script] // 9):
        cut, done = 0, False
        while not done:
            store, seen, entropy = SimStore(), Seen(), CountingEntropy()
            live(store, point, seen, entropy, script)
            store.power_loss(None if seed is None else random.Random(seed * 1000 + point))
            done = look(store, cut, entropy) is not None
            store.power_loss(None if seed is None else random.Random(seed * 1000 + point + cut))
            result = look(store, None, entropy)
            assert result is not None
            check(seen, result[0])
            assert result[1] == [], (point, cut)
            cut += 1 if script == "plain" else 5


@pytest.mark.parametrize("script", SCRIPTS)
def test_killed_lives_lose_nothing_and_cost_no_alarm(script: str) -> None:
    """SIGKILL keeps the page cache, then power fails: what the second life read must have been made durable by it."""
    for point in range(POINTS[script]):
        store, seen, entropy = SimStore(), Seen(), CountingEntropy()
        live(store, point, seen, entropy, script)
        store.end_lives()
        first = look(store, None, entropy)
        assert first is not None
        check(seen, first[0])
        store.power_loss()
        second = look(store, None, entropy)
        assert second is not None
        assert second[0] == first[0]
        assert first[1] == second[1] == []


def test_no_orphan_survives_recovery() -> None:
    for point in range(POINTS["plain"]):
        store, entropy = SimStore(), CountingEntropy()
        live(store, point, Seen(), entropy)
        store.power_loss(random.Random(point))
        result = look(store, None, entropy)
        assert result is not None
        large = [kept for kept in result[0].values() if len(kept.content) > 500]
        assert len(store.files(f"{BASE}/content")) == len(large)


@pytest.mark.parametrize("seed", range(MANY_LIVES_SEEDS))
def test_many_lives_each_cut_somewhere(seed: int) -> None:
    """Each life checks what the earlier ones left, works on it, and dies: by power, torn or clean, or by SIGKILL."""
    rng = random.Random(seed)
    store, entropy = SimStore(), CountingEntropy()
    contents: dict[str, bytes] = {}
    promised: set[str] = set()
    concluding: set[str] = set()

    async def life() -> None:
        world = World(store.mount(), entropy=entropy)
        async with open_spool(world.machine, TERMS) as spool:
            held = {batch.batch_id: batch for batch in await recovered(spool)}
            assert world.errors() == []
            assert promised - concluding <= held.keys() <= contents.keys()
            for batch_id in held:
                assert await spool.content(batch_id) == contents[batch_id]
            async with trio.open_nursery() as sessions:
                for _ in range(rng.randrange(8)):
                    sessions.start_soon(session, spool, held)

    async def session(spool: Spool, held: dict[str, Batch]) -> None:
        for _ in range(rng.randrange(6)):
            if held and rng.random() < 0.5:
                batch = held.pop(rng.choice(sorted(held)))
                concluding.add(batch.batch_id)
                await deliver(spool, batch)
            else:
                async with spool.begin() as entry:
                    batch = batch_for(spool)
                    contents[batch.batch_id] = content = rng.randbytes(rng.choice((0, 90, 400, 499, 501, 1800)))
                    await entry.write(content)
                    held[batch.batch_id] = (await spool.commit(entry, batch)).batch
                    promised.add(batch.batch_id)

    for _ in range(25):
        survives(store, rng.choice((None, rng.randrange(80))), life)
        fate = rng.randrange(3)
        if fate == 0:
            store.end_lives()
        else:
            store.power_loss(rng if fate == 1 else None)
    survives(store, None, life)
    assert len(promised) > 10  # only a guard against a script that does nothing
