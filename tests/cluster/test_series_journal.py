"""What a manager journals while its disk is full and its clock is set: nothing twice, nothing over what was there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from momentum_trio.cluster.series_journal import SeriesJournals
from momentum_trio.config.load import load_text
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Panic, Record
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.series.journal import Journal, Reader, file_name, host_of
from sim.host import Host
from sim.world import World

FOLDER = "/var/log/eccluster/aslogger"
TREE = load_text("as_logger { log_interval = 10 series_include_default = all }", declared=DECLARED)
HOST = host_of("192.0.2.1")


class Manager:
    """One on a simulated host, that hears of one address."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.records: list[Record] = []
        self._count = 0

    async def run(self, machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        machine.events.subscribe(self.records.append)
        journals = SeriesJournals(machine, lambda: TREE)
        self._heard = journals.hears("connect")
        self._heard("m", {}, True)
        task_status.started()
        await journals.run()

    def happens(self, count: int) -> None:
        self._count += count
        self._heard("m", {"192.0.2.1": self._count}, False)

    def journals(self) -> list[Journal]:
        """As they are on disk."""
        names = [file_name(path.rpartition("/")[2]) for path in self.host.store.files(FOLDER)]
        return [
            journal
            for name in sorted(name for name in names if name is not None)
            for journal in Reader().read(name, self.host.store.octets(f"{FOLDER}/{name.text}"))
        ]

    def counted(self) -> list[int]:
        return [sum(journal.counts.values()) for journal in self.journals()]


def told(story: Callable[[Manager], Awaitable[None]]) -> None:
    world = World(1)
    manager = Manager(world.host("barca", "10.0.0.1"))

    async def main() -> None:
        await manager.host.start(manager.run)
        await trio.sleep(3)  # in the middle of an interval
        await story(manager)

    world.run(main)


def test_intervals_end_where_they_divide_a_day_and_follow_one_another() -> None:
    async def story(manager: Manager) -> None:
        for _ in range(4):
            manager.happens(1)
            await trio.sleep(10)
        journals = manager.journals()
        assert len(journals) >= 3
        assert all(journal.end % 10 == 0 for journal in journals)
        assert [journal.begin for journal in journals[1:]] == [journal.end for journal in journals[:-1]]
        assert all(journal.counts == {HOST: 1} for journal in journals[1:])

    told(story)


def test_what_cannot_be_written_counts_when_it_can_and_is_said_once() -> None:
    async def story(manager: Manager) -> None:
        await trio.sleep(15)
        before = len(manager.journals())
        manager.host.store.fill()
        for _ in range(3):
            manager.happens(2)
            await trio.sleep(10)
        assert len(manager.journals()) == before
        manager.host.store.heal()
        manager.happens(1)
        await trio.sleep(12)
        late = manager.journals()[before]
        assert late.counts == {HOST: 7}
        assert late.begin == manager.journals()[before - 1].end
        (said,) = [record for record in manager.records if isinstance(record, Panic)]
        assert said.text.startswith(f"as_logger: {FOLDER}: ")

    told(story)


def test_a_clock_that_is_set_back_overwrites_nothing() -> None:
    async def story(manager: Manager) -> None:
        for _ in range(3):
            manager.happens(1)
            await trio.sleep(10)
        kept = manager.journals()
        manager.host.step_clock(-25)
        for _ in range(4):
            manager.happens(1)
            await trio.sleep(10)
        assert manager.journals()[: len(kept)] == kept
        await trio.sleep(10)
        assert sum(manager.counted()) == 7
        assert len({journal.end for journal in manager.journals()}) == len(manager.journals())

    told(story)
