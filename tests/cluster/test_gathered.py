"""Files that gathered lines go to, through loss of power at every step: each line once, of each source in order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
import trio

from momentum_trio.cluster.gathered import GatheredFiles
from momentum_trio.cluster.published_options import GatheringOptions
from momentum_trio.config.chain import Chain
from momentum_trio.machine.disk import Disk
from momentum_trio.mail.log_position import Position
from momentum_trio.protocol.cluster.gathered import NOTHING, Gathered, Source
from sim.disk import Operation, PowerCut, SimStore

OPTIONS = GatheringOptions.resolve(Chain([]))
ONE, TWO = Source("a", "mainlog", "master"), Source("b", "mainlog", "master")
LOG_ID = b"12345678"
BOTH = "/var/log/eccluster/both"
"""Where two sources go, as a template without %{n} has it."""


@dataclass
class Nodes:
    """What nodes have: lines by number. checkpoints: what they heard; never more than is durable with us."""

    checkpoints: dict[Source, int] = field(default_factory=dict)


def lines_of(source: Source, first: int) -> bytes:
    return b"".join(f"{source.node} {number} {'x' * 20}\n".encode() for number in range(first, first + 3))


def files_on(disk: Disk) -> GatheredFiles:
    return GatheredFiles(disk, OPTIONS)


async def piece(files: GatheredFiles, nodes: Nodes, source: Source, path: str) -> None:
    """The next three lines of *source*; then the node hears of them."""
    held = files.gathered(source)
    begin = max(held.position.offset if held.log_id else 0, nodes.checkpoints.get(source, 0))
    after = Position(0, begin + 3)
    await files.append(source, Gathered(LOG_ID, Position(0, begin)), after, path, lines_of(source, begin))
    nodes.checkpoints[source] = after.offset


async def life(medium: SimStore, nodes: Nodes) -> None:
    files = files_on(medium.mount())
    await files.recover()
    await piece(files, nodes, ONE, BOTH)
    await piece(files, nodes, TWO, BOTH)
    await piece(files, nodes, TWO, "/var/log/eccluster/tomorrow/both")
    await piece(files, nodes, ONE, BOTH)
    await files.close()


def survives(medium: SimStore, cut_after: int | None, nodes: Nodes) -> bool:
    medium.cut_after = cut_after
    try:
        trio.run(life, medium, nodes)
    except PowerCut:
        return False
    finally:
        medium.cut_after = None
    return True


def told(medium: SimStore, source: Source) -> list[int]:
    """The numbers of its lines, of the file of today before that of tomorrow; each line whole."""
    found = []
    for path in sorted(path for path in medium.files() if path.endswith("both")):
        for line in medium.octets(path).splitlines():
            node, number, rest = line.split(b" ")
            assert rest == b"x" * 20
            if node.decode() == source.node:
                found.append(int(number))
    return found


@pytest.mark.parametrize("seed", [None, 3])
def test_power_fails_at_every_step_of_two_lives(seed: int | None) -> None:
    point = 0
    while not cut_at(point, None if seed is None else random.Random(seed * 1000 + point)):
        point += 1
    assert point > 40


def cut_at(point: int, draws: random.Random | None) -> bool:
    medium, nodes = SimStore(), Nodes()
    done = survives(medium, point, nodes)
    medium.power_loss(draws)
    for source in (ONE, TWO):
        assert set(range(nodes.checkpoints.get(source, 0))) <= set(told(medium, source))
    survives(medium, (point * 7) % 53, nodes)
    medium.power_loss(draws)
    assert survives(medium, None, nodes)
    medium.power_loss(draws)
    for source in (ONE, TWO):
        assert sorted(told(medium, source)) == list(range(nodes.checkpoints[source]))
    return done


async def test_what_a_sick_disk_left_is_taken_back_before_anything_else_comes() -> None:
    medium, nodes = SimStore(), Nodes()
    files = files_on(medium.mount())
    await files.recover()
    await piece(files, nodes, ONE, BOTH)
    medium.fail(Operation.SYNC, BOTH)
    with pytest.raises(OSError, match="error"):
        await piece(files, nodes, ONE, BOTH)
    medium.heal()
    await piece(files, nodes, TWO, BOTH)  # behind which the lines of the other may not be looked for
    await piece(files, nodes, TWO, "/var/log/eccluster/tomorrow/both")
    medium.power_loss()
    files = files_on(medium.mount())
    assert await files.recover() == []
    await piece(files, nodes, ONE, BOTH)
    assert told(medium, ONE) == list(range(6))
    assert told(medium, TWO) == list(range(6))


async def test_a_place_that_is_damaged_is_said_and_its_log_begins_at_the_checkpoint() -> None:
    medium, nodes = SimStore(), Nodes()
    files = files_on(medium.mount())
    await files.recover()
    await piece(files, nodes, ONE, BOTH)
    await files.close()
    medium.flip(f"/var/log/eccluster/.places/{ONE.file_name}", 30)
    files = files_on(medium.mount())
    assert await files.recover() == [ONE.file_name]
    assert files.gathered(ONE) == NOTHING


async def test_as_many_are_open_as_may_be_and_idle_ones_are_closed(autojump_clock: trio.testing.MockClock) -> None:
    medium, nodes = SimStore(), Nodes()
    disk = medium.mount()
    files = files_on(disk)
    await files.recover()
    for number in range(OPTIONS.open_max + 5):
        await piece(files, nodes, ONE, f"/var/log/eccluster/{number}/both")
    assert disk.open_files == OPTIONS.open_max
    await trio.sleep(OPTIONS.idle_max + 1)
    await files.close_idle()
    assert disk.open_files == 0
