"""What is kept is what was put or what was there before, whole: through loss of power, cancellation, faults and rot."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from shelves import FOLDER, SORT, Thing, World, into, thing

from momentum_trio.machine.disk import ListDirectory, Open, Read, Rename, Step, Sync, SyncDirectory, Unlink, Write
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.stored.form import HEAD_OCTETS_MAX, MAGIC, head_of, octets_of, parts_of, seed_of
from momentum_trio.stored.shelf import SUFFIX, Shelf, StoreFault, Unkept
from sim.disk import Fault, PowerCut, SimStore

Contents = dict[str, Thing]


async def contents(shelf: Shelf[str, list[int]]) -> Contents:
    found = {each: await shelf.get(each) for each in await shelf.ids()}
    return {each: held for each, held in found.items() if held is not None}


async def script(shelf: Shelf[str, list[int]], done: list[Contents]) -> None:
    """Changes, one after the other; *done* has what is there before the first, and after each."""
    done.append({})
    await shelf.create("a", thing(1))
    done.append({"a": thing(1)})
    await shelf.create("b", thing(2))
    done.append({"a": thing(1), "b": thing(2)})
    await shelf.change("a", into(3))
    done.append({"a": thing(3), "b": thing(2)})
    await shelf.remove("b")
    done.append({"a": thing(3)})
    await shelf.create("b", thing(4))
    done.append({"a": thing(3), "b": thing(4)})


AFTER: list[Contents] = []
trio.run(script, World(SimStore().mount()).shelf(), AFTER)


@pytest.mark.parametrize("seed", [None, *range(10)])
def test_power_fails_at_every_step_and_again_in_the_next_life(seed: int | None) -> None:
    point, is_whole = 0, False
    while not is_whole:
        medium, done = SimStore(), list[Contents]()
        medium.cut_after = point
        try:
            trio.run(script, World(medium.mount()).shelf(), done)
            is_whole = True
        except PowerCut:
            pass
        medium.power_loss(None if seed is None else random.Random(seed * 1000 + point))
        held = trio.run(contents, World(medium.mount()).shelf())
        assert held in AFTER[len(done) - 1 : len(done) + 1]
        medium.cut_after = point % 13
        try:
            trio.run(World(medium.mount()).shelf().create, "c", thing(5))
        except PowerCut:
            pass
        medium.power_loss(None if seed is None else random.Random(seed * 1000 + point + 500))
        world = World(medium.mount())
        assert trio.run(contents, world.shelf()) in (held, held | {"c": thing(5)})
        assert world.panics == []
        point += 1
    assert point > 40


@pytest.mark.parametrize("cut", range(60))
def test_cancelled_at_any_checkpoint_a_change_is_whole_or_none(cut: int) -> None:
    medium = SimStore()
    disk = medium.mount()
    done = list[Contents]()

    async def main() -> None:
        shelf = World(disk).shelf()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(script, shelf, done)
                for _ in range(cut):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        assert disk.open_files == 0
        held = await contents(shelf)
        assert held in AFTER[len(done) - 1 : len(done) + 1]
        await shelf.create("later", thing(6))  # nobody holds its turn

    trio.run(main)


STEPS: tuple[type[Step[Any]], ...] = (Open, Write, Sync, Rename, SyncDirectory, ListDirectory, Unlink, Read)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("kind", STEPS)
async def test_what_fails_is_said_once_and_is_whole(kind: type[Step[Any]], number: int) -> None:
    medium = SimStore()
    disk = medium.mount()
    world = World(disk)
    shelf = world.shelf()
    await shelf.create("a", thing(1))
    medium.inject = lambda step: Fault(number, after_octets=7) if isinstance(step, kind) else None
    said = list[str]()
    for change in (shelf.create("b", thing(2)), shelf.change("a", into(3)), shelf.remove("b")):
        try:
            await change
        except StoreFault as fault:
            said.append(str(fault))
    medium.inject = None
    assert set(said) == {os.strerror(number)}
    assert len(world.panics) <= len(said)
    assert disk.open_files == 0
    held = await contents(shelf)
    assert held.pop("a") in (thing(1), thing(3))
    assert held in ({}, {"b": thing(2)})
    assert await shelf.change("a", into(4)) == "thing 4"


async def test_bounds() -> None:
    shelf = World(SimStore().mount()).shelf()
    assert await shelf.create("large", thing(1, SORT.octets_max)) is Unkept.LARGE
    for number in range(SORT.things_max):
        assert await shelf.create(f"{number}", thing(number)) == f"thing {number}"
    assert await shelf.create("0", thing(9)) is Unkept.THERE
    assert await shelf.create("more", thing(9)) is Unkept.FULL
    assert await shelf.change("0", lambda held: thing(9, SORT.octets_max)) is Unkept.LARGE
    assert await shelf.get("0") == thing(0)
    assert await shelf.change("more", into(9)) is Unkept.GONE
    assert await shelf.remove("more") is Unkept.GONE
    assert await shelf.remove("0") is None
    assert await shelf.create("more", thing(9)) == "thing 9"


@pytest.mark.parametrize("bad", ["", ".", "..", "../things/a", ".a", "a/b", "a\0", "a\n", "é", "x" * 65])
async def test_what_cannot_be_an_id_is_that_of_nothing(bad: str) -> None:
    medium = SimStore()
    shelf = World(medium.mount()).shelf()
    await shelf.create("a", thing(1))
    assert (await shelf.head(bad), await shelf.get(bad)) == (None, None)
    assert (await shelf.change(bad, into(2)), await shelf.remove(bad)) == (Unkept.GONE, Unkept.GONE)
    with pytest.raises(AssertionError):
        await shelf.create(bad, thing(2))
    assert await contents(shelf) == {"a": thing(1)}


async def test_those_who_come_at_once_come_one_after_the_other() -> None:
    shelf = World(SimStore().mount()).shelf()
    said: list[object] = []

    async def create(number: int) -> None:
        said.append(await shelf.create("a", thing(number)))

    async def count() -> None:
        await shelf.change("a", lambda held: (held[0], [held[1][0] + 1]))

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(create, number)
    assert said.count(Unkept.THERE) == 4
    await shelf.change("a", lambda held: ("count", [0]))
    async with trio.open_nursery() as nursery:
        for _ in range(7):
            nursery.start_soon(count)
    assert await shelf.get("a") == ("count", [7])


async def test_who_changes_nothing_may_say_why() -> None:
    shelf = World(SimStore().mount()).shelf()
    await shelf.create("a", thing(1))

    def refuse(held: Thing) -> Thing:
        raise ValueError(held[0])

    with pytest.raises(ValueError, match="thing 1"):
        await shelf.change("a", refuse)
    assert await shelf.change("a", into(2)) == "thing 2"


OURS = octets_of(seed_of("thing", "a"), b'"one"', b"[1]")
FILES = {
    "empty": b"",
    "cut": OURS[:-1],
    "longer": OURS + b"x",
    "other magic": b"MTKEPT2\n" + OURS[len(MAGIC) :],
    "other id": octets_of(seed_of("thing", "b"), b'"one"', b"[1]"),
    "other sort": octets_of(seed_of("list", "a"), b'"one"', b"[1]"),
    "head is none": octets_of(seed_of("thing", "a"), b"1", b"[1]"),
    "body is none": octets_of(seed_of("thing", "a"), b'"one"', b'["x"]'),
    "no JSON": octets_of(seed_of("thing", "a"), b'"one"', b"[" * 5000),
    "no UTF-8": octets_of(seed_of("thing", "a"), b'"\xff"', b"[1]"),
    "larger than is kept": octets_of(seed_of("thing", "a"), b'"one"', b"[" + b"1," * 100_000 + b"1]"),
}


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("first", ["head", "get", "change", "create"])
async def test_a_file_that_is_none_is_set_aside(case: str, first: str) -> None:
    medium = SimStore()
    world = World(medium.mount())
    shelf, path = world.shelf(), f"{FOLDER}/a{SUFFIX}"
    medium.put(path, FILES[case])
    if first == "head":
        head = await shelf.head("a")  # which may be whole where the body is not
        assert head in (None, "one")
    elif first == "get":
        assert await shelf.get("a") is None
    elif first == "change":
        assert await shelf.change("a", into(2)) is Unkept.GONE
    else:
        assert await shelf.create("a", thing(2)) == "thing 2"
    held = await shelf.get("a")
    assert held == (thing(2) if first == "create" else None)
    assert medium.octets(f"{path}.damaged") == FILES[case]
    assert len(world.panics) == 1
    assert path in world.panics[0]


async def test_what_is_set_aside_is_what_is_damaged_then() -> None:
    """Who found damage waits for his turn; whoever had it before has replaced the file."""
    medium = SimStore()
    world = World(medium.mount())
    shelf = world.shelf()
    medium.put(f"{FOLDER}/a{SUFFIX}", b"")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shelf.create, "a", thing(1))
        for _ in range(20):
            nursery.start_soon(shelf.get, "a")
            nursery.start_soon(shelf.head, "a")
            await trio.lowlevel.checkpoint()
    assert await shelf.get("a") == thing(1)
    assert len(world.panics) == 1


async def test_a_link_is_followed_nowhere(tmp_path: Path) -> None:
    world = World(OsDisk())
    shelf = world.shelf(str(tmp_path / "new" / "things"))
    assert await shelf.create("a", thing(1)) == "thing 1"
    outside = tmp_path / "outside"
    (tmp_path / "new" / "things" / f"a{SUFFIX}").rename(outside)
    (tmp_path / "new" / "things" / f"a{SUFFIX}").symlink_to(outside)
    (tmp_path / "new" / "things" / f"b{SUFFIX}").mkdir()
    held = outside.read_bytes()
    assert [await shelf.get("a"), await shelf.get("b")] == [None, None]
    assert await shelf.create("a", thing(2)) == "thing 2"
    assert await shelf.change("a", into(3)) == "thing 3"
    assert outside.read_bytes() == held
    assert await shelf.ids() == ["a"]
    assert await shelf.get("a") == thing(3)


@given(st.text(max_size=20), st.lists(st.integers(0, 1 << 40), max_size=20), st.data())
def test_a_file_is_what_was_written_or_is_none(head: str, body: list[int], data: st.DataObject) -> None:
    seed = seed_of("thing", "a")
    octets = octets_of(seed, head.encode(), repr(body).encode())
    assert parts_of(seed, octets) == (head.encode(), repr(body).encode())
    assert head_of(seed, octets) == head.encode()
    at = data.draw(st.integers(0, len(octets) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    flipped = octets[:at] + bytes([octets[at] ^ bit]) + octets[at + 1 :]
    assert parts_of(seed, flipped) is None
    assert parts_of(seed, octets[:at]) is None
    assert head_of(seed, flipped) in (None, head.encode())


@given(st.binary(max_size=100) | st.binary(max_size=100).map(MAGIC.__add__))
def test_whatever_a_file_holds_it_is_read(octets: bytes) -> None:
    assert parts_of(0, octets) is None
    head = head_of(0, octets)
    assert head is None or len(head) <= HEAD_OCTETS_MAX
