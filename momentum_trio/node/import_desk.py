"""``spool import`` and ``spool import_poll``: other spools are taken over, one after the other."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace

import trio

from momentum_trio.console.command import Data
from momentum_trio.console.facade import ApplyError
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Confined
from momentum_trio.node.folders import Folders
from momentum_trio.node.link import Said
from momentum_trio.spool.fault import SpoolFault
from momentum_trio.spool.importing import take_over
from momentum_trio.spool.message import Owed
from momentum_trio.spool.spool import Spool

IMPORTS_MAX = 32
"""Spools whose import is under way or remembered."""


@dataclass(slots=True)
class Import:
    """Of one directory. taken: messages so far. left: that stay there. problem: why it ended before its end."""

    taken: int = 0
    left: int = 0
    ended: bool = False
    problem: str = ""

    @property
    def text(self) -> str:
        """``done: 12 messages taken over, 0 left``."""
        state = f"failed: {self.problem}" if self.problem else "done" if self.ended else "under way"
        return f"{state}: {self.taken} messages taken over, {self.left} left"


class ImportDesk:
    """taken: told of each message that is here now. An import goes on in *nursery*, one at a time.

    folders: below which the other spools lie. Below them an import follows no symbolic link: it removes what it took,
    and whoever owns the other spool must not choose from where.
    """

    def __init__(
        self,
        machine: Machine,
        spool: Spool,
        taken: Callable[[Owed], None],
        nursery: trio.Nursery,
        folders: Folders,
    ) -> None:
        self._machine, self._spool, self._taken, self._nursery = machine, spool, taken, nursery
        self._folders = folders
        self._imports: dict[str, Import] = {}
        self._turn = trio.Lock()

    async def begin(self, directory: str) -> Said:
        """Take over the spool of *directory*; it goes on when this has returned."""
        directory = posixpath.normpath(directory)
        try:
            folder = self._folders.above(directory)
        except ApplyError as refused:
            return Said("\n".join(refused.problems), failed=True)
        known = self._imports.get(directory)
        if known is not None and not known.ended:
            return Said(f"{directory} is being imported already", failed=True)
        if not self._room():
            return Said("too many imports are under way", failed=True)
        self._imports[directory] = Import()
        self._nursery.start_soon(self._run, directory, folder, self._imports[directory])
        return Said(f"Importing {directory}", {"directory": directory})

    def _room(self) -> bool:
        """Whether one more can be remembered; the oldest that has ended is forgotten for it."""
        if len(self._imports) >= IMPORTS_MAX:
            ended = next((directory for directory, each in self._imports.items() if each.ended), None)
            if ended is None:
                return False
            del self._imports[ended]
        return True

    async def poll(self, directory: str) -> Said:
        """How far that is."""
        directory = posixpath.normpath(directory)
        known = self._imports.get(directory)
        if known is None:
            return Said(f"{directory} was not imported", failed=True)
        fields: Data = {"taken": known.taken, "left": known.left, "ended": known.ended, "problem": known.problem}
        return Said(f"{directory}: {known.text}", fields)

    async def _run(self, directory: str, folder: str, progress: Import) -> None:
        machine = replace(self._machine, disk=Confined(self._machine.disk, folder))

        def taken(owed: Owed) -> None:
            progress.taken += 1
            self._taken(owed)

        try:
            async with self._turn:
                terms = replace(self._spool.terms, base=directory)
                count = await take_over(machine, self._spool, terms, taken)
            progress.left = count.left
        except SpoolFault as fault:
            progress.problem = str(fault)
        progress.ended = True
