"""Files that gathered lines go to: each line once, whatever crashes (``protocol/cluster/gathered.py`` says how).

Places are kept in ``.places``, in the folder that stands before the first macro of ``Logfile``. All of them are looked
at before the first line is appended: what a crash has left of lines is cut off then, and never later.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import trio

from momentum_trio.cluster.published_options import GatheringOptions
from momentum_trio.machine.disk import (
    Close,
    Datasync,
    Disk,
    File,
    ListDirectory,
    Open,
    Read,
    Size,
    Sync,
    SyncDirectory,
    Truncate,
    Unlink,
    Write,
    make_durable_directory,
)
from momentum_trio.machine.whole_file import NEW, read_file, replace_file
from momentum_trio.mail.log_position import Position
from momentum_trio.protocol.cluster.gathered import (
    NOTHING,
    OCTETS_MAX,
    SUFFIX,
    Gathered,
    Intent,
    Source,
    decode,
    encode,
    intent,
    taken_back,
)
from momentum_trio.protocol.cluster.log_path import root

PLACES = ".places"


@dataclass(slots=True, eq=False)
class OpenFile:
    """One that lines go to. used_at: trio's time.

    unsettled: an intent that was not carried out, as far as we know: it has to be taken back before anything is
    appended, whosever it is.
    """

    file: File
    used_at: float
    turn: trio.Lock = field(default_factory=trio.Lock)
    is_open: bool = False
    unsettled: Intent | None = None


class GatheredFiles:
    """Those of one manager. Made, then ``recover``ed."""

    def __init__(self, disk: Disk, options: GatheringOptions) -> None:
        self._disk, self.options = disk, options
        self._folder = f"{root(options.logfile).rstrip('/')}/{PLACES}"
        self._gathered: dict[Source, Gathered] = {}
        self._files: OrderedDict[str, OpenFile] = OrderedDict()

    async def recover(self) -> list[str]:
        """Know what was gathered. Returns the names of places that are damaged: their logs begin at the checkpoint.

        Raises OSError: it has to be done again before anything is gathered.
        """
        await make_durable_directory(self._disk, self._folder, self.options.dir_mode)
        (names,) = await self._disk.perform([ListDirectory(self._folder)])
        await self._disk.perform([Unlink(f"{self._folder}/{name}") for name in names if name.endswith(NEW)])
        damaged = []
        for name in sorted(name for name in names if name.endswith(SUFFIX)):
            written = decode(await read_file(self._disk, f"{self._folder}/{name}", OCTETS_MAX + 1))
            if written is None or Source(*written.source).file_name != name:
                damaged.append(name)
                continue
            position = written.after
            if not await self._is_done(written):
                position = written.before
                await self._write_down(taken_back(written))  # or it would be looked for behind what comes there now
            self._gathered[Source(*written.source)] = Gathered(bytes.fromhex(written.log_id), Position(*position))
        return damaged

    def gathered(self, source: Source) -> Gathered:
        """How far *source* was."""
        return self._gathered.get(source, NOTHING)

    async def append(self, source: Source, begin: Gathered, after: Position, path: str, lines: bytes) -> None:
        """Add *lines* of *source*, which stand from *begin* up to *after* in its log, to *path*, durably.

        Raises OSError: they are not there, or will not be once anything is appended. Cancellation: as a crash, which
        the next ``append`` to that file makes good.
        """
        held = await self._held(path)
        async with held.turn:
            held.used_at = trio.current_time()
            size = await self._ready(held)
            held.unsettled = written = intent(source, begin, after, path, size, lines)
            await self._write_down(written)
            await self._disk.perform([Write(held.file, size, [lines]), Datasync(held.file)])
            held.unsettled = None
            self._gathered[source] = Gathered(begin.log_id, after)

    async def close_idle(self) -> None:
        """Close those that were not written to for Max_Idle."""
        idle_max = self.options.idle_max
        if idle_max:
            since = trio.current_time() - idle_max
            await self._close(path for path, held in list(self._files.items()) if held.used_at <= since)

    async def close(self) -> None:
        """Close all of them."""
        await self._close(list(self._files))

    async def _held(self, path: str) -> OpenFile:
        if (held := self._files.get(path)) is None:
            held = self._files[path] = OpenFile(File(path), trio.current_time())
        self._files.move_to_end(path)
        if self.options.open_max:
            await self._close(list(self._files)[: -self.options.open_max])
        return held

    async def _close(self, paths: Iterable[str]) -> None:
        """Close those of *paths* that are not in use, and have nothing to be made good."""
        for path in paths:
            held = self._files[path]
            if not held.turn.statistics().locked and held.unsettled is None:
                del self._files[path]
                await self._disk.perform([Close(held.file)])

    async def _ready(self, held: OpenFile) -> int:
        """Have it open and whole; its length."""
        file, options = held.file, self.options
        if not held.is_open:
            folder = file.path.rpartition("/")[0]
            try:
                await self._disk.perform([Open(file, writable=True)])
            except FileNotFoundError:
                await make_durable_directory(self._disk, folder, options.dir_mode)
                await self._disk.perform([Open(file, writable=True, create=options.file_mode), Sync(file)])
                await self._disk.perform([SyncDirectory(folder)])
            held.is_open = True
        if (wrong := held.unsettled) is not None:
            await self._disk.perform([Truncate(file, wrong.size), Sync(file)])
            await self._write_down(taken_back(wrong))
            held.unsettled = None
        (size,) = await self._disk.perform([Size(file)])
        return int(size)

    async def _write_down(self, written: Intent) -> None:
        await replace_file(self._disk, f"{self._folder}/{Source(*written.source).file_name}", encode(written))

    async def _is_done(self, written: Intent) -> bool:
        """Whether its lines stand in their file, durably; what there is of them is cut off if they do not."""
        file = File(written.path)
        try:
            _, _, size, there = await self._disk.perform(
                [Open(file, writable=True), Datasync(file), Size(file), Read(file, written.size, written.octets)]
            )
            if written.is_done(there):
                return True
            if size > written.size:
                await self._disk.perform([Truncate(file, written.size), Sync(file)])
            return False
        except FileNotFoundError:
            return False
        finally:
            with trio.CancelScope(shield=True):
                await self._disk.perform([Close(file)])
