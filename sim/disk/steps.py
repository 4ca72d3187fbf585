"""One process life's view of a store: its open files and locks, and what each step does."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import replace
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
    FileKind,
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
    parts_below,
)

from .faults import Fault, paths
from .inode import Handle, Inode, failure
from .power_loss import PowerCut
from .store import SimStore


class SimDisk:
    """One life's view of a SimStore; satisfies ``machine.disk.Disk``."""

    def __init__(self, store: SimStore) -> None:
        self.store = store
        self.dead = False
        self._handles: dict[File, Handle] = {}

    async def perform(self, steps: Sequence[Step[Any]]) -> list[Any]:
        """See ``machine.disk.Disk.perform``. Raises PowerCut when power fails, and ever after."""
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.CancelScope(shield=True):
            await self._take_time(steps)
        return [self._carry_out(step) for step in steps]

    async def _take_time(self, steps: Sequence[Step[Any]]) -> None:
        store = self.store
        if store.latency is None:
            await trio.lowlevel.checkpoint()
        else:
            began = trio.current_time()
            await store.latency([step.step if isinstance(step, Below) else step for step in steps])
            taken = trio.current_time() - began
            if extra := taken * (store.slow_factor - 1) + store.slow_seconds:
                await trio.sleep(extra)

    async def aclose(self) -> None:
        """Close every file still open, shielded. Nothing is synced."""
        with trio.CancelScope(shield=True):
            await self.perform([Close(file) for file in self._handles])

    @property
    def open_files(self) -> int:
        """How many files are open: for checkers of leaks."""
        return len(self._handles)

    def die(self) -> None:
        """End this life: its locks are released, and whatever it still asks for raises PowerCut."""
        self.dead = True
        for handle in self._handles.values():
            if handle.inode.locked_by is handle:
                handle.inode.locked_by = None
        self._handles.clear()

    def make_socket(self, path: str, token: object, mode: int = 0o755, owner: int = 0) -> None:
        """See ``SimStore.make_socket``."""
        self.store.make_socket(path, token, mode, owner)

    def socket_at(self, path: str) -> object:
        """See ``SimStore.socket_at``."""
        return self.store.socket_at(path)

    def _carry_out(self, step: Step[Any]) -> Any:
        store = self.store
        if self.dead:
            raise PowerCut
        if store.cut_after is not None:
            if store.cut_after <= 0:
                store.end_lives()
                raise PowerCut
            store.cut_after -= 1
        store.operations += 1
        if isinstance(step, Below):
            step = self._confined(step)
        if (wrong := store.wrong_with(step)) is not None:
            step = self._go_wrong(step, wrong)
        if store.read_only and self._changes(step):
            raise failure(errno.EROFS, paths(step)[0])
        return ACTIONS[type(step)](self, step)

    def _confined(self, step: Below[Any]) -> Step[Any]:
        """The step itself, once no part of what it names below the folder is a symbolic link."""
        inner = step.step
        if type(inner) not in NAMING:
            return inner
        for path in paths(inner):
            *between, name = parts_below(step.folder, path)
            if name == ".":
                return inner
            place = step.folder.rstrip("/")
            for part in between:
                place = f"{place}/{part}"
                if self._is_link(place):
                    raise failure(errno.ENOTDIR, path)
            if type(inner) in FOLLOWING and self._is_link(f"{place}/{name}"):
                raise failure(FOLLOWING[type(inner)], path)
        return replace(inner, follow=False) if isinstance(inner, (Open, Stat)) else inner

    def _is_link(self, path: str) -> bool:
        try:
            return self.store.find(path, follow=False).kind is FileKind.LINK
        except OSError:
            return False

    def _go_wrong(self, step: Step[Any], wrong: Fault) -> Step[Any]:
        """Fail, or return the step that is carried out in place of *step*."""
        self.store.say("disk-error", step=type(step).__name__, path=paths(step)[0], errno=wrong.number)
        if isinstance(step, Read) and wrong.shift_octets:
            return replace(step, offset=max(0, step.offset + wrong.shift_octets))
        if isinstance(step, (Write, Append)) and wrong.after_octets:
            inode = self.handle(step.file).inode
            offset = step.offset if isinstance(step, Write) else len(inode.memory)
            self.store.write(inode, offset, b"".join(step.chunks)[: wrong.after_octets])
        if isinstance(step, (Sync, Datasync)) and wrong.drop_dirty:
            self.store.drop_dirty(self.handle(step.file).inode)
        raise failure(wrong.number)

    def _changes(self, step: Step[Any]) -> bool:
        """Whether a read-only file system refuses *step*."""
        match step:
            case Write() | Append():
                return any(step.chunks)
            case Sync() | Datasync():
                return bool(self.handle(step.file).inode.unsynced)
            case SyncDirectory():
                return bool(self._directory(step.path).changes)
            case Open():
                return step.writable or (step.create is not None and not self._exists(step.file.path))
            case MakeDirectory():
                return not self._exists(step.path)
        return isinstance(step, (Create, Truncate, Rename, Link, Unlink, ChangeMode, TakeAfter))

    def _exists(self, path: str) -> bool:
        try:
            self.store.find(path)
        except OSError:
            return False
        return True

    def handle(self, file: File) -> Handle:
        """The open file *file*; EBADF if it is not open."""
        try:
            return self._handles[file]
        except KeyError:
            raise failure(errno.EBADF, file.path) from None

    def writable(self, file: File) -> Inode:
        """The inode of *file* for writing; EBADF if it was opened for reading alone."""
        handle = self.handle(file)
        if not handle.writable:
            raise failure(errno.EBADF, file.path)
        return handle.inode

    # -- one method a step -------------------------------------------------------------------------------------------

    def create(self, step: Create) -> None:
        assert step.file not in self._handles, f"{step.file} is open already"
        directory, name = self.store.place(step.file.path)
        if name in directory.names:
            raise failure(errno.EEXIST, step.file.path)
        inode = self.store.make_inode(FileKind.FILE, step.mode)
        directory.change({name: inode})
        self._handles[step.file] = Handle(inode, writable=True)

    def open(self, step: Open) -> None:
        assert step.file not in self._handles, f"{step.file} is open already"
        path = step.file.path
        try:
            inode = self.store.find(path, follow=step.follow)
        except FileNotFoundError:
            if step.create is None:
                raise
            self.create(Create(step.file, step.create))
            self._handles[step.file].writable = step.writable
            return
        if inode.kind is FileKind.LINK:
            raise failure(errno.ELOOP, path)
        if inode.kind is FileKind.DIRECTORY and step.writable:
            raise failure(errno.EISDIR, path)
        if inode.kind is FileKind.SOCKET:
            raise failure(errno.ENXIO, path)
        self._handles[step.file] = Handle(inode, step.writable)

    def write(self, step: Write) -> None:
        self._put(step.file, step.offset, b"".join(step.chunks))

    def append(self, step: Append) -> None:
        self._put(step.file, len(self.handle(step.file).inode.memory), b"".join(step.chunks))

    def _put(self, file: File, offset: int, octets: bytes) -> None:
        if self.handle(file) and octets:  # no octets, no system call, no error
            self.store.write(self.writable(file), offset, octets)

    def read(self, step: Read) -> bytes:
        assert 0 <= step.size <= READ_OCTETS_MAX
        inode = self.handle(step.file).inode
        if inode.kind is FileKind.DIRECTORY and step.size:
            raise failure(errno.EISDIR, step.file.path)
        return bytes(inode.memory[step.offset : step.offset + step.size])

    def size(self, step: Size) -> int:
        return len(self.handle(step.file).inode.memory)

    def sync(self, step: Sync | Datasync) -> None:
        self.handle(step.file).inode.sync()

    def truncate(self, step: Truncate) -> None:
        handle = self.handle(step.file)
        if not handle.writable:
            raise failure(errno.EINVAL, step.file.path)  # ftruncate(2): not open for writing
        self.store.truncate(handle.inode, step.size)

    def lock(self, step: Lock) -> None:
        handle = self.handle(step.file)
        if handle.inode.locked_by not in (None, handle):
            raise failure(errno.EWOULDBLOCK, step.file.path)
        handle.inode.locked_by = handle

    def close(self, step: Close) -> None:
        handle = self._handles.pop(step.file, None)
        if handle is not None and handle.inode.locked_by is handle:
            handle.inode.locked_by = None

    def rename(self, step: Rename) -> None:
        from_directory, from_name = self.store.place(step.source)
        to_directory, to_name = self.store.place(step.target)
        inode = from_directory.names.get(from_name)
        if inode is None:
            raise failure(errno.ENOENT, step.source)
        there = to_directory.names.get(to_name)
        if inode.holds(to_directory):
            raise failure(errno.EINVAL, step.target)
        if there is not None and there.holds(from_directory):
            raise failure(errno.ENOTEMPTY, step.target)
        if there is inode:
            return
        self._check_replaced(inode, there, step.target)
        if from_directory is to_directory:
            from_directory.change({from_name: None, to_name: inode})
        else:
            linked, unlinked = to_directory.change({to_name: inode}), from_directory.change({from_name: None})
            linked.twin, unlinked.twin = (from_directory, unlinked), (to_directory, linked)
        if there is not None:
            self.store.forget(there)

    def _check_replaced(self, inode: Inode, there: Inode | None, path: str) -> None:
        if there is None:
            return
        directory, target_directory = inode.kind is FileKind.DIRECTORY, there.kind is FileKind.DIRECTORY
        if target_directory and not directory:
            raise failure(errno.EISDIR, path)
        if directory and not target_directory:
            raise failure(errno.ENOTDIR, path)
        if directory and there.names:
            raise failure(errno.ENOTEMPTY, path)

    def link(self, step: Link) -> None:
        inode = self.store.find(step.source, follow=False)
        directory, name = self.store.place(step.target)
        if name in directory.names:
            raise failure(errno.EEXIST, step.target)
        if inode.kind is FileKind.DIRECTORY:
            raise failure(errno.EPERM, step.source)
        directory.change({name: inode})

    def unlink(self, step: Unlink) -> None:
        try:
            directory, name = self.store.place(step.path)
            inode = directory.names.get(name)
            if inode is None:
                raise failure(errno.ENOENT, step.path)
        except FileNotFoundError:
            if step.missing_ok:
                return
            raise
        if inode.kind is FileKind.DIRECTORY:
            raise failure(errno.EISDIR, step.path)
        directory.change({name: None})
        self.store.forget(inode)

    def make_directory(self, step: MakeDirectory) -> None:
        names = [name for name in step.path.split("/") if name not in ("", ".")]
        for count in range(1, len(names) + 1):
            path = "/" + "/".join(names[:count])
            directory, name = self.store.place(path)
            there = directory.names.get(name)
            if there is None:
                directory.change({name: self.store.make_inode(FileKind.DIRECTORY, step.mode)})
            elif self.store.find(path).kind is not FileKind.DIRECTORY:
                raise failure(errno.EEXIST, path)

    def sync_directory(self, step: SyncDirectory) -> None:
        self._directory(step.path).sync_names()

    def list_directory(self, step: ListDirectory) -> list[str]:
        names = sorted(self._directory(step.path).names)
        if self.store.shuffle is not None:
            self.store.shuffle.shuffle(names)
        return names

    def _directory(self, path: str) -> Inode:
        inode = self.store.find(path)
        if inode.kind is not FileKind.DIRECTORY:
            raise failure(errno.ENOTDIR, path)
        return inode

    def stat(self, step: Stat) -> FileFacts:
        inode = self.store.find(step.path, follow=step.follow)
        size = len(inode.target) if inode.kind is FileKind.LINK else len(inode.memory)
        return FileFacts(inode.kind, size, inode.mode, inode.modified, inode.owner)

    def change_mode(self, step: ChangeMode) -> None:
        self.store.find(step.path).mode = step.mode

    def take_after(self, step: TakeAfter) -> None:
        inode, model = self.store.find(step.path), self.store.find(step.model)
        inode.owner, inode.mode = model.owner, model.mode

    def free_space(self, step: FreeSpace) -> int:
        self.store.find(step.path)
        return self.store.free


FOLLOWING: dict[type[Step[Any]], int] = {
    MakeDirectory: errno.ENOTDIR,
    SyncDirectory: errno.ENOTDIR,
    ListDirectory: errno.ENOTDIR,
    FreeSpace: errno.ENOTDIR,
    ChangeMode: errno.ELOOP,
    TakeAfter: errno.ELOOP,
}
"""Steps that follow a symbolic link in the last place, and what they say where they must not."""
NAMING = frozenset((*FOLLOWING, Create, Open, Rename, Link, Unlink, Stat))
"""Steps about names; the others are about files that are open."""

# What each step does. The value type is looser than the truth: each method takes the step type of its key.
ACTIONS: dict[type[Step[Any]], Callable[[SimDisk, Any], Any]] = {
    Create: SimDisk.create,
    Open: SimDisk.open,
    Write: SimDisk.write,
    Append: SimDisk.append,
    Read: SimDisk.read,
    Size: SimDisk.size,
    Sync: SimDisk.sync,
    Datasync: SimDisk.sync,
    Truncate: SimDisk.truncate,
    Lock: SimDisk.lock,
    Close: SimDisk.close,
    Rename: SimDisk.rename,
    Link: SimDisk.link,
    Unlink: SimDisk.unlink,
    MakeDirectory: SimDisk.make_directory,
    SyncDirectory: SimDisk.sync_directory,
    ListDirectory: SimDisk.list_directory,
    Stat: SimDisk.stat,
    ChangeMode: SimDisk.change_mode,
    TakeAfter: SimDisk.take_after,
    FreeSpace: SimDisk.free_space,
}
