"""What a disk is made of: inodes, each an image in memory and one that lasts, and names that lead to them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from momentum_trio.machine.disk import FileKind

SHARED_OCTETS_MAX = 65_536
"""The two images of a file that is no longer are one while nothing is unsynced: most files are written once."""


@dataclass(eq=False, slots=True)
class Change:
    """One unsynced change of a directory: names set (an inode) or removed (None), in one go.

    twin: the directory whose change belongs to the same rename, if another; kept in both or in neither.
    """

    names: dict[str, Inode | None]
    twin: tuple[Inode, Change] | None = None


@dataclass(eq=False, slots=True)
class Inode:
    """One file, directory, socket or symbolic link. memory may be durable itself: ``part`` comes before a change."""

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
            if len(self.memory) <= SHARED_OCTETS_MAX:
                self.durable = self.memory

    def part(self) -> None:
        """What is in memory is about to change, what lasts is not."""
        if self.memory is self.durable:
            self.durable = bytearray(self.memory)

    def drop_dirty(self) -> None:
        """Forget what was unsynced: the page cache is read anew from the medium."""
        self.unsynced.clear()
        self.memory = self.durable if len(self.durable) <= SHARED_OCTETS_MAX else bytearray(self.durable)

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


def failure(number: int, path: str = "") -> OSError:
    """The OSError of *number*, of the right subclass."""
    return OSError(number, os.strerror(number), path)
