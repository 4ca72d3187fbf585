"""The medium of one host, which survives the lives that use it."""

from __future__ import annotations

import errno
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from momentum_trio.machine.disk import FileKind, Step

from .faults import Failing
from .inode import Inode, apply, failure
from .power_loss import keep_some_names, lose_some

if TYPE_CHECKING:
    from .steps import SimDisk

CAPACITY_OCTETS = 1 << 40
LINKS_FOLLOWED_MAX = 40  # ELOOP after that many, as Linux has it (path_resolution(7))

Latency = Callable[[Sequence[Step[Any]]], Awaitable[None]]


class SimStore(Failing):
    """The medium of one host.

    capacity: octets it holds; a write beyond is short, then ENOSPC.
    cut_after: how many more steps are carried out before power fails (None: never). operations: steps carried out.
    latency: awaited before each ``perform``, uncancellable, as the wait for a worker thread is.
    clock: gives the modification times. shuffle: orders the names of ``ListDirectory`` (they are sorted without).
    """

    def __init__(self, capacity: int = CAPACITY_OCTETS) -> None:
        super().__init__()
        self.capacity = self._whole_capacity = capacity
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
        from .steps import SimDisk

        disk = SimDisk(self)
        self._mounted.append(disk)
        return disk

    def power_loss(self, rng: random.Random | None = None) -> None:
        """End every life; lose what was not synced, all of it or (with *rng*) at random."""
        self.end_lives()
        self.cut_after = None
        reached = list(self._reachable())
        if rng is not None:
            keep_some_names(rng, [inode for inode in reached if inode.kind is FileKind.DIRECTORY])
        for inode in reached:
            if rng is not None and (torn := lose_some(rng, inode)):
                self.say("disk-torn", writes=torn)
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

    # -- faults that need the medium ---------------------------------------------------------------------------------

    def fill(self, octets_left: int = 0) -> None:
        """Leave room for that many octets: a write beyond is short, then ENOSPC."""
        self.capacity = self._used + octets_left
        self.say("disk-full", octets_left=octets_left)

    def heal(self) -> None:
        """See ``Failing.heal``; it has its room again, and a power failure still to come does not."""
        self.capacity = self._whole_capacity
        self.cut_after = None
        super().heal()

    def rot(self, path: str, within: range | None = None, draws: random.Random | None = None) -> int | None:
        """Bit rot: flip a bit, drawn, of an octet of *path* that is *within*; its offset, None where there is none."""
        draws = draws or self.draws
        octets = range(len(self.find(path).memory)) if within is None else within
        if not octets:
            return None
        offset = draws.choice(octets)
        self.say("disk-rot", path=path, offset=offset)
        self.flip(path, offset, 1 << draws.randrange(8))
        return offset

    def flip(self, path: str, offset: int, mask: int = 0x01) -> None:
        """Bit rot: change one octet of *path*, in memory and on the medium."""
        inode = self.find(path)
        inode.part()
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

    def make_folder(self, path: str) -> None:
        """Place a durable folder, parents included (seeding a host's disk)."""
        self._parent(f"{path}/any", make=True)

    def durable_files(self) -> Iterator[tuple[str, bytes]]:
        """The regular files that a power loss now would leave, in order: path, and what it would leave of each."""
        ahead = [("", self.root)]
        while ahead:
            path, inode = ahead.pop()
            if inode.kind is FileKind.FILE:
                yield path, bytes(inode.durable)
            names = inode.durable_names
            ahead.extend((f"{path}/{name}", names[name]) for name in sorted(names, reverse=True))

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
            raise failure(errno.EADDRINUSE, path)
        if self.read_only:
            raise failure(errno.EROFS, path)
        inode = self.make_inode(FileKind.SOCKET, mode)
        inode.token, inode.owner = token, owner
        directory.change({name: inode})

    def socket_at(self, path: str) -> object:
        """The token of the socket at *path*. ENOENT if there is nothing, ECONNREFUSED if it is no socket."""
        inode = self.find(path)
        if inode.kind is not FileKind.SOCKET:
            raise failure(errno.ECONNREFUSED, path)
        return inode.token

    def make_link(self, path: str, target: str) -> None:
        """symlink(2)."""
        directory, name = self._parent(path)
        if name in directory.names:
            raise failure(errno.EEXIST, path)
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
            raise failure(errno.ENOSPC)
        if octets:
            self._used += growth
            inode.part()
            apply(inode.memory, offset, octets)
            inode.unsynced.append((offset, octets))
            inode.modified = self.clock()

    def truncate(self, inode: Inode, size: int) -> None:
        """Cut or extend."""
        growth = size - len(inode.memory)
        if growth > self.free:
            raise failure(errno.ENOSPC)
        self._used += growth
        inode.part()
        apply(inode.memory, size, None)
        inode.unsynced.append((size, None))
        inode.modified = self.clock()

    def drop_dirty(self, inode: Inode) -> None:
        """Forget what was not synced of *inode*."""
        before = len(inode.memory)
        inode.drop_dirty()
        if inode.links:
            self._used += len(inode.memory) - before

    def forget(self, inode: Inode) -> None:
        """A name of *inode* went: with the last one its room is free (though files still open keep theirs)."""
        if inode.links == 0:
            self._used -= len(inode.memory)

    def find(self, path: str, *, follow: bool = True) -> Inode:
        """The inode of *path*: ENOENT, ENOTDIR, ELOOP."""
        inode, _, _ = self._walk(path, follow=follow)
        if inode is None:
            raise failure(errno.ENOENT, path)
        return inode

    def place(self, path: str) -> tuple[Inode, str]:
        """The directory and the name in it of *path*, which need not exist."""
        return self._parent(path)

    def _parent(self, path: str, *, make: bool = False) -> tuple[Inode, str]:
        names = [name for name in path.split("/") if name not in ("", ".")]
        if not names:
            raise failure(errno.EBUSY, path)
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
            raise failure(errno.ENOTDIR, path)
        return directory, names[-1]

    def _walk(self, path: str, *, follow: bool) -> tuple[Inode | None, Inode, str]:
        ahead = [name for name in reversed(path.split("/")) if name not in ("", ".")]
        trail = [self.root]
        links_left = LINKS_FOLLOWED_MAX
        while ahead:
            name = ahead.pop()
            directory = trail[-1]
            if directory.kind is not FileKind.DIRECTORY:
                raise failure(errno.ENOTDIR, path)
            if name == "..":
                trail = trail[:-1] or trail
                continue
            inode = directory.names.get(name)
            if inode is None:
                if ahead:
                    raise failure(errno.ENOENT, path)
                return None, directory, name
            if inode.kind is FileKind.LINK and (ahead or follow):
                links_left -= 1
                if links_left < 0:
                    raise failure(errno.ELOOP, path)
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
