"""The disk of this host: ``perform`` hands a whole list of steps to one worker thread job.

Manual pages: open(2), pwritev2(2), fsync(2), flock(2), rename(2). Linux.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import trio

from momentum_trio.machine.disk import (
    READ_OCTETS_MAX,
    Append,
    Below,
    ChangeMode,
    Close,
    Create,
    Datasync,
    File,
    FileFacts,
    FreeSpace,
    Link,
    ListDirectory,
    Lock,
    MakeDirectory,
    Open,
    Read,
    Rename,
    Size,
    Stat,
    Step,
    Sync,
    SyncDirectory,
    TakeAfter,
    Truncate,
    Unlink,
    Write,
)
from momentum_trio.machine.facts import PoolFacts
from momentum_trio.machine.os_confined import CONFINED
from momentum_trio.machine.os_pool import OsPool
from momentum_trio.machine.os_stat import facts_of

JOBS_MAX = 16  # worker threads busy with this disk at once
CHUNKS_MAX = os.sysconf("SC_IOV_MAX")  # buffers one pwritev takes
CREATE_TRIES_MAX = 3  # an Open(create=...) that loses the race for the name this often gives up
DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class OsDisk:
    """The files of this host. ``aclose`` closes every file still open."""

    def __init__(self, jobs_max: int = JOBS_MAX) -> None:
        self._descriptors: dict[File, int] = {}
        self._pool = OsPool("IO", jobs_max)

    async def perform(self, steps: Sequence[Step[Any]]) -> list[Any]:
        """See ``machine.disk.Disk.perform``."""
        return await self._pool.run(partial(self._carry_out, steps))

    def facts(self) -> PoolFacts:
        """How busy its worker threads are."""
        return self._pool.facts()

    async def aclose(self) -> None:
        """Close every file still open, shielded. Nothing is synced."""
        with trio.CancelScope(shield=True):
            await self.perform([Close(file) for file in self._descriptors])

    def _carry_out(self, steps: Sequence[Step[Any]]) -> list[Any]:
        return [ACTIONS[type(step)](self._descriptors, step) for step in steps]


Descriptors = dict[File, int]


def _descriptor(descriptors: Descriptors, file: File) -> int:
    try:
        return descriptors[file]
    except KeyError:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), file.path) from None


def _create(descriptors: Descriptors, step: Create) -> None:
    assert step.file not in descriptors, f"{step.file} is open already"
    _make(descriptors, step.file, os.O_RDWR, step.mode)


def _make(descriptors: Descriptors, file: File, flags: int, mode: int) -> None:
    descriptor = os.open(file.path, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    descriptors[file] = descriptor
    os.fchmod(descriptor, mode)  # open(2) took the umask away from it


def _open(descriptors: Descriptors, step: Open) -> None:
    assert step.file not in descriptors, f"{step.file} is open already"
    flags = os.O_RDWR if step.writable else os.O_RDONLY
    existing = flags | os.O_CLOEXEC | (0 if step.follow else os.O_NOFOLLOW)
    for tries_left in reversed(range(CREATE_TRIES_MAX)):
        try:
            descriptors[step.file] = os.open(step.file.path, existing)
            return
        except FileNotFoundError:
            if step.create is None:
                raise
        try:
            _make(descriptors, step.file, flags, step.create)
            return
        except FileExistsError:
            if not tries_left:
                raise


def _write(descriptors: Descriptors, step: Write) -> None:
    _write_all(_descriptor(descriptors, step.file), step.offset, step.chunks, 0)


def _append(descriptors: Descriptors, step: Append) -> None:
    _write_all(_descriptor(descriptors, step.file), 0, step.chunks, os.RWF_APPEND)


def _write_all(descriptor: int, offset: int, chunks: Sequence[bytes | bytearray | memoryview], flags: int) -> None:
    for first in range(0, len(chunks), CHUNKS_MAX):
        some = chunks[first : first + CHUNKS_MAX]
        wanted = sum(map(len, some))
        written = os.pwritev(descriptor, some, offset, flags) if wanted else 0
        offset += written
        while written < wanted:  # short: the disk is full, a limit was met or a signal came
            some = _after(some, written)
            wanted -= written
            written = os.pwritev(descriptor, some, offset, flags)
            offset += written


def _after(chunks: Sequence[bytes | bytearray | memoryview], octets: int) -> list[bytes | bytearray | memoryview]:
    """*chunks* less their first *octets*."""
    rest: list[bytes | bytearray | memoryview] = []
    for chunk in chunks:
        if octets < len(chunk):
            rest.append(memoryview(chunk)[octets:] if octets else chunk)
        octets = max(0, octets - len(chunk))
    return rest


def _read(descriptors: Descriptors, step: Read) -> bytes:
    assert 0 <= step.size <= READ_OCTETS_MAX
    descriptor, offset, wanted = _descriptor(descriptors, step.file), step.offset, step.size
    parts: list[bytes] = []
    while wanted and (part := os.pread(descriptor, wanted, offset)):
        parts.append(part)
        offset += len(part)
        wanted -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _size(descriptors: Descriptors, step: Size) -> int:
    return os.fstat(_descriptor(descriptors, step.file)).st_size


def _sync(descriptors: Descriptors, step: Sync) -> None:
    os.fsync(_descriptor(descriptors, step.file))


def _datasync(descriptors: Descriptors, step: Datasync) -> None:
    os.fdatasync(_descriptor(descriptors, step.file))


def _truncate(descriptors: Descriptors, step: Truncate) -> None:
    os.ftruncate(_descriptor(descriptors, step.file), step.size)


def _lock(descriptors: Descriptors, step: Lock) -> None:
    fcntl.flock(_descriptor(descriptors, step.file), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _close(descriptors: Descriptors, step: Close) -> None:
    descriptor = descriptors.pop(step.file, None)
    if descriptor is not None:
        os.close(descriptor)


def _rename(descriptors: Descriptors, step: Rename) -> None:
    os.rename(step.source, step.target)


def _link(descriptors: Descriptors, step: Link) -> None:
    os.link(step.source, step.target)


def _unlink(descriptors: Descriptors, step: Unlink) -> None:
    try:
        os.unlink(step.path)
    except FileNotFoundError:
        if not step.missing_ok:
            raise


def _make_directory(descriptors: Descriptors, step: MakeDirectory) -> None:
    lacking: list[str] = []
    path = os.path.normpath(step.path)
    while not os.path.isdir(path) and path not in ("", "/"):
        lacking.append(path)
        path = os.path.dirname(path)
    for path in reversed(lacking):
        try:
            os.mkdir(path, step.mode)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
        else:
            os.chmod(path, step.mode)  # mkdir(2) took the umask away from it


def _sync_directory(descriptors: Descriptors, step: SyncDirectory) -> None:
    descriptor = os.open(step.path, DIRECTORY_FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _list_directory(descriptors: Descriptors, step: ListDirectory) -> list[str]:
    return os.listdir(step.path)


def _stat(descriptors: Descriptors, step: Stat) -> FileFacts:
    return facts_of(os.stat(step.path, follow_symlinks=step.follow))


def _change_mode(descriptors: Descriptors, step: ChangeMode) -> None:
    os.chmod(step.path, step.mode)


def _take_after(descriptors: Descriptors, step: TakeAfter) -> None:
    model, facts = os.stat(step.model), os.stat(step.path)
    if (facts.st_uid, facts.st_gid) != (model.st_uid, model.st_gid):
        os.chown(step.path, model.st_uid, model.st_gid)
    os.chmod(step.path, stat.S_IMODE(model.st_mode))  # last: chown(2) takes the set-id bits away


def _free_space(descriptors: Descriptors, step: FreeSpace) -> int:
    facts = os.statvfs(step.path)
    return facts.f_bavail * facts.f_frsize


def _below(descriptors: Descriptors, step: Below[Any]) -> Any:
    confined = CONFINED.get(type(step.step))
    if confined is None:
        return ACTIONS[type(step.step)](descriptors, step.step)
    return confined(descriptors, step.folder, step.step)


# What each step does. The value type is looser than the truth: each function takes the step type of its key.
ACTIONS: dict[type[Step[Any]], Callable[[Descriptors, Any], Any]] = {
    Create: _create,
    Open: _open,
    Write: _write,
    Append: _append,
    Read: _read,
    Size: _size,
    Sync: _sync,
    Datasync: _datasync,
    Truncate: _truncate,
    Lock: _lock,
    Close: _close,
    Rename: _rename,
    Link: _link,
    Unlink: _unlink,
    MakeDirectory: _make_directory,
    SyncDirectory: _sync_directory,
    ListDirectory: _list_directory,
    Stat: _stat,
    ChangeMode: _change_mode,
    TakeAfter: _take_after,
    FreeSpace: _free_space,
    Below: _below,
}
