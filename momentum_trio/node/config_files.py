"""Configuration files that the console names, and those it has written: confined to folders, each whole or untouched.

A name is taken lexically (``..`` resolved), has to lie below one of the configured folders, and no part of it below
that folder may be a symbolic link. What is written goes to a new file beside the old one, which is synced and takes
its name; the folder is synced behind it (SECURITY.md, Files named from the console).
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import trio

from momentum_trio.config.include import PATH_MAX
from momentum_trio.config.source import FILE_OCTETS_MAX
from momentum_trio.console.facade import ApplyError
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import (
    Close,
    Create,
    File,
    FileFacts,
    FileKind,
    Link,
    Open,
    Read,
    Rename,
    Stat,
    Sync,
    SyncDirectory,
    TakeAfter,
    Unlink,
    Write,
)

NEW_FILE_MODE = 0o600  # of a file there was none of: it may hold secrets


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files named at the console may lie. home: what a relative name is relative to, one of *allowed* or not."""

    home: str
    allowed: tuple[str, ...]

    @classmethod
    def of(cls, main: str, configured: Sequence[str]) -> Folders:
        """Of the configuration whose main file is *main*: *configured*, else the folder the main file is in."""
        home = posixpath.normpath(posixpath.dirname(main) or ".")
        return cls(home, tuple(posixpath.normpath(posixpath.join(home, folder)) for folder in configured) or (home,))

    def named(self, path: str) -> str:
        """What *path*, as it is said at the console, is to this process. Raises ApplyError."""
        if not path or "\0" in path or len(path) > PATH_MAX:
            raise ApplyError([f"expected the path of a file, of at most {PATH_MAX} characters"])
        return posixpath.join(self.home, path)

    def above(self, path: str) -> str:
        """That of the folders which *path* lies below. Raises ApplyError."""
        for folder in self.allowed:
            if _lies_below(path, folder):
                return folder
        where = " or ".join(self.allowed)
        raise ApplyError([f"{path} is not below {where}: the console may touch no other files (Config_Directories)"])


def _lies_below(path: str, folder: str) -> bool:
    if folder == ".":
        return not path.startswith(("/", "../")) and path not in (".", "..")
    return path.startswith(folder.rstrip("/") + "/")


async def confined(machine: Machine, folders: Folders, path: str, *, new: bool = False) -> str:
    """*path*, normalised, once it is known to be one that may be touched. new: there has to be no such file yet.

    Raises ApplyError: it lies outside of *folders*, leads through a symbolic link, or is no plain file.
    """
    wanted = posixpath.normpath(path)
    folder = folders.above(wanted)
    begin = 0 if folder == "." else len(folder.rstrip("/")) + 1
    parts = wanted[begin:].split("/")
    for depth in range(1, len(parts)):
        inner = wanted[:begin] + "/".join(parts[:depth])
        if await _kind(machine, inner) is not FileKind.DIRECTORY:
            raise ApplyError([f"{wanted}: {inner} is no folder, or a symbolic link to one"])
    kind = await _kind(machine, wanted)
    if new and kind is not None:
        raise ApplyError([f"{wanted}: there is such a file already"])
    if not new and kind is not FileKind.FILE:
        raise ApplyError([f"{wanted}: " + ("no such file" if kind is None else "not a plain file, or a symbolic link")])
    return wanted


async def _kind(machine: Machine, path: str) -> FileKind | None:
    try:
        facts: FileFacts = (await machine.disk.perform([Stat(path, follow=False)]))[0]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise ApplyError([f"{path}: {fault.strerror or fault}"]) from fault
    return facts.kind


async def write_files(machine: Machine, wanted: Mapping[str, bytes], held: Mapping[str, bytes]) -> None:
    """Give every file of *wanted*, confined paths, its octets. held: what those hold that there are; others are new.

    All new files are written and synced before the first takes its name, so that what can fail fails with nothing
    changed; power that fails between two names leaves some files as they were and some as they are to be.
    Raises ApplyError: a file no longer holds what it did, may not be written, or cannot keep its owner.
    """
    fresh = {path: _beside(path, machine.entropy.octets(8).hex()) for path in wanted}
    try:
        for path, octets in wanted.items():
            await _write(machine, fresh[path], octets, path if path in held else None)
        for path, octets in held.items():
            await _check_unchanged(machine, path, octets)
        await machine.disk.perform(
            [
                *(Rename(fresh[path], path) if path in held else Link(fresh[path], path) for path in wanted),
                *(Unlink(fresh[path], missing_ok=True) for path in wanted),
                *(SyncDirectory(folder) for folder in dict.fromkeys(posixpath.dirname(path) or "." for path in wanted)),
            ]
        )
    except OSError as fault:
        raise ApplyError([f"{fault.filename or ', '.join(wanted)}: {fault.strerror or fault}"]) from fault
    finally:
        with trio.CancelScope(shield=True):
            await machine.disk.perform([Unlink(path, missing_ok=True) for path in fresh.values()])


def _beside(path: str, word: str) -> str:
    """A hidden name in the same folder: an include of the folder leaves it out."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, f".{name[:100]}.{word}")


async def _write(machine: Machine, path: str, octets: bytes, model: str | None) -> None:
    file = File(path)
    after = [] if model is None else [TakeAfter(path, model)]
    try:
        await machine.disk.perform([Create(file, NEW_FILE_MODE), Write(file, 0, [octets]), *after, Sync(file)])
    finally:
        with trio.CancelScope(shield=True):
            await machine.disk.perform([Close(file)])


async def _check_unchanged(machine: Machine, path: str, octets: bytes) -> None:
    file = File(path)
    try:
        now: bytes = (await machine.disk.perform([Open(file, follow=False), Read(file, 0, FILE_OCTETS_MAX)]))[1]
    finally:
        with trio.CancelScope(shield=True):
            await machine.disk.perform([Close(file)])
    if now != octets:
        raise ApplyError([f"{path} has changed since it was read: 'config reload' reads it again, and drops changes"])
