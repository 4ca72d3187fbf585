"""Whatever octets the files of a durable log hold: they are read without a fault, and what is written then comes once.

A reader comes to the end, each step forward; a second life finds the same lines; a checkpoint is taken where he stands.
"""

from __future__ import annotations

import trio
from hypothesis import strategies as st

from momentum_trio.log.jlog import Jlog
from momentum_trio.log.jlog_format import NAMES, checkpoint_name
from momentum_trio.log.strategies import jlog_files
from momentum_trio.mail.log_position import Position
from sim.disk import SimStore

FOLDER = "/log"
SUBSCRIBER = "master"
LENGTH_OCTETS = 2
NEW = [b"new 1\n", b"new 2\n"]


class Fixed:
    """The same octets each time."""

    def octets(self, count: int) -> bytes:
        return b"\x09" * count

    def fraction(self) -> float:
        return 0.0


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: two segments and a checkpoint, the lengths of all but the last before them."""
    return jlog_files.map(
        lambda files: b"".join((*(len(each).to_bytes(LENGTH_OCTETS, "big") + each for each in files[:-1]), files[-1]))
    )


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    medium = SimStore()
    for name in (NAMES.of(0), NAMES.of(1)):
        at = LENGTH_OCTETS + int.from_bytes(octets[:LENGTH_OCTETS], "big")
        medium.put(f"{FOLDER}/{name}", octets[LENGTH_OCTETS:at])
        octets = octets[at:]
    medium.put(f"{FOLDER}/{checkpoint_name(SUBSCRIBER)}", octets)
    trio.run(_check, medium)


async def _check(medium: SimStore) -> None:
    first = await _opened(medium)
    begin = (await first.checkpoints())[SUBSCRIBER]
    told, _ = await _told(first, begin)
    medium.end_lives()
    second = await _opened(medium)
    assert (await second.checkpoints())[SUBSCRIBER] == begin
    assert (await _told(second, begin))[0] == told
    await second.append(NEW)
    told_now, end = await _told(second, begin)
    assert told_now == told + b"".join(NEW)
    await second.checkpoint(SUBSCRIBER, end)
    assert (await second.checkpoints())[SUBSCRIBER] == end
    assert len(second.segments) == 1


async def _opened(medium: SimStore) -> Jlog:
    log = Jlog(medium.mount(), Fixed(), FOLDER)
    await log.open()
    return log


async def _told(log: Jlog, after: Position) -> tuple[bytes, Position]:
    """All that is behind *after*, and where it ends."""
    parts: list[bytes] = []
    while True:
        taken = await log.read(after, 1)
        assert taken.end >= after
        if taken.end == after:
            return b"".join(parts), after
        assert bool(taken.octets) or taken.is_damaged
        parts.append(taken.octets)
        after = taken.end
