"""Log files as one stream of lines, rotated and compressed ones included, the oldest first, none kept in memory."""

from __future__ import annotations

import bz2
import gzip
import heapq
import lzma
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from momentum_trio.cli.rotation import Turned, turned
from momentum_trio.log.reading import LINE_CHARACTERS_MAX

LOG_FOLDER: Final = Path("/var/log/ecelerity")
LOGS: Final = ("mainlog", "bouncelog", "rejectlog")
OPENERS: Final[dict[str, Callable[[Path], IO[bytes]]]] = {
    ".bz2": lambda path: bz2.BZ2File(path),
    ".gz": lambda path: cast("IO[bytes]", gzip.GzipFile(path)),
    ".xz": lambda path: lzma.LZMAFile(path),  # noqa: SIM115 - who opens it, closes it
}
_TIME = re.compile(rb"([0-9]{1,18})[@:]")


@dataclass(frozen=True, slots=True)
class Source:
    """Where lines come from. log: ``mainlog``, ``bouncelog`` or ``rejectlog``. path: None is standard input."""

    log: str
    path: Path | None


class SourceFault(Exception):
    """A file that cannot be read; the text says which and why."""


def default_sources() -> list[Source]:
    """What lies at the default place, each log with what was rotated."""
    return [
        Source(log, path)
        for log in LOGS
        for path in (*(file.path for file in _rotated(LOG_FOLDER / f"{log}.ec")), LOG_FOLDER / f"{log}.ec")
        if path.exists()
    ]


def source(name: str) -> Source:
    """The source that *name* on a command line means; its log is told by the file's name."""
    if name == "-":
        return Source("mainlog", None)
    path = Path(name)
    return Source(next((log for log in LOGS if path.name.startswith(log)), "mainlog"), path)


def lines(sources: Iterable[Source]) -> Iterator[tuple[str, bytes]]:
    """The lines of all *sources*, without their ends, each with its log: those of different logs in order of time.

    Raises: SourceFault.
    """
    streams = {log: [s for s in sources if s.log == log] for log in LOGS}
    several = [_of_log(log, group) for log, group in streams.items() if group]
    if len(several) == 1:
        return several[0]
    return heapq.merge(*several, key=_time)


def _of_log(log: str, sources: Iterable[Source]) -> Iterator[tuple[str, bytes]]:
    for each in sources:
        try:
            with _opened(each) as file:
                while line := file.readline(LINE_CHARACTERS_MAX):
                    yield log, line.rstrip(b"\n")
        except (OSError, EOFError, lzma.LZMAError, ValueError) as fault:
            raise SourceFault(f"{each.path or 'standard input'}: {fault}") from fault


def _opened(each: Source) -> IO[bytes]:
    if each.path is None:
        return sys.stdin.buffer
    if each.path.suffix == ".zst":
        raise OSError("zstd is not in Python's library: decompress it, and give it as -")
    return OPENERS.get(each.path.suffix, _open_plain)(each.path)


def _open_plain(path: Path) -> IO[bytes]:
    """*path* as it is."""
    return path.open("rb")


def _time(item: tuple[str, bytes]) -> int:
    found = _TIME.match(item[1])
    return int(found[1]) if found else 0


def _rotated(log: Path) -> list[Turned]:
    return turned(log) if log.parent.is_dir() else []
