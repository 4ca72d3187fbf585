"""A disk that forgets: the simulated arm of ``momentum_trio.machine.disk``.

``SimStore`` is the medium and survives; ``SimDisk`` is one process life's view of it (its open files and locks)::

    store = SimStore()
    disk = store.mount()
    ... await disk.perform([...]) ...
    store.power_loss(random.Random(7))        # the mounted disks are dead, what was not synced is in doubt
    disk = store.mount()

An inode is a memory image, a durable image and the list of writes not synced yet; a directory is its live names, its
durable names and the ordered list of changes not synced yet. ``SyncDirectory`` syncs one directory, no other.
Power loss drops each unsynced write, keeps it or tears it at 512 octets (any subset of its sectors), and keeps of each
directory's unsynced changes a prefix; without a random source everything unsynced is dropped. A rename between two
directories is kept in both or in neither. Mode bits are durable at once.

No real I/O, no clock, no randomness of its own, nothing of the kernel's: it works in any trio program.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from momentum_trio.machine.disk import (
    READ_OCTETS_MAX,
    Append,
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
    Truncate,
    Unlink,
    Write,
)

SECTOR_OCTETS = 512
CAPACITY_OCTETS = 1 << 40
LINKS_FOLLOWED_MAX = 40  # ELOOP after that many, as Linux has it (path_resolution(7))


class PowerCut(BaseException):
    """Power failed under this life. Not an Exception, so that the program under test cannot catch it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one step.

    number: the errno raised. after_octets: a ``Write`` or ``Append`` puts that many first (a short write, then that).
    drop_dirty: a failing ``Sync`` or ``Datasync`` forgets what was unsynced, and the next one succeeds (as Linux does).
    """

    number: int
    after_octets: int = 0
    drop_dirty: bool = False


Injector = Callable[[Step[Any]], Fault | None]
Latency = Callable[[Sequence[Step[Any]]], Awaitable[None]]


@dataclass(eq=False, slots=True)
class Change:
    """One unsynced change of a directory: names set (an inode) or removed (None), in one go.

    twin: the directory whose change belongs to the same rename, if another; kept in both or in neither.
    """

    names: dict[str, Inode | None]
    twin: tuple[Inode, Change] | None = None


@dataclass(eq=False, slots=True)
class Inode:
    """One file, directory, socket or symbolic link."""

    number: int
    kind: FileKind
    mode: int
    modified: float = 0.0
    owner: int = 0
    memory: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)  # (offset, octets), (size, None): truncation
    names: dict[str, Inode] = field(default_factory=dict)
    durable_names: dict[str, Inode] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    target: str = ""  # of a symbolic link
    links: int = 0  # names it has now
    token: object = None  # of a socket: whatever the simulated network put there
    locked_by: Handle | None = None

    def sync(self) -> None:
        """Make the octets durable."""
        if self.unsynced:
            for change in self.unsynced:
                apply(self.durable, *change)
            self.unsynced.clear()

    def lose_some(self, rng: random.Random) -> None:
        """Power loss: each unsynced change is dropped, torn or kept."""
        for offset, octets in self.unsynced:
            fate = rng.choice(("dropped", "torn", "kept"))
            if fate == "kept":
                apply(self.durable, offset, octets)
            elif fate == "torn" and octets is not None:
                for piece in torn(rng, offset, octets):
                    apply(self.durable, *piece)

    def drop_dirty(self) -> None:
        """Forget what was unsynced: the page cache is read anew from the medium."""
        self.unsynced.clear()
        self.memory = bytearray(self.durable)

    def change(self, names: dict[str, Inode | None]) -> Change:
        """Change names, not durable yet."""
        change = Change(names)
        for name, inode in names.items():
            if (there := self.names.get(name)) is not None:
                there.links -= 1
            if inode is not None:
                inode.links += 1
        self.changes.append(change)
        set_names(self.names, change)
        return change

    def holds(self, other: Inode) -> bool:
        """Whether *other* is this directory or lies below it."""
        return other is self or any(inode.holds(other) for inode in self.names.values())

    def sync_names(self, last: Change | None = None) -> None:
        """Make the names durable, up to *last*. A rename between directories becomes durable in both."""
        while self.changes:
            change = self.changes.pop(0)
            set_names(self.durable_names, change)
            if change.twin is not None:
                other, half = change.twin
                if half in other.changes:  # a journal keeps the order: what came before goes first
                    other.sync_names(half)
            if change is last:
                return


@dataclass(eq=False, slots=True)
class Handle:
    """An open file."""

    inode: Inode
    writable: bool


def set_names(names: dict[str, Inode], change: Change) -> None:
    """Apply *change* to *names*."""
    for name, inode in change.names.items():
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode


def apply(image: bytearray, offset: int, octets: bytes | None) -> None:
    """Apply one write, or one truncation (*octets* None) to the size *offset*."""
    size = offset if octets is None else offset + len(octets)
    if len(image) < size:
        image.extend(bytes(size - len(image)))
    if octets is None:
        del image[size:]
    else:
        image[offset:size] = octets


def torn(rng: random.Random, offset: int, octets: bytes) -> Iterator[tuple[int, bytes]]:
    """A random subset of the sectors of one write."""
    first = 0
    while first < len(octets):
        after = min(len(octets), first + SECTOR_OCTETS - (offset + first) % SECTOR_OCTETS)
        if rng.random() < 0.5:
            yield offset + first, octets[first:after]
        first = after


def fault(number: int, path: str = "") -> OSError:
    """The OSError of *number*, of the right subclass."""
    return OSError(number, os.strerror(number), path)


class SimStore:
    """The medium of one host.

    capacity: octets it holds; a write beyond is short, then ENOSPC. inject: asked before each step whether it fails.
    cut_after: how many more steps are carried out before power fails (None: never). operations: steps carried out.
    latency: awaited before each ``perform``, uncancellable, as the wait for a worker thread is.
    clock: gives the modification times. shuffle: orders the names of ``ListDirectory`` (they are sorted without).
    """

    def __init__(self, capacity: int = CAPACITY_OCTETS) -> None:
        self.capacity = capacity
        self.inject: Injector | None = None
        self.cut_after: int | None = None
        self.operations = 0
        self.latency: Latency | None = None
        self.clock: Callable[[], float] = float
        self.shuffle: random.Random | None = None
        self._inodes = 0
        self._mounted: list[SimDisk] = []
        self._used = 0
        self.root = self.make_inode(FileKind.DIRECTORY, 0o755)

    # -- lives -------------------------------------------------------------------------------------------------------

    def mount(self) -> SimDisk:
        """A new life's view."""
        disk = SimDisk(self)
        self._mounted.append(disk)
        return disk

    def power_loss(self, rng: random.Random | None = None) -> None:
        """End every life; lose what was not synced, all of it or (with *rng*) at random."""
        self.end_lives()
        self.cut_after = None
        reached = list(self._reachable())
        if rng is not None:
            self._keep_some_names(rng, [inode for inode in reached if inode.kind is FileKind.DIRECTORY])
        for inode in reached:
            if rng is not None:
                inode.lose_some(rng)
            inode.drop_dirty()
            inode.changes.clear()
            inode.names = dict(inode.durable_names)
            inode.links = 0
        for inode in reached:
            for named in inode.names.values():
                named.links += 1
        self._used = sum(len(inode.memory) for inode in self._reachable())

    def end_lives(self) -> None:
        """SIGKILL: every life mounted so far is dead, its files and locks are gone; what was written is kept."""
        for disk in self._mounted:
            disk.die()
        self._mounted.clear()

    def flip(self, path: str, offset: int, mask: int = 0x01) -> None:
        """Bit rot: change one octet of *path*, in memory and on the medium."""
        inode = self.find(path)
        for image in (inode.memory, inode.durable):
            if offset < len(image):
                image[offset] ^= mask

    # -- for scenarios and checkers ----------------------------------------------------------------------------------

    def put(self, path: str, octets: bytes, mode: int = 0o640) -> None:
        """Place a durable file, parents included (seeding a host's disk)."""
        directory, name = self._parent(path, make=True)
        inode = self.make_inode(FileKind.FILE, mode)
        inode.memory, inode.durable = bytearray(octets), bytearray(octets)
        self._used += len(octets) - (len(directory.names[name].memory) if name in directory.names else 0)
        inode.links = 1
        directory.names[name] = directory.durable_names[name] = inode

    def octets(self, path: str) -> bytes:
        """What a reader of *path* sees now."""
        return bytes(self.find(path).memory)

    def files(self, under: str = "/") -> dict[str, int]:
        """The regular files below *under* and their lengths."""
        found: dict[str, int] = {}
        ahead = [(under.rstrip("/"), self.find(under))]
        while ahead:
            path, inode = ahead.pop()
            if inode.kind is FileKind.FILE:
                found[path] = len(inode.memory)
            ahead.extend((f"{path}/{name}", inode.names[name]) for name in sorted(inode.names, reverse=True))
        return found

    # -- Unix sockets ------------------------------------------------------------------------------------------------

    def make_socket(self, path: str, token: object, mode: int = 0o755, owner: int = 0) -> None:
        """bind(2) of a Unix socket: EADDRINUSE if the name is taken, ENOENT without its directory."""
        directory, name = self._parent(path)
        if name in directory.names:
            raise fault(errno.EADDRINUSE, path)
        inode = self.make_inode(FileKind.SOCKET, mode)
        inode.token, inode.owner = token, owner
        directory.change({name: inode})

    def socket_at(self, path: str) -> object:
        """The token of the socket at *path*. ENOENT if there is nothing, ECONNREFUSED if it is no socket."""
        inode = self.find(path)
        if inode.kind is not FileKind.SOCKET:
            raise fault(errno.ECONNREFUSED, path)
        return inode.token

    def make_link(self, path: str, target: str) -> None:
        """symlink(2)."""
        directory, name = self._parent(path)
        if name in directory.names:
            raise fault(errno.EEXIST, path)
        inode = self.make_inode(FileKind.LINK, 0o777)
        inode.target = target
        directory.change({name: inode})

    # -- inside ------------------------------------------------------------------------------------------------------

    def make_inode(self, kind: FileKind, mode: int) -> Inode:
        """A new inode, without a name."""
        self._inodes += 1
        return Inode(self._inodes, kind, mode, modified=self.clock())

    @property
    def free(self) -> int:
        """Octets left."""
        return max(0, self.capacity - self._used)

    def write(self, inode: Inode, offset: int, octets: bytes) -> None:
        """Write to memory; short, then ENOSPC, where the room ends."""
        growth = max(0, offset + len(octets) - len(inode.memory))
        if growth > self.free:
            short = octets[: max(0, len(octets) - (growth - self.free))]
            if short:
                self.write(inode, offset, short)
            raise fault(errno.ENOSPC)
        if octets:
            self._used += growth
            apply(inode.memory, offset, octets)
            inode.unsynced.append((offset, octets))
            inode.modified = self.clock()

    def truncate(self, inode: Inode, size: int) -> None:
        """Cut or extend."""
        growth = size - len(inode.memory)
        if growth > self.free:
            raise fault(errno.ENOSPC)
        self._used += growth
        apply(inode.memory, size, None)
        inode.unsynced.append((size, None))
        inode.modified = self.clock()

    def forget(self, inode: Inode) -> None:
        """A name of *inode* went: with the last one its room is free (though files still open keep theirs)."""
        if inode.links == 0:
            self._used -= len(inode.memory)

    def find(self, path: str, *, follow: bool = True) -> Inode:
        """The inode of *path*: ENOENT, ENOTDIR, ELOOP."""
        inode, _, _ = self._walk(path, follow=follow)
        if inode is None:
            raise fault(errno.ENOENT, path)
        return inode

    def place(self, path: str) -> tuple[Inode, str]:
        """The directory and the name in it of *path*, which need not exist."""
        return self._parent(path)

    def _parent(self, path: str, *, make: bool = False) -> tuple[Inode, str]:
        names = [name for name in path.split("/") if name not in ("", ".")]
        if not names:
            raise fault(errno.EBUSY, path)
        if make:
            directory = self.root
            for name in names[:-1]:
                if name not in directory.names:
                    made = self.make_inode(FileKind.DIRECTORY, 0o755)
                    directory.names[name] = directory.durable_names[name] = made
                directory = directory.names[name]
            return directory, names[-1]
        directory = self.find("/" + "/".join(names[:-1]))
        if directory.kind is not FileKind.DIRECTORY:
            raise fault(errno.ENOTDIR, path)
        return directory, names[-1]

    def _walk(self, path: str, *, follow: bool) -> tuple[Inode | None, Inode, str]:
        ahead = [name for name in reversed(path.split("/")) if name not in ("", ".")]
        trail = [self.root]
        links_left = LINKS_FOLLOWED_MAX
        while ahead:
            name = ahead.pop()
            directory = trail[-1]
            if directory.kind is not FileKind.DIRECTORY:
                raise fault(errno.ENOTDIR, path)
            if name == "..":
                trail = trail[:-1] or trail
                continue
            inode = directory.names.get(name)
            if inode is None:
                if ahead:
                    raise fault(errno.ENOENT, path)
                return None, directory, name
            if inode.kind is FileKind.LINK and (ahead or follow):
                links_left -= 1
                if links_left < 0:
                    raise fault(errno.ELOOP, path)
                if inode.target.startswith("/"):
                    trail = [self.root]
                ahead.extend(part for part in reversed(inode.target.split("/")) if part not in ("", "."))
                continue
            trail.append(inode)
        return trail[-1], trail[-2] if len(trail) > 1 else self.root, ""

    def _reachable(self) -> dict[Inode, None]:
        """Every inode that has a name now, may have one again after power loss, or is open."""
        found = {self.root: None}
        ahead = [self.root]
        while ahead:
            inode = ahead.pop()
            named = [*inode.names.values(), *inode.durable_names.values()]
            named += [target for change in inode.changes for target in change.names.values() if target is not None]
            for target in named:
                if target not in found:
                    found[target] = None
                    ahead.append(target)
        return found

    def _keep_some_names(self, rng: random.Random, directories: list[Inode]) -> None:
        kept = {directory: rng.randint(0, len(directory.changes)) for directory in directories}
        shrinking = True
        while shrinking:  # a rename between directories is kept in both or in neither
            shrinking = False
            for directory in directories:
                for index, change in enumerate(directory.changes[: kept[directory]]):
                    if change.twin is not None:
                        other, half = change.twin
                        if half in other.changes and other.changes.index(half) >= kept.get(other, 0):
                            kept[directory], shrinking = index, True
                            break
        for directory in directories:
            for change in directory.changes[: kept[directory]]:
                set_names(directory.durable_names, change)


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
            if self.store.latency is None:
                await trio.lowlevel.checkpoint()
            else:
                await self.store.latency(steps)
        return [self._carry_out(step) for step in steps]

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
        wrong = store.inject(step) if store.inject is not None else None
        if wrong is not None:
            self._fail(step, wrong)
        return ACTIONS[type(step)](self, step)

    def _fail(self, step: Step[Any], wrong: Fault) -> None:
        if isinstance(step, (Write, Append)) and wrong.after_octets:
            inode = self.handle(step.file).inode
            offset = step.offset if isinstance(step, Write) else len(inode.memory)
            self.store.write(inode, offset, b"".join(step.chunks)[: wrong.after_octets])
        if isinstance(step, (Sync, Datasync)) and wrong.drop_dirty:
            self.handle(step.file).inode.drop_dirty()
        raise fault(wrong.number)

    def handle(self, file: File) -> Handle:
        """The open file *file*; EBADF if it is not open."""
        try:
            return self._handles[file]
        except KeyError:
            raise fault(errno.EBADF, file.path) from None

    def writable(self, file: File) -> Inode:
        """The inode of *file* for writing; EBADF if it was opened for reading alone."""
        handle = self.handle(file)
        if not handle.writable:
            raise fault(errno.EBADF, file.path)
        return handle.inode

    # -- one method a step -------------------------------------------------------------------------------------------

    def create(self, step: Create) -> None:
        assert step.file not in self._handles, f"{step.file} is open already"
        directory, name = self.store.place(step.file.path)
        if name in directory.names:
            raise fault(errno.EEXIST, step.file.path)
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
            raise fault(errno.ELOOP, path)
        if inode.kind is FileKind.DIRECTORY and step.writable:
            raise fault(errno.EISDIR, path)
        if inode.kind is FileKind.SOCKET:
            raise fault(errno.ENXIO, path)
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
            raise fault(errno.EISDIR, step.file.path)
        return bytes(inode.memory[step.offset : step.offset + step.size])

    def size(self, step: Size) -> int:
        return len(self.handle(step.file).inode.memory)

    def sync(self, step: Sync | Datasync) -> None:
        self.handle(step.file).inode.sync()

    def truncate(self, step: Truncate) -> None:
        handle = self.handle(step.file)
        if not handle.writable:
            raise fault(errno.EINVAL, step.file.path)  # ftruncate(2): not open for writing
        self.store.truncate(handle.inode, step.size)

    def lock(self, step: Lock) -> None:
        handle = self.handle(step.file)
        if handle.inode.locked_by not in (None, handle):
            raise fault(errno.EWOULDBLOCK, step.file.path)
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
            raise fault(errno.ENOENT, step.source)
        there = to_directory.names.get(to_name)
        if inode.holds(to_directory):
            raise fault(errno.EINVAL, step.target)
        if there is not None and there.holds(from_directory):
            raise fault(errno.ENOTEMPTY, step.target)
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
            raise fault(errno.EISDIR, path)
        if directory and not target_directory:
            raise fault(errno.ENOTDIR, path)
        if directory and there.names:
            raise fault(errno.ENOTEMPTY, path)

    def link(self, step: Link) -> None:
        inode = self.store.find(step.source, follow=False)
        directory, name = self.store.place(step.target)
        if name in directory.names:
            raise fault(errno.EEXIST, step.target)
        if inode.kind is FileKind.DIRECTORY:
            raise fault(errno.EPERM, step.source)
        directory.change({name: inode})

    def unlink(self, step: Unlink) -> None:
        try:
            directory, name = self.store.place(step.path)
            inode = directory.names.get(name)
            if inode is None:
                raise fault(errno.ENOENT, step.path)
        except FileNotFoundError:
            if step.missing_ok:
                return
            raise
        if inode.kind is FileKind.DIRECTORY:
            raise fault(errno.EISDIR, step.path)
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
                raise fault(errno.EEXIST, path)

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
            raise fault(errno.ENOTDIR, path)
        return inode

    def stat(self, step: Stat) -> FileFacts:
        inode = self.store.find(step.path, follow=step.follow)
        size = len(inode.target) if inode.kind is FileKind.LINK else len(inode.memory)
        return FileFacts(inode.kind, size, inode.mode, inode.modified, inode.owner)

    def change_mode(self, step: ChangeMode) -> None:
        self.store.find(step.path).mode = step.mode

    def free_space(self, step: FreeSpace) -> int:
        self.store.find(step.path)
        return self.store.free


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
    FreeSpace: SimDisk.free_space,
}
