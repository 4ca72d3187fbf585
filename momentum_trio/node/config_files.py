"""Configuration files that the console names, and those it has written: confined to folders, each whole or untouched.

A name is taken lexically (``..`` resolved), has to lie below one of the configured folders, and no part of it below
that folder may be a symbolic link: not when it is looked at, nor when it is read or written. What is written goes to a
new file beside the old one, which is synced and takes its name; the folder is synced behind it (SECURITY.md, Files
named from the console).
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EFBIG
from typing import Any, TypeVar

import trio

from momentum_trio.config.source import FILE_OCTETS_MAX
from momentum_trio.console.facade import ApplyError
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import (
    Below,
    Close,
    Create,
    File,
    FileFacts,
    FileKind,
    Link,
    Open,
    Read,
    Rename,
    Size,
    Stat,
    Step,
    Sync,
    SyncDirectory,
    TakeAfter,
    Unlink,
    Write,
)
from momentum_trio.node.folders import Folders

R = TypeVar("R")

NEW_FILE_MODE = 0o600  # of a file there was none of: it may hold secrets


@dataclass(frozen=True, slots=True)
class ConfinedFile:
    """A file that may be touched. folder: that of those configured which *path*, normalised, lies below."""

    folder: str
    path: str

    def below(self, step: Step[R]) -> Below[R]:
        """*step*, which is about this file or one beside it, where nothing can lead it elsewhere."""
        return Below(self.folder, step)


async def confined(machine: Machine, folders: Folders, path: str, *, new: bool = False) -> ConfinedFile:
    """The place of *path*, once it is known to be one that may be touched. new: there has to be no such file yet.

    Raises ApplyError: it lies outside of *folders*, leads through a symbolic link, or is no plain file.
    """
    wanted = posixpath.normpath(path)
    place = ConfinedFile(folders.above(wanted), wanted)
    begin = 0 if place.folder == "." else len(place.folder.rstrip("/")) + 1
    parts = wanted[begin:].split("/")
    for depth in range(1, len(parts)):
        inner = wanted[:begin] + "/".join(parts[:depth])
        if await _kind(machine, ConfinedFile(place.folder, inner)) is not FileKind.DIRECTORY:
            raise ApplyError([f"{wanted}: {inner} is no folder, or a symbolic link to one"])
    kind = await _kind(machine, place)
    if new and kind is not None:
        raise ApplyError([f"{wanted}: there is such a file already"])
    if not new and kind is not FileKind.FILE:
        raise ApplyError([f"{wanted}: " + ("no such file" if kind is None else "not a plain file, or a symbolic link")])
    return place


async def _kind(machine: Machine, place: ConfinedFile) -> FileKind | None:
    try:
        facts: FileFacts = (await machine.disk.perform([place.below(Stat(place.path, follow=False))]))[0]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise ApplyError([f"{place.path}: {fault.strerror or fault}"]) from fault
    return facts.kind


async def read_file(machine: Machine, place: ConfinedFile) -> bytes:
    """What the file at *place* holds. Raises ApplyError: it cannot be read, or is larger than FILE_OCTETS_MAX."""
    try:
        return await _octets(machine, place)
    except OSError as fault:
        raise ApplyError([f"{place.path}: {fault.strerror or fault}"]) from fault


async def write_files(
    machine: Machine, wanted: Mapping[ConfinedFile, bytes], held: Mapping[ConfinedFile, bytes]
) -> None:
    """Give every file of *wanted* its octets. held: what those hold that there are; others are new.

    All new files are written and synced before the first takes its name, so that what can fail fails with nothing
    changed; power that fails between two names leaves some files as they were and some as they are to be.
    Raises ApplyError: a file no longer holds what it did, may not be written, or cannot keep its owner.
    """
    fresh = {place: _beside(place.path, machine.entropy.octets(8).hex()) for place in wanted}
    folders = dict.fromkeys(ConfinedFile(place.folder, posixpath.dirname(place.path) or ".") for place in wanted)
    try:
        for place, octets in wanted.items():
            await _write(machine, place, fresh[place], octets, is_new=place not in held)
        for place, octets in held.items():
            await _check_unchanged(machine, place, octets)
        await machine.disk.perform(
            [
                *(place.below((Rename if place in held else Link)(fresh[place], place.path)) for place in wanted),
                *(place.below(Unlink(fresh[place], missing_ok=True)) for place in wanted),
                *(folder.below(SyncDirectory(folder.path)) for folder in folders),
            ]
        )
    except OSError as fault:
        named = fault.filename or ", ".join(place.path for place in wanted)
        raise ApplyError([f"{named}: {fault.strerror or fault}"]) from fault
    finally:
        with trio.CancelScope(shield=True):
            for place in wanted:
                await _remove(machine, place, fresh[place])


async def _remove(machine: Machine, place: ConfinedFile, fresh: str) -> None:
    """Remove *fresh*, as far as it is still there: its folder may be another by now."""
    try:
        await machine.disk.perform([place.below(Unlink(fresh, missing_ok=True))])
    except OSError:
        pass


def _beside(path: str, word: str) -> str:
    """A hidden name in the same folder: an include of the folder leaves it out."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, f".{name[:100]}.{word}")


async def _write(machine: Machine, place: ConfinedFile, fresh: str, octets: bytes, *, is_new: bool) -> None:
    file = File(fresh)
    after = [] if is_new else [TakeAfter(fresh, place.path)]
    steps: list[Step[Any]] = [Create(file, NEW_FILE_MODE), Write(file, 0, [octets]), *after, Sync(file)]
    try:
        await machine.disk.perform([place.below(step) for step in steps])
    finally:
        with trio.CancelScope(shield=True):
            await machine.disk.perform([Close(file)])


async def _check_unchanged(machine: Machine, place: ConfinedFile, octets: bytes) -> None:
    if await _octets(machine, place) != octets:
        raise ApplyError(
            [f"{place.path} has changed since it was read: 'config reload' reads it again, and drops changes"]
        )


async def _octets(machine: Machine, place: ConfinedFile) -> bytes:
    """Raises OSError, also for a file that is too large."""
    file = File(place.path)
    try:
        _, size = await machine.disk.perform([place.below(Open(file, follow=False)), Size(file)])
        if size > FILE_OCTETS_MAX:
            raise OSError(EFBIG, f"larger than {FILE_OCTETS_MAX} octets", place.path)
        octets: bytes = (await machine.disk.perform([Read(file, 0, size)]))[0]
    finally:
        with trio.CancelScope(shield=True):
            await machine.disk.perform([Close(file)])
    return octets
