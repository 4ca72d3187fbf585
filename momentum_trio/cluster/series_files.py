"""A folder of journals of series: questions about them answered, old ones condensed and removed.

A file is whole or not there: it is written under another name, synced and renamed. A file of a day takes the place of
those that went into it; where both are there, after a crash, an interval counts once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import trio

from momentum_trio.machine.disk import (
    Close,
    Disk,
    File,
    ListDirectory,
    Lock,
    Open,
    SyncDirectory,
    Unlink,
    make_durable_directory,
)
from momentum_trio.machine.whole_file import NEW, read_file, replace_file
from momentum_trio.protocol.series.answer import Counting, SeriesAnswer, TooLarge, available, wanted
from momentum_trio.protocol.series.journal import (
    CONTENT_OCTETS_MAX,
    FileName,
    Journal,
    Reader,
    condense,
    encode,
    file_name,
)
from momentum_trio.protocol.series.question import Available, CacheDetails, Count, parse
from momentum_trio.protocol.series.upkeep import Upkeep, work

CACHED_COUNTS_MAX = 1_000_000
"""Counts of addresses that are kept of files that were read last."""
TRIES_MAX = 5
"""A question is begun anew so often, when files were condensed or removed meanwhile."""
FOLDER_MODE, FILE_MODE = 0o750, 0o640
LOCK = ".lock"
"""Held by whoever looks after the folder."""


class Done(NamedTuple):
    """removed, condensed: files that are no more, and that were made. complaints: what could not be done."""

    removed: int
    condensed: int
    complaints: list[str]


class SeriesFiles:
    """Those in *folder*."""

    def __init__(self, disk: Disk, folder: str) -> None:
        self._disk, self.folder = disk, folder
        self._reader = Reader()
        self._cache: OrderedDict[str, list[Journal]] = OrderedDict()
        self._cached_counts = 0

    async def open(self) -> None:
        """Make the folder, if it is not there, and remove what a crash has left in it. Raises OSError."""
        await make_durable_directory(self._disk, self.folder, FOLDER_MODE)
        (names,) = await self._disk.perform([ListDirectory(self.folder)])
        left = [name for name in names if name.endswith(NEW) and file_name(name.removesuffix(NEW))]
        await self._disk.perform([Unlink(self._path(name), missing_ok=True) for name in left])

    async def write(self, journal: Journal) -> None:
        """Keep *journal*, durably. Raises OSError."""
        await replace_file(self._disk, self._path(journal.file_name), encode(journal), FILE_MODE)

    # Questions

    async def answer(self, line: str) -> SeriesAnswer:
        """What *line* asks. Raises nothing for what is wrong with it, or with the folder."""
        try:
            match parse(line):
                case Available():
                    return SeriesAnswer(available(await self._names()), [])
                case CacheDetails():
                    return SeriesAnswer(list(self._details()), [])
                case question:
                    return await self._count(question)
        except (ValueError, TooLarge) as fault:
            return SeriesAnswer([], [str(fault)])
        except OSError as fault:
            return SeriesAnswer([], [f"{self.folder}: {fault.strerror or fault}"])

    async def _count(self, question: Count) -> SeriesAnswer:
        """Raises OSError, TooLarge."""
        for _ in range(TRIES_MAX):
            names = wanted(await self._names(), question)
            try:
                return await self._counted(question, names)
            except FileNotFoundError:
                pass  # its time was over, or it is in the file of its day by now
        return SeriesAnswer([], ["files go while they are read: ask again"])

    async def _counted(self, question: Count, names: Iterable[FileName]) -> SeriesAnswer:
        """Raises OSError: FileNotFoundError, when one of them is no more; TooLarge."""
        counting, complaints = Counting(question), []
        for name in names:
            try:
                journals = await self._journals(name)
            except ValueError as fault:
                complaints.append(f"{name.text} is damaged: {fault}")
                continue
            for journal in journals:
                counting.take(journal)
                await trio.lowlevel.checkpoint()
        return SeriesAnswer(list(counting.lines()), complaints)

    def _details(self) -> Iterator[str]:
        """As the original prints them."""
        paths = [f"'{self._path(name)}'" for name in self._cache]
        yield "$VAR1 = ["
        yield from (f"{path}," for path in paths[:-1])
        yield from paths[-1:]
        yield "];"

    async def _names(self) -> list[FileName]:
        (names,) = await self._disk.perform([ListDirectory(self.folder)])
        return [name for name in map(file_name, names) if name is not None]

    async def _journals(self, name: FileName) -> list[Journal]:
        """Raises OSError; ValueError, when it is damaged."""
        if not name.is_day and name.text in self._cache:  # what is in such a file stays as it is
            self._cache.move_to_end(name.text)
            return self._cache[name.text]
        octets = await read_file(self._disk, self._path(name.text), CONTENT_OCTETS_MAX + 1)
        if len(octets) > CONTENT_OCTETS_MAX:
            raise ValueError(f"more than {CONTENT_OCTETS_MAX} octets")
        journals = []
        for journal in self._reader.read(name, octets):
            journals.append(journal)
            await trio.lowlevel.checkpoint()  # large files take a while
        if not name.is_day:
            self._keep(name.text, journals)
        return journals

    def _keep(self, text: str, journals: list[Journal]) -> None:
        if text in self._cache:
            return  # somebody else was quicker
        self._cache[text] = journals
        self._cached_counts += _size(journals)
        while self._cached_counts > CACHED_COUNTS_MAX:
            self._cached_counts -= _size(self._cache.popitem(last=False)[1])

    # Upkeep

    async def look_after(self, upkeep: Upkeep, now: int) -> Done:
        """Do what *upkeep* says is due at Unix second *now*. Raises OSError: the folder cannot be read or written."""
        lock = File(self._path(LOCK))
        try:
            await self._disk.perform([Open(lock, writable=True, create=FILE_MODE), Lock(lock)])
            return await self._look_after(upkeep, now)
        except BlockingIOError:
            return Done(0, 0, [f"somebody else looks after {self.folder}"])
        finally:
            with trio.CancelScope(shield=True):
                await self._disk.perform([Close(lock)])

    async def _look_after(self, upkeep: Upkeep, now: int) -> Done:
        due, complaints, condensed = work(await self._names(), upkeep, now), [], 0
        await self._remove(due.remove)
        for day, names in due.condense.items():
            try:
                await self._condense(day, names)
                condensed += 1
            except ValueError as fault:
                complaints.append(f"{day} was not made: {fault}")
        return Done(len(due.remove), condensed, complaints)

    async def _condense(self, day: str, names: list[FileName]) -> None:
        """Raises OSError; ValueError, when one of them is damaged, or they are too large together."""
        whole = file_name(day)
        assert whole is not None
        journals: dict[int, Journal] = {}
        for name in [whole, *names]:
            try:
                found = await self._journals(name)
            except FileNotFoundError:
                continue
            except ValueError as fault:
                raise ValueError(f"{name.text} is damaged: {fault}") from None
            journals.update((journal.end, journal) for journal in found)
        octets = condense(journals[end] for end in sorted(journals))
        await replace_file(self._disk, self._path(day), octets, FILE_MODE)
        await self._remove(names)

    async def _remove(self, names: Iterable[FileName]) -> None:
        steps = [Unlink(self._path(name.text), missing_ok=True) for name in names]
        if steps:
            await self._disk.perform([*steps, SyncDirectory(self.folder)])

    def _path(self, name: str) -> str:
        return f"{self.folder.rstrip('/')}/{name}"


def _size(journals: list[Journal]) -> int:
    return 1 + sum(len(journal.counts) for journal in journals)
