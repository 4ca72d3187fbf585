"""The durable logs of this node for others: what ECCluster's service ``log`` is answered; the console shows it too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from momentum_trio.log.jlog import Jlog, Jlogs, NoSuchPlace
from momentum_trio.mail.log_position import Position
from momentum_trio.protocol.cluster.eccluster import (
    WHY_LENGTH_MAX,
    Answer,
    Checkpoint,
    Failed,
    Kept,
    Lines,
    ListLogs,
    LogFacts,
    Logs,
    Reader,
    Replay,
    Replayed,
    parts,
)


@dataclass(slots=True)
class LogCounts:
    """lines_octets: that were sent; a line that was asked for again counts again. checkpoints: that were kept."""

    replays: int = 0
    lines_octets: int = 0
    checkpoints: int = 0


class LogService:
    """published: the names of logs, and their folders, as the configuration has them now."""

    def __init__(self, jlogs: Jlogs, published: Callable[[], Mapping[str, str]]) -> None:
        self._jlogs, self._published = jlogs, published
        self.counts = LogCounts()

    async def listed(self) -> Logs:
        """Those that are there. One that cannot be read now is left out."""
        found = []
        for name in self._published():
            try:
                log = await self._opened(name)
                readers = [Reader(each, *at) for each, at in (await log.checkpoints()).items()]
            except OSError:
                continue
            found.append(LogFacts(name, log.id, log.octets, tuple(readers)))
        return Logs(tuple(found))

    async def answer(self, asked: ListLogs | Replay | Checkpoint) -> list[Answer]:
        """What is said to it. Raises nothing for what the disk does."""
        try:
            match asked:
                case ListLogs():
                    return [await self.listed()]
                case Replay():
                    return await self._replay(asked)
                case Checkpoint():
                    return [await self._checkpoint(asked)]
        except KeyError as unknown:
            return [Failed(f"there is no log or subscriber {unknown.args[0]}"[:WHY_LENGTH_MAX], is_known=False)]
        except FileNotFoundError:
            return [Failed("nothing was logged there yet")]
        except (OSError, NoSuchPlace) as fault:
            return [Failed(str(fault)[:WHY_LENGTH_MAX])]

    async def _opened(self, name: str) -> Jlog:
        """Raises KeyError, OSError."""
        log = self._jlogs.of(self._published()[name])
        await log.open(made=False)
        return log

    async def _replay(self, asked: Replay) -> list[Answer]:
        log = await self._opened(asked.log)
        begin = await self._begin(log, asked)
        taken = await log.read(begin, asked.octets_max)
        self.counts.replays += 1
        self.counts.lines_octets += len(taken.octets)
        lines = [Lines(part) for part in parts(taken.octets)] if taken.octets else []
        return [*lines, Replayed(log.id, *begin, *taken.end, taken.is_damaged)]

    async def _begin(self, log: Jlog, asked: Replay) -> Position:
        """Where he wants to go on, if that is a place of this log not behind his checkpoint; else there."""
        checkpoint = (await log.checkpoints())[asked.subscriber]
        wanted = Position(asked.segment, asked.offset)
        if asked.log_id == log.id and wanted > checkpoint and await log.is_boundary(wanted):
            return wanted
        return checkpoint

    async def _checkpoint(self, asked: Checkpoint) -> Answer:
        log = await self._opened(asked.log)
        if asked.log_id != log.id:
            raise NoSuchPlace(f"{asked.log} is another log now")
        await log.checkpoint(asked.subscriber, Position(asked.segment, asked.offset))
        self.counts.checkpoints += 1
        return Kept()
