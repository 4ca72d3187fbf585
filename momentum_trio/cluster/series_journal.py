"""``as_logger``: a manager journals what nodes count, series by series, an interval a file.

Nodes tell how often something happened since they began (``Replicate "metrics"``); what of that is of one interval is
``protocol/series/gain.py``. What happens while no manager is there is in no journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest

import trio

from momentum_trio.cluster.as_logger_options import AsLoggerOptions
from momentum_trio.cluster.plan import journalled
from momentum_trio.cluster.series_files import SeriesFiles
from momentum_trio.config.pattern import Pattern
from momentum_trio.config.tree import ConfigTree
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.cluster.replica import Heard
from momentum_trio.protocol.series.answer import SeriesAnswer
from momentum_trio.protocol.series.gain import Gains
from momentum_trio.protocol.series.journal import COUNT_MAX, COUNTS_MAX, Host, Journal, host_of
from momentum_trio.protocol.series.moment import DAY_SECONDS

LOOK_SECONDS = 5
"""How often the configuration is looked at, where it journals nothing."""


def includes(options: AsLoggerOptions, series: str) -> bool:
    """Whether *series* is journalled."""
    is_by_default = options.default == "all"
    patterns = options.exclude if is_by_default else options.include
    return is_by_default != any(Pattern(each).found_in(series) is not None for each in patterns)


@dataclass(slots=True)
class Series:
    """One of those that nodes count. begin: Unix second up to which it is journalled."""

    begin: int
    gains: Gains = field(default_factory=Gains)


class SeriesJournals:
    """Those of one manager. tree: as it is now."""

    def __init__(self, machine: Machine, tree: Callable[[], ConfigTree]) -> None:
        self._machine, self._tree = machine, tree
        self._series: dict[str, Series] = {}
        self._files = self._asked = SeriesFiles(machine.disk, "")
        self._said = ""

    def hears(self, series: str) -> Heard:
        """Who is told what nodes count of *series*."""
        return self._series.setdefault(series, Series(self._now)).gains.said

    @property
    def _now(self) -> int:
        return int(self._machine.clock.now())

    async def run(self) -> None:
        """Journal until cancelled; then what there is of an interval that is not over.

        What fails is said, and tried again. What a series counts while it is not journalled is in no journal later.
        """
        try:
            while True:
                options = journalled(self._tree())
                interval = LOOK_SECONDS if options is None else options.interval
                await self._end_of(interval)
                await self._journal(self._now // interval * interval)
        finally:
            with trio.CancelScope(shield=True):
                await self._journal(self._now)

    async def _end_of(self, interval: int) -> None:
        """Wait until an *interval* ends, or the clock is set back."""
        due = self._now // interval * interval + interval
        while 0 < (left := due - self._machine.clock.now()) <= interval:  # noqa: ASYNC110  (the wall clock tells nobody)
            await trio.sleep(left)

    async def _journal(self, end: int) -> None:
        options, faults = journalled(self._tree()), []
        for name, series in list(self._series.items()):
            if series.begin - DAY_SECONDS < end <= series.begin:
                continue  # the clock was set back: until it is where it was
            gained = series.gains.take()
            if options is not None and includes(options, name):
                begin = min(series.begin, end - 1)
                try:
                    await self._write(options.folder, Journal(name, begin, end, _by_host(gained)))
                except OSError as fault:
                    self._files = SeriesFiles(self._machine.disk, "")  # its folder may be gone
                    series.gains.put_back(gained)
                    faults.append(f"as_logger: {options.folder}: {fault.strerror or fault}")
                    continue
            series.begin = end
        self._say(faults[0] if faults else "")

    async def answer(self, question: str) -> SeriesAnswer:
        """What *question* asks of the journals, as ``SeriesFiles.answer`` does."""
        options = journalled(self._tree())
        if options is None:
            return SeriesAnswer(
                [], ["nothing is journalled here: the configuration has no as_logger {} that is enabled"]
            )
        if self._asked.folder != options.folder:
            self._asked = SeriesFiles(self._machine.disk, options.folder)
        return await self._asked.answer(question)

    async def _write(self, folder: str, journal: Journal) -> None:
        """Raises OSError."""
        if self._files.folder != folder:
            files = SeriesFiles(self._machine.disk, folder)
            await files.open()
            self._files = files
        await self._files.write(journal)

    def _say(self, fault: str) -> None:
        """A *fault* is said once, until there is another or none."""
        if fault != self._said and fault:
            self._machine.events.publish(Panic(self._machine.clock.now(), Level.ERROR, fault))
        self._said = fault


def _by_host(gained: Mapping[str, int]) -> dict[Host, int]:
    """*gained*, of as many addresses as a journal has; what is no address counts for nobody."""
    counts: dict[Host, int] = {}
    for text, count in gained.items():
        try:
            host = host_of(text)
        except ValueError:
            continue
        counts[host] = min(counts.get(host, 0) + count, COUNT_MAX)
    if len(counts) > COUNTS_MAX:
        counts = dict(nlargest(COUNTS_MAX, counts.items(), key=lambda each: each[1]))
    return counts
