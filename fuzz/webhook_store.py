"""Whatever octets the files of a webhook hold: they are read without a fault, and what comes then is kept and told.

Numbers never go back: what is told has larger ones each time, and what a second life finds is what the first found.
"""

from __future__ import annotations

import trio
from hypothesis import strategies as st

from momentum_trio.webhook.segment import NAMES
from momentum_trio.webhook.store import Batch, Store
from momentum_trio.webhook.strategies import two_files
from sim.disk import SimStore

FOLDER = "/hook"
LENGTH_OCTETS = 2
NEW = [b"n1", b"n2"]


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: the length of a first file, the file, and a second one."""
    return two_files.map(lambda two: len(two[0]).to_bytes(LENGTH_OCTETS, "big") + b"".join(two))


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    at = LENGTH_OCTETS + int.from_bytes(octets[:LENGTH_OCTETS], "big")
    medium = SimStore()
    medium.put(f"{FOLDER}/{NAMES.of(1)}", octets[LENGTH_OCTETS:at])
    medium.put(f"{FOLDER}/{NAMES.of(2)}", octets[at:])
    trio.run(_check, medium)


async def _check(medium: SimStore) -> None:
    first = await _opened(medium, b"1")
    waiting = first.waiting
    batch = await first.next(1000) if waiting else None
    medium.end_lives()
    second = await _opened(medium, b"2")
    assert second.waiting == waiting
    if batch is not None:
        again = await second.next(1000)
        assert (again.id, again.events, again.missing) == (batch.id, batch.events, batch.missing)
    await second.append(NEW)
    told = await _told(second)
    assert sum(len(each.events) + each.missing for each in told) == waiting + len(NEW)
    assert [event for each in told for event in each.events][-len(NEW) :] == NEW
    lasts = [each.last for each in told]
    assert lasts == sorted(set(lasts))


async def _opened(medium: SimStore, life: bytes) -> Store:
    store = Store(medium.mount(), FOLDER, life * 8, 1 << 20)
    await store.open()
    return store


async def _told(store: Store) -> list[Batch]:
    told = []
    while store.waiting:
        told.append(await store.next(2))
        await store.begin_sending(told[-1])
        await store.acknowledge(told[-1])
    return told
