"""A folder of journals: nothing of it is lost or counts twice, though power fails at every step."""

from __future__ import annotations

import random

import pytest
import trio

from momentum_trio.cluster import series_files
from momentum_trio.cluster.series_files import Done, SeriesFiles
from momentum_trio.protocol.series.journal import Journal, host_of
from momentum_trio.protocol.series.moment import DAY_SECONDS
from momentum_trio.protocol.series.strategies import DAY
from momentum_trio.protocol.series.upkeep import Upkeep
from sim.disk import Operation, PowerCut, SimStore

FOLDER = "/var/log/eccluster/aslogger"
HOST = host_of("192.0.2.1")
UPKEEP = Upkeep(FOLDER, retention_days=2)
ALL = "show count for 0.0.0.0/0 in spam"


def journal(end: int, count: int = 1) -> Journal:
    return Journal("spam", end - 1800, end, {HOST: count})


ENDS = [DAY + 1800, DAY + 3600, DAY + DAY_SECONDS, DAY + DAY_SECONDS + 1800]


async def life(medium: SimStore, written: list[int]) -> None:
    """Journals are written, and looked after meanwhile. written: those that were, durably."""
    files = SeriesFiles(medium.mount(), FOLDER)
    await files.open()
    for place, end in enumerate(ENDS):
        if end not in written:
            await files.write(journal(end, 10**place))
            written.append(end)
        if place % 2:
            assert (await files.look_after(UPKEEP, end + DAY_SECONDS)).complaints == []


def survives(medium: SimStore, cut_after: int | None, written: list[int]) -> bool:
    medium.cut_after = cut_after
    try:
        trio.run(life, medium, written)
    except PowerCut:
        return False
    finally:
        medium.cut_after = None
    return True


async def counted(medium: SimStore) -> int:
    """All that is answered; no file is damaged."""
    answer = await SeriesFiles(medium.mount(), FOLDER).answer(f"{ALL} aggregate")
    assert answer.complaints in ([], [f"{FOLDER}: No such file or directory"])
    return sum(int(line.rpartition(":")[2]) for line in answer.lines)


def test_power_fails_at_every_step() -> None:
    point, done = 0, False
    while not done:
        medium, written = SimStore(), list[int]()
        draws = random.Random(3000 + point) if point % 2 else None
        done = survives(medium, point, written)
        medium.power_loss(draws)
        found = f"{trio.run(counted, medium):04}"[::-1]
        assert set(found) <= set("01"), "one counts twice"
        assert all(found[ENDS.index(end)] == "1" for end in written), "one is lost"
        assert survives(medium, None, written)
        assert trio.run(counted, medium) == 1111
        point += 1
    assert point > 40


async def test_what_is_old_goes_and_a_day_becomes_one_file() -> None:
    medium = SimStore()
    files = SeriesFiles(medium.mount(), FOLDER)
    await files.open()
    for end in ENDS:
        await files.write(journal(end))
    now = DAY + 2 * DAY_SECONDS + 60
    assert await files.look_after(UPKEEP, now) == Done(0, 2, [])
    assert sorted(medium.files(FOLDER)) == [
        f"{FOLDER}/{name}" for name in (".lock", "spam.20080424.gz", "spam.20080425.gz")
    ]
    await files.write(journal(DAY + DAY_SECONDS + 5400))  # late
    assert (await files.answer(ALL)).lines == ["192.0.2.1/32       :         5"]
    assert await files.look_after(UPKEEP, now) == Done(0, 1, [])
    assert (await files.answer(ALL)).lines == ["192.0.2.1/32       :         5"]
    assert await files.look_after(UPKEEP, DAY + 3 * DAY_SECONDS) == Done(1, 0, [])
    assert (await files.answer(ALL)).lines == ["192.0.2.1/32       :         2"]


async def test_what_is_damaged_is_told_and_the_rest_counts() -> None:
    medium = SimStore()
    files = SeriesFiles(medium.mount(), FOLDER)
    await files.open()
    for end in ENDS[:3]:
        await files.write(journal(end))
    medium.flip(f"{FOLDER}/spam.20080424T003000", 3)
    answer = await files.answer(ALL)
    assert answer.lines == ["192.0.2.1/32       :         2"]
    assert answer.complaints[0].startswith("spam.20080424T003000 is damaged: a journal of spam does not begin with")
    done = await files.look_after(UPKEEP, DAY + DAY_SECONDS + 60)
    assert done.condensed == 0
    assert done.complaints[0].startswith("spam.20080424.gz was not made: spam.20080424T003000 is damaged")
    assert f"{FOLDER}/spam.20080424T010000" in medium.files()


async def test_one_at_a_time_looks_after_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    medium = SimStore()
    files = SeriesFiles(medium.mount(), FOLDER)
    await files.open()
    for end in ENDS:
        await files.write(journal(end))
    done: list[Done] = []

    async def look_after() -> None:
        done.append(await SeriesFiles(medium.mount(), FOLDER).look_after(UPKEEP, DAY + DAY_SECONDS))

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(look_after)
    assert sorted(done) == [Done(0, 0, [f"somebody else looks after {FOLDER}"]), Done(0, 1, [])]


async def test_whoever_asks_while_a_day_is_condensed_is_told_of_all() -> None:
    medium = SimStore()
    files = SeriesFiles(medium.mount(), FOLDER)
    await files.open()
    for end in ENDS:
        await files.write(journal(end))
    told: set[tuple[str, ...]] = set()
    disk = medium.mount()

    async def ask() -> None:
        while True:
            answer = await SeriesFiles(disk, FOLDER).answer(ALL)
            told.add((*answer.lines, *answer.complaints))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
        for _ in range(20):
            for end in ENDS[:3]:
                await files.write(journal(end))
            assert (await files.look_after(UPKEEP, DAY + DAY_SECONDS)).condensed == 1
        nursery.cancel_scope.cancel()
    assert told == {("192.0.2.1/32       :         4",)}


async def test_what_is_kept_in_memory_is_bounded_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_files, "CACHED_COUNTS_MAX", 4)
    medium = SimStore()
    files = SeriesFiles(medium.mount(), FOLDER)
    await files.open()
    for end in ENDS[:3]:
        await files.write(journal(end))
    await files.answer(ALL)
    details = ["$VAR1 = [", f"'{FOLDER}/spam.20080424T010000',", f"'{FOLDER}/spam.20080425T000000'", "];"]
    assert (await files.answer("cache details")).lines == details
    medium.fail(Operation.READ, f"{FOLDER}/spam.20080424T010000")
    assert (await files.answer(f"{ALL} from 20080424T003000 to 20080425T000000")).lines


async def test_where_no_folder_is_it_says_so() -> None:
    answer = await SeriesFiles(SimStore().mount(), FOLDER).answer("show available")
    assert answer.lines == []
    assert answer.complaints[0].startswith(FOLDER)
