"""A durable log that a logger writes: lines wait in memory as for any other, and are appended to it in groups."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.log.destination import FLUSH_LINES_MAX, Pending
from momentum_trio.log.jlog import APPEND_OCTETS_MAX, Jlogs
from momentum_trio.log.jlog_format import LINE_OCTETS_MAX
from momentum_trio.machine.disk import Disk


class JlogDestination(Pending):
    """The log in a folder, and the lines on their way to it. subscribers: for whom they are kept, at least."""

    def __init__(self, folder: str, mode: int, jlogs: Jlogs, subscribers: Sequence[str]) -> None:
        super().__init__(folder, mode)
        self._jlogs = jlogs
        self._wanted: Sequence[str] = subscribers
        self._has_subscribed = False

    def retune(self, subscribers: Sequence[str]) -> None:
        """Keep them for these from the next flush on, and for those that were there."""
        if set(subscribers) - set(self._wanted):
            self._has_subscribed = False
        self._wanted = subscribers

    def reopen(self) -> None:
        """Nothing: nobody renames it."""

    async def flush(self, _disk: Disk) -> None:
        """Append what waits, durably: at most FLUSH_LINES_MAX lines, or APPEND_OCTETS_MAX.

        The log is opened, and made, even if nothing waits. A line of more than LINE_OCTETS_MAX is lost.
        Raises: OSError. The lines stay queued, and none of them was kept. Cancellation: as ``Destination.flush``.
        """
        log = self._jlogs.of(self.path, self.mode)
        await log.open()
        if not self._has_subscribed:
            await log.subscribe(self._wanted)
            self._has_subscribed = True
        lines, octets, count = list[bytes](), 0, 0
        for line in self._lines[:FLUSH_LINES_MAX]:
            written = line.encode("utf-8", "backslashreplace") + b"\n"
            if len(written) <= LINE_OCTETS_MAX:
                if octets + len(written) > APPEND_OCTETS_MAX:
                    break
                lines.append(written)
                octets += len(written)
            count += 1
        if lines:
            await log.append(lines)
        self.lost += count - len(lines)
        self._written(count)

    async def close(self, _disk: Disk) -> None:
        """Nothing: the log stays open for those who read it."""
