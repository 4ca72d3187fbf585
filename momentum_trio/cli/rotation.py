"""Rotating log files: ``mainlog.ec`` becomes ``mainlog.ec.1``, that ``mainlog.ec.2``; compressed once complete.

Every step may be the last one before a crash, and the next run goes on from there. Nothing is ever renamed onto
something; a file is removed only when its compressed twin is on the disk whole, or when it is older than is kept. What
the host may still write to is not compressed: the caller first has it open its logs anew.
"""

from __future__ import annotations

import bz2
import errno
import fcntl
import gzip
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

COPY_OCTETS: Final = 1024 * 1024
PART: Final = ".part"  # of a compressed file that is not whole yet
COMPRESSIONS: Final[dict[str, Callable[[IO[bytes]], IO[bytes]]]] = {
    ".bz2": lambda file: bz2.BZ2File(file, "wb"),
    ".gz": lambda file: cast("IO[bytes]", gzip.GzipFile("", "wb", fileobj=file)),
}
"""How files are compressed, by the ending they then have. ``bzip2`` and ``gzip`` read them."""
_NUMBERED = re.compile(r"\.([1-9][0-9]{0,8})(\.bz2|\.gz|\.xz|\.zst)?(\.part)?")


@dataclass(frozen=True, slots=True)
class Turned:
    """One rotated file. number: 1 is the youngest. ending: of its compression, or empty. is_part: not whole."""

    path: Path
    number: int
    ending: str
    is_part: bool


@contextmanager
def alone(log: Path) -> Iterator[None]:
    """No other rotation in the folder of *log* during the block. Raises BlockingIOError when there is one."""
    folder = os.open(log.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(folder)


def turned(log: Path) -> list[Turned]:
    """The rotated files of *log*, the oldest first."""
    found = [
        Turned(entry, int(match[1]), match[2] or "", match[3] is not None)
        for entry in log.parent.iterdir()
        if entry.name.startswith(log.name) and (match := _NUMBERED.fullmatch(entry.name[len(log.name) :]))
    ]
    return sorted(found, key=lambda file: (-file.number, file.path.name))


def turn(log: Path) -> bool:
    """Rename *log* to number 1, after those before it have made room. False when there is no *log*.

    Only as many move as stand without a gap: a gap was left by a turn that was interrupted.
    """
    _tidy(log)
    if not log.exists():
        return False
    taken = {file.number for file in turned(log)}
    free = next(number for number in range(1, len(taken) + 2) if number not in taken)
    for file in turned(log):
        if file.number < free:
            _move(file.path, log.with_name(f"{log.name}.{file.number + 1}{file.ending}"))
    _move(log, log.with_name(f"{log.name}.1"))
    _sync_folder(log)
    return True


def compress(log: Path, ending: str) -> None:
    """Compress what is rotated and is not yet. The host must have opened its logs anew."""
    _tidy(log)
    for file in turned(log):
        if not file.ending:
            _compress(file.path, file.path.with_name(file.path.name + ending), COMPRESSIONS[ending])


def expire(log: Path, kept: int) -> list[Path]:
    """Remove the rotated files with numbers above *kept*; returns them."""
    gone = [file.path for file in turned(log) if file.number > kept]
    for path in gone:
        path.unlink()
    return gone


def _tidy(log: Path) -> None:
    """Remove what an interrupted run left: files not whole, and plain ones whose compressed twin is."""
    files = turned(log)
    whole = {file.number for file in files if file.ending and not file.is_part}
    for file in files:
        if file.is_part or (not file.ending and file.number in whole):
            file.path.unlink()


def _move(source: Path, target: Path) -> None:
    """Rename *source*. Raises FileExistsError where *target* is taken; ``alone`` keeps others of us from taking it."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(source, target)


def _compress(source: Path, target: Path, writer: Callable[[IO[bytes]], IO[bytes]]) -> None:
    part = target.with_name(target.name + PART)
    with _plain(source) as file:
        _write_compressed(file, part, writer)
    _move(part, target)
    _sync_folder(target)
    source.unlink()


def _write_compressed(file: IO[bytes], part: Path, writer: Callable[[IO[bytes]], IO[bytes]]) -> None:
    facts = os.fstat(file.fileno())
    with open(part, "xb", opener=_private) as out:
        try:
            os.fchmod(out.fileno(), stat.S_IMODE(facts.st_mode))
            with suppress(PermissionError):  # who may not give it away keeps it
                os.fchown(out.fileno(), facts.st_uid, facts.st_gid)
            with writer(out) as compressed:
                shutil.copyfileobj(file, compressed, COPY_OCTETS)
            out.flush()
            os.fsync(out.fileno())
        except BaseException:
            part.unlink()
            raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _plain(path: Path) -> IO[bytes]:
    """*path* opened for reading. Raises OSError where it is no plain file, such as a link to somewhere else."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path} is no plain file")
    return file


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
