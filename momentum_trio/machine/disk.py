"""The disk as a contract: lists of steps, performed in order by one worker job.

A step is a value. ``perform`` carries out a list of them; power may fail between any two, and what was written but not
synced may then be lost, kept or torn. That is why callers hand over whole lists: the simulator cuts them at every
place. Two forms exist, ``os_disk.OsDisk`` and ``sim.disk.SimDisk``, and ``tests/conformance`` runs one body on both.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from errno import EPERM
from typing import Any, Generic, Protocol, TypeVar

R = TypeVar("R")

READ_OCTETS_MAX = 64 * 1024 * 1024


class File:
    """A name for an open file: made by the caller, opened by ``Create`` or ``Open``, ended by ``Close``.

    Two File objects are two open files even if their paths are equal. Identity is what counts.
    """

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"File({self.path!r})"


class Step(Generic[R]):
    """One thing a disk does. R is the type of its result in the list that ``perform`` returns."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Create(Step[None]):
    """Make a new file and open it for reading and writing. FileExistsError if the name is taken.

    mode: permission bits, exactly (the umask is not applied).
    """

    file: File
    mode: int = 0o640


@dataclass(frozen=True, slots=True)
class Open(Step[None]):
    """Open an existing file. FileNotFoundError if there is none, unless *create* gives the mode to make it with.

    Opened for reading alone unless *writable*. A symbolic link is followed unless *follow* is false (ELOOP then).
    """

    file: File
    writable: bool = False
    create: int | None = None
    follow: bool = True


@dataclass(frozen=True, slots=True)
class Write(Step[None]):
    """Write *chunks* one after the other at *offset*, all of them: short writes are repeated here, once for all."""

    file: File
    offset: int
    chunks: Sequence[bytes | bytearray | memoryview]


@dataclass(frozen=True, slots=True)
class Append(Step[None]):
    """Write *chunks* at the end of the file, wherever that is now (logs that others may truncate)."""

    file: File
    chunks: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Read(Step[bytes]):
    """Read up to *size* octets at *offset*; fewer only at the end of the file."""

    file: File
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Size(Step[int]):
    """The length of an open file in octets."""

    file: File


@dataclass(frozen=True, slots=True)
class Sync(Step[None]):
    """fsync: data and metadata of the file are durable. OSError: none of what was unsynced can be trusted."""

    file: File


@dataclass(frozen=True, slots=True)
class Datasync(Step[None]):
    """fdatasync: the data and the length are durable."""

    file: File


@dataclass(frozen=True, slots=True)
class Truncate(Step[None]):
    """Cut (or extend with zeros) to *size*."""

    file: File
    size: int


@dataclass(frozen=True, slots=True)
class Lock(Step[None]):
    """Take the file's exclusive lock, held until ``Close`` or the process ends. BlockingIOError if another has it."""

    file: File


@dataclass(frozen=True, slots=True)
class Close(Step[None]):
    """Give the descriptor back. Closing a file that is not open does nothing, so that clean-up can always close."""

    file: File


@dataclass(frozen=True, slots=True)
class Rename(Step[None]):
    """Move *source* to *target*, replacing what is there. Durable after ``SyncDirectory`` of both directories."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Link(Step[None]):
    """Give the file *source* a second name. FileExistsError if *target* exists."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Unlink(Step[None]):
    """Remove a name. With *missing_ok*, one that is not there is no error."""

    path: str
    missing_ok: bool = False


@dataclass(frozen=True, slots=True)
class MakeDirectory(Step[None]):
    """Make a directory and the parents it lacks; one that exists already is no error."""

    path: str
    mode: int = 0o750


@dataclass(frozen=True, slots=True)
class SyncDirectory(Step[None]):
    """Make the names in this directory durable (not those below it)."""

    path: str


@dataclass(frozen=True, slots=True)
class ListDirectory(Step[list[str]]):
    """The names in a directory, in no order."""

    path: str


class FileKind(Enum):
    """What a name stands for."""

    FILE = "file"
    DIRECTORY = "directory"
    SOCKET = "socket"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What ``Stat`` tells. mode: permission bits; modified: Unix seconds; owner: user id."""

    kind: FileKind
    size: int
    mode: int
    modified: float
    owner: int


@dataclass(frozen=True, slots=True)
class Stat(Step[FileFacts]):
    """Facts about a name; a symbolic link is followed unless *follow* is false."""

    path: str
    follow: bool = True


@dataclass(frozen=True, slots=True)
class ChangeMode(Step[None]):
    """Set the permission bits."""

    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class TakeAfter(Step[None]):
    """Give the file *path* the owner, group and permission bits of *model*. PermissionError if it cannot have them."""

    path: str
    model: str


@dataclass(frozen=True, slots=True)
class FreeSpace(Step[int]):
    """Octets an unprivileged writer may still write to the file system that holds *path*."""

    path: str


@dataclass(frozen=True, slots=True)
class Below(Step[R]):
    """Carry out *step* on what lies below *folder*, following no symbolic link there, whoever makes one meanwhile.

    *folder* itself may be reached through links. PermissionError (EPERM) for a path that is not *folder* and does not
    begin with it, or has ``..`` behind it; ENOTDIR where a link stands for a directory, ELOOP where it stands for what
    is opened or changed. ``Stat`` tells of the link itself.
    """

    folder: str
    step: Step[R]


def parts_below(folder: str, path: str) -> list[str]:
    """The parts of *path* behind *folder*, ``.`` for itself. Raises PermissionError, as ``Below`` does."""
    inside = "" if folder == "." else folder.rstrip("/") + "/"
    is_inside = not path.startswith("/") if not inside else f"{path}/".startswith(inside)
    parts = [part for part in path[len(inside) :].split("/") if part not in ("", ".")]
    if not is_inside or ".." in parts:
        raise PermissionError(EPERM, f"not below {folder}", path)
    return parts or ["."]


class Disk(Protocol):
    """The files of one host."""

    async def perform(self, steps: Sequence[Step[Any]]) -> list[Any]:
        """Carry out *steps* in order; return their results, None for those that have none.

        Raises: OSError from the first step that failed; those before it happened, those after it did not. ENOSPC may
            come after a part of a ``Write``.
        Cancellation: looked for before the first step; once begun the list is carried out to its end.
        """
        ...


class Confined:
    """What of *disk* lies below *folder*, as a Disk: a step on anything else, or through a symbolic link, fails."""

    def __init__(self, disk: Disk, folder: str) -> None:
        self._disk, self._folder = disk, folder

    async def perform(self, steps: Sequence[Step[Any]]) -> list[Any]:
        """See ``Disk.perform`` and ``Below``."""
        return await self._disk.perform([Below(self._folder, step) for step in steps])


async def make_durable_directory(disk: Disk, path: str, mode: int = 0o750) -> None:
    """Make a directory, its parents too, and every name that leads to it durable, as far as we may read those folders.

    A folder we may not read is one we did not make. Raises: OSError. Cancellation: between two of the folders.
    """
    await disk.perform([MakeDirectory(path, mode), SyncDirectory(path)])
    place = path
    while (above := posixpath.dirname(place.rstrip("/")) or ("/" if place.startswith("/") else ".")) != place:
        try:
            await disk.perform([SyncDirectory(above)])
        except PermissionError:
            pass
        place = above
