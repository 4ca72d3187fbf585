"""Large content: one file a batch, under ``content/``, durable with its directory before a record names it."""

from __future__ import annotations

from contextlib import suppress

from momentum_trio.machine.disk import Close, Disk, File, Open, Step, Sync, Truncate, Unlink
from momentum_trio.spool.log import Report

REMOVED_AT_ONCE_MAX = 256
KEPT_OPEN_MAX = 64  # of the files on their way in; any client may hold one open for as long as it likes


class ContentFiles:
    """Names and ends of the files. A retired one belongs to a concluded batch whose outcome may not be durable yet, or
    to none at all, and could not be removed.
    """

    def __init__(self, disk: Disk, directory: str, report: Report, incarnation: int) -> None:
        self.directory = directory
        self._disk, self._report = disk, report
        self._incarnation, self._count = incarnation, 0
        self._retired: list[str] = []
        self._emptied = 0
        self._failing = False  # the last one could not be removed, which was said
        self._kept_open = 0

    def keep_open(self) -> bool:
        """Whether one more file may stay open between its pieces; then ``let_go`` is owed."""
        if self._kept_open >= KEPT_OPEN_MAX:
            return False
        self._kept_open += 1
        return True

    def let_go(self) -> None:
        """A file that was kept open is closed."""
        self._kept_open -= 1
        assert self._kept_open >= 0

    def new_name(self) -> str:
        """A name no file has."""
        self._count += 1
        return f"{self._incarnation:x}-{self._count:x}"

    def path(self, name: str) -> str:
        """Where the file *name* lies."""
        return f"{self.directory}/{name}"

    def retire(self, name: str) -> None:
        """*name* is to be removed once the outcome that ended its batch is durable."""
        self._retired.append(name)

    async def remove_retired(self) -> None:
        """The outcomes are durable: remove the files. What cannot be removed is tried again the next time."""
        while self._retired:
            names = self._retired[:REMOVED_AT_ONCE_MAX]
            try:
                await self._disk.perform([Unlink(self.path(name), missing_ok=True) for name in names])
            except OSError as error:
                if not self._failing:
                    self._report(f"spool: content that nobody needs cannot be removed yet: {error}")
                self._failing = True
                return
            self._failing = False
            del self._retired[: len(names)]
            self._emptied = max(0, self._emptied - len(names))

    async def empty_retired(self) -> None:
        """The disk is full, outcomes cannot be written: give room back. An empty file says its batch is concluded."""
        for name in self._retired[self._emptied :]:
            file = File(self.path(name))
            steps: list[Step[None]] = [Open(file, writable=True), Truncate(file, 0), Sync(file)]
            try:
                await self._disk.perform(steps)
            except OSError as error:
                self._report(f"spool: content of concluded batches is left behind: {error}")
            with suppress(OSError):  # it is closed all the same, and what mattered was synced
                await self._disk.perform([Close(file)])
        self._emptied = len(self._retired)
