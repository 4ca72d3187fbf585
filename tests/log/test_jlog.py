"""A durable log, through loss of power at every step: each line once, in order, whoever of its two sides crashes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.log.jlog import Jlog, NoSuchPlace
from momentum_trio.log.jlog_format import HEADER_OCTETS, NAMES, checkpoint_name
from momentum_trio.machine.disk import Disk
from momentum_trio.mail.log_position import BEGINNING, Position
from sim.disk import Operation, PowerCut, SimStore

FOLDER = "/var/log/mainlog.cluster"
LINE_OCTETS = 300_000  # a segment is full after fourteen


class Octets:
    """Entropy that counts."""

    count = 0

    def octets(self, count: int) -> bytes:
        Octets.count += 1
        return Octets.count.to_bytes(count, "big")

    def fraction(self) -> float:
        return 0.5


def line(number: int, octets: int = 40) -> bytes:
    return f"line {number} ".encode().ljust(octets, b".") + b"\n"


def numbers(octets: bytes) -> list[int]:
    return [int(each.split()[1]) for each in octets.splitlines()]


def log_on(disk: Disk) -> Jlog:
    return Jlog(disk, Octets(), FOLDER)


@dataclass
class Story:
    """kept: lines that ``append`` returned for. made: that it was called with. told: of lines, to the reader.

    place: how far the reader has them, which he keeps.
    """

    made: int = 0
    kept: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    place: Position = BEGINNING


async def write(log: Jlog, story: Story, count: int, octets: int = 40) -> None:
    lines = [line(number, octets) for number in range(story.made, story.made + count)]
    story.made += count
    await log.append(lines)
    story.kept += range(story.made - count, story.made)


async def pull(log: Jlog, story: Story, octets_max: int = 100, *, checkpoint: bool = True) -> None:
    """What the aggregator does: the reader keeps its place with what it has, and checkpoints after that."""
    taken = await log.read(story.place, octets_max)
    story.told += numbers(taken.octets)
    story.place = taken.end
    if checkpoint:
        await log.checkpoint("master", story.place)


def survives(store: SimStore, cut_after: int | None, life: Callable[[], object]) -> bool:
    store.cut_after = cut_after
    try:
        trio.run(life)  # type: ignore[arg-type]
    except PowerCut:
        return False
    finally:
        store.cut_after = None
    return True


async def script(medium: SimStore, story: Story) -> None:
    log = log_on(medium.mount())
    await log.open()
    await log.subscribe(["master", "other"])
    await write(log, story, 3)
    await pull(log, story)
    await write(log, story, 2)
    await pull(log, story, checkpoint=False)
    await log.checkpoint("other", log.end)
    await write(log, story, 1)
    await pull(log, story)
    await log.close()


async def drain(medium: SimStore, story: Story) -> None:
    log = log_on(medium.mount())
    await log.open()
    await log.subscribe(["master", "other"])
    while True:
        before = story.place
        await pull(log, story, 1 << 20)
        if story.place == before:
            break
    await log.close()


def cut_at(point: int, draws: random.Random | None) -> bool:
    """Whether the first life came to its end nonetheless."""
    medium, story = SimStore(), Story()
    done = survives(medium, point, lambda: script(medium, story))
    medium.power_loss(draws)
    survives(medium, point % 19, lambda: script(medium, story))
    medium.power_loss(draws)
    survives(medium, point % 7, lambda: drain(medium, story))
    medium.power_loss(draws)
    trio.run(drain, medium, story)
    assert story.told == sorted(set(story.told))
    assert set(story.kept) <= set(story.told)
    return done


@pytest.mark.parametrize("seed", [None, 1])
def test_power_fails_at_every_step_of_two_lives_and_of_what_comes_after(seed: int | None) -> None:
    point = 0
    while not cut_at(point, None if seed is None else random.Random(seed * 1000 + point)):
        point += 1
    assert point > 30


def test_after_a_kill_what_is_read_is_durable() -> None:
    for point in range(0, 60, 2):
        medium, story = SimStore(), Story()
        survives(medium, point, lambda: script(medium, story))  # noqa: B023
        medium.end_lives()  # the page cache stays
        trio.run(drain, medium, story)
        medium.power_loss()
        trio.run(drain, medium, story)
        assert story.told == sorted(set(story.told))
        assert set(story.kept) <= set(story.told)


async def test_lines_whose_sync_failed_are_not_there_twice() -> None:
    medium, story = SimStore(), Story()
    log = log_on(medium.mount())
    await log.open()
    await log.subscribe(["master"])
    await write(log, story, 2)
    medium.fail(Operation.SYNC)
    with pytest.raises(OSError, match="error"):
        await log.append([line(2)])
    medium.heal()
    await write(log, story, 1)
    await log.close()
    medium.end_lives()
    await drain(medium, story)
    assert story.told == [0, 1, 2]


async def test_segments_go_once_all_subscribers_have_them() -> None:
    medium, story = SimStore(), Story()
    log = log_on(medium.mount())
    await log.open()
    await log.subscribe(["a", "b"])
    for _ in range(5):
        await write(log, story, 6, LINE_OCTETS)
    assert [segment.number for segment in log.segments] == [0, 1]
    end_of_first = Position(0, log.segments[0].end)
    await log.checkpoint("a", log.end)
    assert len(log.segments) == 2
    await log.checkpoint("b", end_of_first)
    assert [segment.number for segment in log.segments] == [1]
    assert await log.checkpoints() == {"a": log.end, "b": end_of_first}
    assert medium.files(FOLDER).keys() >= {f"{FOLDER}/{NAMES.of(1)}"}
    assert f"{FOLDER}/{NAMES.of(0)}" not in medium.files(FOLDER)


async def test_who_is_idle_keeps_all_of_it_until_he_is_erased() -> None:
    medium, story = SimStore(), Story()
    log = log_on(medium.mount())
    await log.open()
    await log.subscribe(["gone"])
    for _ in range(8):
        await write(log, story, 6, LINE_OCTETS)
    assert len(log.segments) == 3
    assert await log.erase("gone")
    assert not await log.erase("gone")
    assert len(log.segments) == 1


@pytest.mark.parametrize(
    ("position", "said"),
    [
        (Position(0, HEADER_OCTETS), "behind"),
        (Position(0, HEADER_OCTETS + 100), "no place"),
        (Position(0, 1 << 30), "no place"),
        (Position(7, HEADER_OCTETS), "no place"),
    ],
)
async def test_a_checkpoint_is_where_lines_end_and_never_goes_back(position: Position, said: str) -> None:
    medium, story = SimStore(), Story()
    log = log_on(medium.mount())
    await log.open()
    await log.subscribe(["master"])
    await write(log, story, 2)
    if said == "behind":
        await pull(log, story)
    with pytest.raises(NoSuchPlace, match=said):
        await log.checkpoint("master", position)
    with pytest.raises(KeyError):
        await log.checkpoint("nobody", log.end)


async def test_what_is_damaged_is_passed_over_and_said() -> None:
    medium, story = SimStore(), Story()
    for _ in range(2):
        log = log_on(medium.mount())
        await log.open()
        await log.subscribe(["master"])
        await write(log, story, 2)
        await log.close()
        medium.end_lives()
    medium.flip(f"{FOLDER}/{NAMES.of(0)}", HEADER_OCTETS + 30)
    log = log_on(medium.mount())
    await log.open()
    taken = await log.read(BEGINNING, 1000)
    assert (numbers(taken.octets), taken.is_damaged) == ([2, 3], True)


async def test_a_checkpoint_that_cannot_be_read_is_the_beginning() -> None:
    medium, story = SimStore(), Story()
    log = log_on(medium.mount())
    await log.open()
    await log.subscribe(["master"])
    await write(log, story, 2)
    await log.checkpoint("master", log.end)
    medium.flip(f"{FOLDER}/{checkpoint_name('master')}", 17)
    assert await log.checkpoints() == {"master": BEGINNING}


async def test_another_process_may_not_have_it_too() -> None:
    medium = SimStore()
    disk = medium.mount()
    first, second = log_on(disk), log_on(disk)
    await first.open()
    with pytest.raises(BlockingIOError):
        await second.open()
    await first.close()
    await second.open()


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["write", "pull", "lag", "restart", "kill", "power"]), st.integers(1, 5)), max_size=30
)


@settings(deadline=None)
@given(ACTIONS, st.integers(0, 99))
def test_against_a_model(actions: Sequence[tuple[str, int]], seed: int) -> None:
    """A list, and how many of it the reader has: the log is that."""

    async def main() -> None:
        medium, story, draws = SimStore(), Story(), random.Random(seed)
        log = log_on(medium.mount())
        await log.open()
        await log.subscribe(["master"])
        for word, count in actions:
            match word:
                case "write":
                    await write(log, story, count)
                case "pull" | "lag":
                    await pull(log, story, 41 * count, checkpoint=word == "pull")
                case _:
                    if word == "restart":
                        await log.close()
                    if word == "power":
                        medium.power_loss(draws)
                    medium.end_lives()
                    log = log_on(medium.mount())
                    await log.open()
            assert story.told == list(range(len(story.told)))
            assert (await log.checkpoints())["master"] <= story.place
        await pull(log, story, 1 << 20)
        await pull(log, story, 1 << 20)
        for _ in actions:
            await pull(log, story, 1 << 20)
        assert story.told == story.kept

    trio.run(main)
