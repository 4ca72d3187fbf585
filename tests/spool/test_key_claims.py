"""One message for a key at a time; what is kept of keys, how long, how many, and where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing
from spool_world import (
    BASE,
    TAKEN,
    CountingEntropy,
    GatedDisk,
    Key,
    World,
    batch_for,
    deliver,
    key,
    submit,
    submit_keyed,
    terms,
)

from momentum_trio.mail.reply import Reply
from momentum_trio.spool.claims import PENDING_SECONDS_MAX
from momentum_trio.spool.importing import take_over
from momentum_trio.spool.spool import (
    Answer,
    Claim,
    Denial,
    Earlier,
    Receipt,
    Spool,
    SpoolSick,
    open_spool,
)
from sim.disk import Fault, SimStore

THERE = "/var/spool/there"
SEGMENT_OCTETS = 4096


def earlier(receipt: object, answer: Answer = TAKEN, digest: bytes = key("any").digest) -> Earlier:
    assert isinstance(receipt, Receipt)
    return Earlier(digest, receipt.batch.batch_id, answer)


async def test_what_was_answered_is_told_again_after_the_message_is_gone() -> None:
    store = SimStore()
    answer = Answer(Reply.of("250 2.0.0 OK"), (Reply.of("250 2.0.0 OK"), Reply.of("550 5.1.1 no such user")))
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        receipt = await submit_keyed(spool, key("k"), b"text", answer)
        assert isinstance(receipt, Receipt)
        await deliver(spool, receipt.batch)
        assert await submit_keyed(spool, key("k"), b"text") == earlier(receipt, answer)
        assert await submit_keyed(spool, key("k", b"other"), b"text") == earlier(receipt, answer)  # which is another's
        assert isinstance(await submit_keyed(spool, key("k", scope="ecstream user bob"), b"text"), Receipt)
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        assert await submit_keyed(spool, key("k"), b"text") == earlier(receipt, answer)


async def test_the_second_waits_for_the_first(autojump_clock: trio.testing.MockClock) -> None:
    disk = GatedDisk(SimStore().mount())
    got: list[object] = []
    async with open_spool(World(disk).machine, terms()) as spool, trio.open_nursery() as nursery:

        async def send() -> None:
            got.append(await submit_keyed(spool, key("k"), b"text"))

        disk.open = False
        for _ in range(3):
            nursery.start_soon(send)
        await trio.sleep(PENDING_SECONDS_MAX / 2)
        assert got == []
        disk.open = True
        await trio.sleep(1)
        [first] = [each for each in got if isinstance(each, Receipt)]
        assert sorted(map(str, got)) == sorted(map(str, [first, earlier(first), earlier(first)]))


async def test_who_waits_too_long_is_told_to_come_again(autojump_clock: trio.testing.MockClock) -> None:
    async with open_spool(World(SimStore().mount()).machine, terms()) as spool:
        first = await spool.claims.of(key("k").name)
        assert isinstance(first, Claim)
        began = trio.current_time()
        assert await spool.claims.of(key("k").name) is Denial.PENDING
        assert trio.current_time() == began + PENDING_SECONDS_MAX
        first.release()
        first.release()
        assert isinstance(await spool.claims.of(key("k").name), Claim)


async def test_a_message_that_was_not_kept_leaves_its_key_free(autojump_clock: trio.testing.MockClock) -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        store.inject = lambda _: Fault(5)
        with pytest.raises(SpoolSick):
            await submit_keyed(spool, key("k"), b"text")
        store.inject = None
        assert spool.keys_kept == 0
        receipt = await submit_keyed(spool, key("k"), b"text")
        assert await submit_keyed(spool, key("k"), b"text") == earlier(receipt)


async def test_no_more_than_may_be_and_none_is_dropped_for_another(autojump_clock: trio.testing.MockClock) -> None:
    async with open_spool(World(SimStore().mount()).machine, terms(keys_max=2, key_seconds=60)) as spool:
        first = await submit_keyed(spool, key("a"), b"text")
        await trio.sleep(30)
        claim = await spool.claims.of(key("b").name)
        assert isinstance(claim, Claim)
        assert await spool.claims.of(key("c").name) is Denial.FULL  # what is on its way in counts
        claim.release()
        await submit_keyed(spool, key("b"), b"text")
        assert await spool.claims.of(key("c").name) is Denial.FULL
        assert await submit_keyed(spool, key("a"), b"text") == earlier(first)
        await trio.sleep(31)
        assert isinstance(await submit_keyed(spool, key("c"), b"text"), Receipt)
        assert isinstance(await submit_keyed(spool, key("a"), b"text"), Denial)


async def test_where_none_are_taken() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        receipt = await submit_keyed(spool, key("k"), b"text")
    async with open_spool(World(store.mount()).machine, terms(key_seconds=0)) as spool:
        assert await submit_keyed(spool, key("k"), b"text") is Denial.UNWANTED
        assert spool.keys_kept == 1
    async with open_spool(World(store.mount()).machine, terms(key_seconds=60)) as spool:
        assert await submit_keyed(spool, key("k"), b"text") == earlier(receipt)


# -- the log -----------------------------------------------------------------------------------------------------------


def in_use(store: SimStore) -> int:
    return sum(store.files(f"{BASE}/log").values())


async def test_the_log_shrinks_when_the_time_of_keys_is_over(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing else happens: the committer wakes for it."""
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms(segment_octets=SEGMENT_OCTETS, key_seconds=600)) as spool:
        for n in range(200):
            receipt = await submit_keyed(spool, key(f"{n}"), b"text")
            assert isinstance(receipt, Receipt)
            await deliver(spool, receipt.batch)
            await trio.sleep(1.5)
        await trio.testing.wait_all_tasks_blocked()
        assert spool.keys_kept == 200
        assert 2 * SEGMENT_OCTETS < in_use(store) <= 2 * spool.live_octets + 2 * SEGMENT_OCTETS
        await trio.sleep(450)
        assert 0 < spool.keys_kept < 200
        assert in_use(store) <= 2 * spool.live_octets + 2 * SEGMENT_OCTETS
        await trio.sleep(152)
        assert (spool.keys_kept, spool.live_octets) == (0, 0)
        assert in_use(store) <= 2 * SEGMENT_OCTETS


async def test_keys_that_were_copied_lie_together_and_are_all_known() -> None:
    store = SimStore()
    world = World(store.mount())
    told: dict[Key, Earlier] = {}
    async with open_spool(world.machine, terms(segment_octets=64 * 1024)) as spool:
        for n in range(300):
            receipt = await submit_keyed(spool, key(f"{n}"), b"text")
            told[key(f"{n}")] = earlier(receipt)
            assert isinstance(receipt, Receipt)
            await deliver(spool, receipt.batch)
        alone = spool.live_octets
        for _ in range(300):
            await deliver(spool, (await submit(spool, b"x" * 800)).batch)
        await trio.testing.wait_all_tasks_blocked()
        assert spool.live_octets < 0.9 * alone
        assert [await spool.claims.of(each.name) for each in told] == list(told.values())
    store.power_loss()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        assert spool.keys_kept == 300
        assert [await spool.claims.of(each.name) for each in told] == list(told.values())


# -- another spool -----------------------------------------------------------------------------------------------------


async def filled_there(store: SimStore, entropy: CountingEntropy, names: Sequence[str]) -> dict[str, Earlier]:
    """Keys there: of every second one the message is concluded."""
    told: dict[str, Earlier] = {}
    async with open_spool(World(store.mount(), entropy=entropy).machine, terms(THERE)) as spool:
        for n, name in enumerate(names):
            receipt = await submit_keyed(spool, key(name), b"there")
            told[name] = earlier(receipt)
            if n % 2:
                assert isinstance(receipt, Receipt)
                await deliver(spool, receipt.batch)
    return told


async def imported(
    store: SimStore, entropy: CountingEntropy, before: Sequence[str], **changes: Any
) -> tuple[Spool, Any]:
    """What is known here afterwards of the keys *before* and of those there."""
    world = World(store.mount(), entropy=entropy)
    async with open_spool(world.machine, terms(**changes)) as spool:
        for name in before:
            await submit_keyed(spool, key(name), b"here")
        await take_over(world.machine, spool, terms(THERE), lambda owed: None)
        return spool, world


async def test_keys_are_taken_over_with_the_messages() -> None:
    store, entropy = SimStore(), CountingEntropy()
    told = await filled_there(store, entropy, ("a", "b", "c"))
    for _ in range(2):  # the second time there is nothing new
        spool, world = await imported(store, entropy, ())
        assert spool.keys_kept == 3
        assert world.panics == []
    store.power_loss()
    async with open_spool(World(store.mount(), entropy=entropy).machine, terms()) as spool:
        assert spool.batches_in_custody == 2
        assert {name: await spool.claims.of(key(name).name) for name in told} == told


async def test_a_key_that_is_known_here_stays_ours() -> None:
    store, entropy = SimStore(), CountingEntropy()
    told = await filled_there(store, entropy, ("a", "b"))
    _, world = await imported(store, entropy, ("b", "x"), keys_max=2)
    assert [line for line in world.panics if "1 idempotency keys of /var/spool/there are not known here" in line]
    async with open_spool(World(store.mount(), entropy=entropy).machine, terms()) as spool:
        here = await spool.claims.of(key("b").name)
        assert isinstance(here, Earlier)
        assert here != told["b"]
        assert isinstance(await spool.claims.of(key("a").name), Claim)


async def test_a_commit_without_a_key_keeps_none() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool, spool.begin() as entry:
        await entry.write(b"text")
        await spool.commit(entry, batch_for(spool))
        assert spool.keys_kept == 0
