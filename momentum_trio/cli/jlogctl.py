"""``jlogctl [-v] -d|-i|-l|-s|-c|-r DIR...``, ``jlogctl [-v] -a|-e|-p SUBSCRIBER DIR...``: durable logs.

All but ``-r`` may be used while a host writes the log; what it writes at that moment may look unfinished. Exit status
0; 1 when ``-d`` or ``-r`` found damage; 2 when a log cannot be read, or has no such subscriber.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import trio

from momentum_trio.cli.output import for_operators
from momentum_trio.config.log_place import is_subscriber
from momentum_trio.log.jlog import Found, Jlog
from momentum_trio.log.jlog_format import HEADER_OCTETS, NAMES
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.machine.os_entropy import OsEntropy
from momentum_trio.mail.log_position import Position

SOUND, DAMAGED = 0, 1

PLAIN: tuple[tuple[str, str], ...] = (
    ("c", "remove the segments that nobody will read"),
    ("d", "analyse: read all of it, say what is damaged"),
    ("i", "list the segments and the lines in them"),
    ("l", "list sizes and readers"),
    ("r", "analyse and repair; no host may use the log"),
    ("s", "show the subscribers"),
)
OF_SUBSCRIBER: tuple[tuple[str, str], ...] = (
    ("a", "add a subscriber, who begins with the oldest line"),
    ("e", "erase a subscriber"),
    ("p", "show how far a subscriber has got"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="jlogctl", description="Look after durable logs.")
    what = parser.add_mutually_exclusive_group(required=True)
    for letter, words in PLAIN:
        what.add_argument(f"-{letter}", action="store_true", help=words)
    for letter, words in OF_SUBSCRIBER:
        what.add_argument(f"-{letter}", metavar="SUBSCRIBER", help=words)
    parser.add_argument("-v", dest="verbose", action="store_true", help="say more")
    parser.add_argument("folders", metavar="DIR", nargs="+")
    asked = parser.parse_args(arguments)
    for letter, _ in OF_SUBSCRIBER:
        if (name := getattr(asked, letter)) is not None and not is_subscriber(name):
            parser.error(f"-{letter} takes a subscriber: a word without , / = > ?")
    return for_operators("jlogctl", partial(trio.run, _run, asked), OSError, NoSuchSubscriber)


class NoSuchSubscriber(Exception):
    """Nobody is called so."""


async def _run(asked: argparse.Namespace) -> int:
    disk, status = OsDisk(), SOUND
    try:
        for folder in asked.folders:
            log = Jlog(disk, OsEntropy(), folder.rstrip("/") or "/")
            status = max(status, await _act(asked, log))
    finally:
        await disk.aclose()
    return status


async def _act(asked: argparse.Namespace, log: Jlog) -> int:
    if asked.r:
        return await _repair(log)
    found = await log.look()
    for letter, act in ACTIONS.items():
        if given := getattr(asked, letter):
            return await act(log, found, given, asked.verbose)
    raise AssertionError(asked)


async def _add(log: Jlog, _found: Found, subscriber: str, _verbose: bool) -> int:
    await log.subscribe([subscriber])
    return SOUND


async def _erase(log: Jlog, _found: Found, subscriber: str, verbose: bool) -> int:
    before = len(log.segments)
    if not await log.erase(subscriber):
        raise NoSuchSubscriber(f"{log.folder} has no subscriber {subscriber}")
    if verbose:
        print(f"{log.folder}: {before - len(log.segments)} segments removed")
    return SOUND


async def _clean(log: Jlog, _found: Found, _given: bool, verbose: bool) -> int:
    count = await log.clean()
    if verbose:
        print(f"{log.folder}: {count} segments removed")
    return SOUND


async def _progress(log: Jlog, _found: Found, subscriber: str, _verbose: bool) -> int:
    positions = await log.checkpoints()
    if subscriber not in positions:
        raise NoSuchSubscriber(f"{log.folder} has no subscriber {subscriber}")
    begin = await log.read(positions[subscriber], 0)
    first = log.segments[0] if log.segments else None
    start = max(positions[subscriber], Position(first.number, HEADER_OCTETS) if first else positions[subscriber])
    print(f"{log.folder}")
    print(f"\tstart of read:\t\t{start}")
    print(f"\tend of read:\t\t{begin.end}")
    print(f"\tcheckpoint:\t\t{positions[subscriber]}")
    print(f"\tlast write:\t\t{log.end}")
    return SOUND


async def _list(log: Jlog, found: Found, _given: bool, verbose: bool) -> int:
    print(f"{log.folder}\t[on disk: {log.octets} bytes]")
    for subscriber, position in (await log.checkpoints()).items():
        print(f"\t[subscriber: '{subscriber}' @ {position}]")
    if verbose:
        await _index(log, found, True, verbose)
    return SOUND


async def _index(log: Jlog, _found: Found, _given: bool, _verbose: bool) -> int:
    for segment, read in await log.analysed():
        first = segment.header.first
        print(f"\t{NAMES.of(segment.number)}\t{read.end} octets, {read.lines} lines from number {first}")
    return SOUND


async def _subscribers(log: Jlog, _found: Found, _given: bool, verbose: bool) -> int:
    for subscriber, position in (await log.checkpoints()).items():
        print(f"{subscriber} @ {position}" if verbose else subscriber)
    return SOUND


async def _analyse(log: Jlog, found: Found, _given: bool, verbose: bool) -> int:
    damages = [f"{name}: cannot be read" for name in found.damaged]
    for segment, read in await log.analysed():
        if read.end < segment.end:
            damages.append(
                f"{NAMES.of(segment.number)}: {segment.end - read.end} octets from {read.end} on are damaged"
            )
    if verbose:
        await _index(log, found, True, verbose)
    for damage in damages:
        print(f"{log.folder}: {damage}")
    if not damages:
        print(f"{log.folder}: sound")
    return DAMAGED if damages else SOUND


async def _repair(log: Jlog) -> int:
    """Set aside what cannot be read. Readers pass over damage inside a segment by themselves."""
    found = await log.open()
    assert found is not None
    try:
        status = await _analyse(log, found, True, False)
        await log.set_aside(found.damaged)
        for name in found.damaged:
            print(f"{log.folder}: {name} was set aside")
    finally:
        await log.close()
    return status


ACTIONS: dict[str, Callable[..., Awaitable[int]]] = {
    "a": _add,
    "e": _erase,
    "p": _progress,
    "c": _clean,
    "d": _analyse,
    "i": _index,
    "l": _list,
    "s": _subscribers,
}

if __name__ == "__main__":
    raise SystemExit(main())
