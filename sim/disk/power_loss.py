"""What a power loss leaves of what was not synced.

Each unsynced write is dropped, kept or torn at 512 octets (any subset of its sectors); of each directory's unsynced
changes a prefix is kept. A rename between two directories is kept in both or in neither.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from .inode import Inode, apply, set_names

SECTOR_OCTETS = 512


class PowerCut(BaseException):
    """Power failed under this life. Not an Exception, so that the program under test cannot catch it."""


def lose_some(rng: random.Random, inode: Inode) -> int:
    """Power loss: each unsynced change is dropped, torn or kept. Returns how many were torn."""
    count = 0
    for offset, octets in inode.unsynced:
        fate = rng.choice(("dropped", "torn", "kept"))
        if fate == "kept":
            apply(inode.durable, offset, octets)
        elif fate == "torn" and octets is not None:
            count += 1
            for piece in torn(rng, offset, octets):
                apply(inode.durable, *piece)
    return count


def torn(rng: random.Random, offset: int, octets: bytes) -> Iterator[tuple[int, bytes]]:
    """A random subset of the sectors of one write."""
    first = 0
    while first < len(octets):
        after = min(len(octets), first + SECTOR_OCTETS - (offset + first) % SECTOR_OCTETS)
        if rng.random() < 0.5:
            yield offset + first, octets[first:after]
        first = after


def keep_some_names(rng: random.Random, directories: list[Inode]) -> None:
    """Power loss: keep a prefix of each directory's unsynced changes."""
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
