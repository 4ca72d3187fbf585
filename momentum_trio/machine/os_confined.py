"""Steps below a folder that follow no symbolic link (``disk.Below``): each part is opened from the one before it.

Manual pages: openat(2), path_resolution(7). Linux.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from momentum_trio.machine.disk import (
    ChangeMode,
    Create,
    File,
    FileFacts,
    FreeSpace,
    Link,
    ListDirectory,
    MakeDirectory,
    Open,
    Rename,
    Stat,
    Step,
    SyncDirectory,
    TakeAfter,
    Unlink,
    parts_below,
)
from momentum_trio.machine.os_stat import facts_of

THROUGH = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
FILE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe that stands there is not waited for


@contextmanager
def reached(folder: str, path: str) -> Iterator[tuple[int, str]]:
    """The directory that the last part of *path* is in, open for the block, and that part."""
    *between, name = parts_below(folder, path)
    descriptor = os.open(folder, THROUGH)
    try:
        for part in between:
            descriptor = _next(descriptor, part)
        yield descriptor, name
    except OSError as fault:
        fault.filename, fault.filename2 = path, None  # it knows the last part alone
        raise
    finally:
        os.close(descriptor)


def _next(descriptor: int, part: str) -> int:
    inner = os.open(part, THROUGH | os.O_NOFOLLOW, dir_fd=descriptor)
    os.close(descriptor)
    return inner


@contextmanager
def _opened(folder: str, path: str, flags: int) -> Iterator[int]:
    with reached(folder, path) as (at, name):
        descriptor = os.open(name, flags, dir_fd=at)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _create(descriptors: dict[File, int], folder: str, step: Create) -> None:
    assert step.file not in descriptors, f"{step.file} is open already"
    with reached(folder, step.file.path) as (at, name):
        descriptors[step.file] = _made(at, name, os.O_RDWR, step.mode)


def _made(at: int, name: str, flags: int, mode: int) -> int:
    descriptor = os.open(name, flags | FILE | os.O_CREAT | os.O_EXCL, mode, dir_fd=at)
    os.fchmod(descriptor, mode)  # open(2) took the umask away from it
    return descriptor


def _open(descriptors: dict[File, int], folder: str, step: Open) -> None:
    assert step.file not in descriptors, f"{step.file} is open already"
    flags = os.O_RDWR if step.writable else os.O_RDONLY
    with reached(folder, step.file.path) as (at, name):
        try:
            descriptors[step.file] = os.open(name, flags | FILE, dir_fd=at)
        except FileNotFoundError:
            if step.create is None:
                raise
            descriptors[step.file] = _made(at, name, flags, step.create)


def _rename(descriptors: dict[File, int], folder: str, step: Rename) -> None:
    with reached(folder, step.target) as (there, target), reached(folder, step.source) as (here, source):
        os.rename(source, target, src_dir_fd=here, dst_dir_fd=there)


def _link(descriptors: dict[File, int], folder: str, step: Link) -> None:
    with reached(folder, step.target) as (there, target), reached(folder, step.source) as (here, source):
        os.link(source, target, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)


def _unlink(descriptors: dict[File, int], folder: str, step: Unlink) -> None:
    try:
        with reached(folder, step.path) as (at, name):
            os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        if not step.missing_ok:
            raise


def _make_directory(descriptors: dict[File, int], folder: str, step: MakeDirectory) -> None:
    descriptor = os.open(folder, THROUGH)
    try:
        for part in parts_below(folder, step.path):
            _make_one(descriptor, part, step.mode)
            descriptor = _next(descriptor, part)
    except OSError as fault:
        fault.filename = step.path
        raise
    finally:
        os.close(descriptor)


def _make_one(at: int, name: str, mode: int) -> None:
    try:
        os.mkdir(name, mode, dir_fd=at)
    except FileExistsError:
        return
    os.chmod(name, mode, dir_fd=at)  # mkdir(2) took the umask away from it


def _sync_directory(descriptors: dict[File, int], folder: str, step: SyncDirectory) -> None:
    with _opened(folder, step.path, FOLDER) as descriptor:
        os.fsync(descriptor)


def _list_directory(descriptors: dict[File, int], folder: str, step: ListDirectory) -> list[str]:
    with _opened(folder, step.path, FOLDER) as descriptor:
        return os.listdir(descriptor)


def _stat(descriptors: dict[File, int], folder: str, step: Stat) -> FileFacts:
    with reached(folder, step.path) as (at, name):
        return facts_of(os.stat(name, dir_fd=at, follow_symlinks=False))


def _change_mode(descriptors: dict[File, int], folder: str, step: ChangeMode) -> None:
    with _opened(folder, step.path, os.O_RDONLY | FILE) as descriptor:
        os.fchmod(descriptor, step.mode)


def _take_after(descriptors: dict[File, int], folder: str, step: TakeAfter) -> None:
    with reached(folder, step.model) as (at, name):
        model = os.stat(name, dir_fd=at, follow_symlinks=False)
        if stat.S_ISLNK(model.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    with _opened(folder, step.path, os.O_RDONLY | FILE) as descriptor:
        facts = os.fstat(descriptor)
        if (facts.st_uid, facts.st_gid) != (model.st_uid, model.st_gid):
            os.fchown(descriptor, model.st_uid, model.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(model.st_mode))  # last: chown(2) takes the set-id bits away


def _free_space(descriptors: dict[File, int], folder: str, step: FreeSpace) -> int:
    with _opened(folder, step.path, THROUGH | os.O_NOFOLLOW) as descriptor:
        facts = os.fstatvfs(descriptor)
        return facts.f_bavail * facts.f_frsize


# The steps that name a path; the others are about files that are open, and the same everywhere.
CONFINED: dict[type[Step[Any]], Callable[[dict[File, int], str, Any], Any]] = {
    Create: _create,
    Open: _open,
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
}
