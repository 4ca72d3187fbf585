"""The durable logs of one node, whoever writes or reads them."""

from __future__ import annotations

from momentum_trio.log.jlog import Jlog
from momentum_trio.machine.contract import Entropy
from momentum_trio.machine.disk import Disk


class Jlogs:
    """The durable logs of one node, an object for each folder. One that is asked for stays open until ``close``."""

    def __init__(self, disk: Disk, entropy: Entropy) -> None:
        self._disk, self._entropy = disk, entropy
        self._logs: dict[str, Jlog] = {}

    def of(self, folder: str, mode: int = 0o644) -> Jlog:
        """The log in *folder*; it may have to be opened."""
        if (log := self._logs.get(folder)) is None:
            log = self._logs[folder] = Jlog(self._disk, self._entropy, folder, mode)
        return log

    async def close(self) -> None:
        """Let others have them. Raises nothing: what was kept is on the disk."""
        for log in self._logs.values():
            try:
                await log.close()
            except OSError:
                pass
        self._logs.clear()
