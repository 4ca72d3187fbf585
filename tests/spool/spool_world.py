"""A machine of which only what the spool uses is real (or simulated), and short cuts for its tests."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple, cast

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Disk, Step
from momentum_trio.machine.events import Events
from momentum_trio.mail.record import Level, Panic, Record
from momentum_trio.mail.reply import Reply
from momentum_trio.spool.key import key_name
from momentum_trio.spool.spool import (
    Answer,
    Batch,
    Claim,
    Conclusion,
    Denial,
    Earlier,
    Message,
    Receipt,
    Spool,
    SpoolTerms,
)

BASE = "/var/spool/mt"


class SteppedClock:
    """A wall clock the test sets."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


class CountingEntropy:
    """Different octets each time, the same in each run."""

    def __init__(self, first: int = 1) -> None:
        self.count = first

    def octets(self, count: int) -> bytes:
        self.count += 1
        return (self.count * 2654435761 % (1 << 8 * count)).to_bytes(count, "big")

    def fraction(self) -> float:
        return 0.5


class GatedDisk:
    """Another disk whose jobs wait at a gate, and which counts them. *gated*: which step types wait."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.open = True
        self.error: OSError | None = None
        self.waiting = 0
        self.jobs: list[list[str]] = []

    async def perform(self, steps: Sequence[Step[Any]]) -> list[Any]:
        self.jobs.append([type(step).__name__ for step in steps])
        await trio.lowlevel.checkpoint()
        with trio.CancelScope(shield=True):
            self.waiting += 1
            while not self.open:  # noqa: ASYNC110 - the gate is opened more than once
                await trio.sleep(0.01)
            self.waiting -= 1
        if self.error is not None and any(type(step).__name__ == "Write" for step in steps):
            error, self.error = self.error, None
            raise error
        return await self.disk.perform(steps)


class World:
    """One host's machine. panics: the lines of its paniclog."""

    def __init__(self, disk: Disk, clock: SteppedClock | None = None, entropy: CountingEntropy | None = None) -> None:
        self.clock = clock or SteppedClock()
        self.events = Events()
        self.records: list[Record] = []
        self.events.subscribe(self.records.append)
        unused = cast(Any, None)
        self.machine = Machine(self.clock, disk, entropy or CountingEntropy(), unused, unused, self.events)

    @property
    def panics(self) -> list[str]:
        return [record.text for record in self.records if isinstance(record, Panic)]

    def errors(self) -> list[str]:
        return [record.text for record in self.records if isinstance(record, Panic) and record.level is Level.ERROR]


def terms(base: str = BASE, **changes: Any) -> SpoolTerms:
    """Small segments, so that a few messages meet every case."""
    return SpoolTerms(base, **{"segment_octets": 4096, "large_message_octets": 900} | changes)


def batch_for(spool: Spool, *forward_paths: str, reverse_path: str = "a@b.example") -> Batch:
    """A batch of messages to *forward_paths*."""
    messages = tuple(Message(spool.next_id(), path) for path in forward_paths or ("c@d.example",))
    return Batch(spool.next_id(), spool.next_id(), 1_700_000_000.0, reverse_path, messages, 0, "192.0.2.1", "esmtp")


async def submit(spool: Spool, content: bytes, *forward_paths: str) -> Receipt:
    """One transaction."""
    async with spool.begin() as entry:
        for first in range(0, len(content), 700):
            await entry.write(content[first : first + 700])
        return await spool.commit(entry, batch_for(spool, *forward_paths))


async def deliver(spool: Spool, batch: Batch) -> None:
    """Conclude all of it."""
    tickets = [spool.find(message.message_id) for message in batch.messages]
    await spool.settle([(ticket, Conclusion.DELIVERED) for ticket in tickets if ticket is not None], [])


async def recovered(spool: Spool) -> list[Batch]:
    """What was found at opening, with undelivered messages only."""
    held = [await spool.held(owed.ticket) for owed in spool.owed()]
    return list({each.batch.batch_id: each.batch for each in held}.values())


# -- idempotency keys --------------------------------------------------------------------------------------------------

TAKEN = Answer(Reply.of("250 2.0.0 OK"))


class Key(NamedTuple):
    """A key with what is sent with it."""

    name: bytes
    digest: bytes


def key(name: str, content: bytes = b"", scope: str = "ecstream user ann") -> Key:
    return Key(key_name(scope, name), sha256(content).digest())


async def submit_keyed(spool: Spool, key: Key, content: bytes, answer: Answer = TAKEN) -> Receipt | Earlier | Denial:
    """One message with a key."""
    claim = await spool.claims.of(key.name)
    if not isinstance(claim, Claim):
        return claim
    claim.digest, claim.answer = key.digest, answer
    try:
        async with spool.begin() as entry:
            await entry.write(content)
            return await spool.commit(entry, batch_for(spool), claim=claim)
    finally:
        claim.release()
