"""What the tests of reception begin with: a client, rules from settings, and a machine with a fixed clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import cast

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Array, Position, Setting, Value, Word
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Entropy, Process, Work
from momentum_trio.machine.disk import Disk
from momentum_trio.machine.events import Events
from momentum_trio.mail.identifier import Identifiers
from momentum_trio.mail.record import Record
from momentum_trio.reception.binding import Bindings
from momentum_trio.reception.client import Client
from momentum_trio.reception.decision import ACCEPTED, Decision
from momentum_trio.reception.door import Door
from momentum_trio.reception.policy.panel import Discarded
from momentum_trio.reception.rules import Rules
from momentum_trio.spool.message import Batch, Conclusion, Durability, Receipt
from momentum_trio.spool.spool import Claim, Entry, Spool, SpoolFull, SpoolSick

HERE = Position("test.conf", 1, 1)
SYSTEM_HOSTNAME = "system.example"
NOW = 1_254_219_116.5  # Tue, 29 Sep 2009 10:11:56 +0000


@dataclass
class Scope:
    """A scope of a chain."""

    kind: str
    instance: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)


def value(given: object) -> Value:
    """A list as an array, anything else as a word."""
    if isinstance(given, list):
        return Array(tuple(Word(str(item), True) for item in given))
    return Word(str(given))


def scope(kind: str, **settings: object) -> Scope:
    """A scope of *kind* with *settings*."""
    return Scope(kind, "", {name.lower(): Setting(name, value(given), HERE) for name, given in settings.items()})


def client(address: str = "192.0.2.7", *, is_unix: bool = False) -> Client:
    """A client at *address*."""
    return Client("00/01-00000-00000000", ip_address(address), f"{address}:4711", "198.51.100.1:25", is_unix)


def rules(
    of: Client,
    *scopes: Scope,
    blackhole: Callable[[str], str] | None = None,
    bindings: Bindings | None = None,
) -> Rules:
    """The rules of *scopes*, the most specific first."""
    return Rules.of(Chain(scopes), of, SYSTEM_HOSTNAME, blackhole, bindings)


class FixedClock:
    """A wall clock that stands."""

    def now(self) -> float:
        return NOW


class MemoryEntry(Entry):
    """Content in memory."""

    def __init__(self, spool: MemorySpool, octets: bytes = b"") -> None:
        self._spool = spool
        self.octets = len(octets)
        self.parts: list[bytes] = [octets]
        self.over = False

    async def write(self, octets: bytes | bytearray | memoryview) -> None:
        if self._spool.write_fault is not None:
            raise self._spool.write_fault
        self.parts.append(bytes(octets))
        self.octets += len(octets)

    async def discard(self) -> None:
        if not self.over:
            self.over = True
            self._spool.discarded += 1


class MemorySpool(Spool):
    """Custody in memory, with faults on demand: for what the real disk does not do when asked."""

    def __init__(self) -> None:
        self.kept: list[tuple[Batch, bytes]] = []
        self.groups: list[int] = []  # how many were committed together
        self.discarded = 0
        self.entries: list[MemoryEntry] = []
        self.write_fault: Exception | None = None
        self.commit_fault: Exception | None = None
        self.inline_octets_max = 64 * 1024
        self._identifiers = Identifiers(7, 0)

    def next_id(self) -> str:
        return self.id_at(NOW)

    def begin(self) -> MemoryEntry:
        self.entries.append(MemoryEntry(self))
        return self.entries[-1]

    async def commit(
        self,
        entry: Entry,
        batch: Batch,
        *,
        concluding: Sequence[tuple[int, Conclusion]] = (),
        claim: Claim | None = None,
    ) -> Receipt:
        assert isinstance(entry, MemoryEntry)
        await trio.lowlevel.checkpoint()
        if self.commit_fault is not None:
            raise self.commit_fault
        entry.over = True
        self.kept.append((batch, b"".join(entry.parts)))
        return Receipt(batch, Durability.SYNCED)

    async def commit_all(
        self, messages: Sequence[tuple[Entry | bytes, Batch, Claim | None]]
    ) -> list[Receipt | SpoolFull | SpoolSick]:
        self.groups.append(len(messages))
        outcomes: list[Receipt | SpoolFull | SpoolSick] = []
        for content, batch, _ in messages:
            entry = content if isinstance(content, Entry) else MemoryEntry(self, content)
            try:
                outcomes.append(await self.commit(entry, batch))
            except (SpoolFull, SpoolSick) as fault:
                outcomes.append(fault)
        return outcomes

    @property
    def content_of_last(self) -> bytes:
        return self.kept[-1][1]


class Entrance:
    """A door with a memory spool, a client, and what came of his mail."""

    def __init__(
        self,
        *scopes: Scope,
        who: Client | None = None,
        blackhole: Callable[[str], str] | None = None,
        bindings: Bindings | None = None,
    ) -> None:
        self.spool = MemorySpool()
        self.records: list[Record] = []
        self.accepted: list[Batch] = []
        events = Events()
        events.subscribe(self.records.append)
        machine = Machine(
            clock=FixedClock(),
            disk=cast("Disk", None),
            entropy=cast("Entropy", None),
            work=cast("Work", None),
            process=cast("Process", None),
            events=events,
        )
        self.client = who or client()
        self.door = Door(machine, self.spool, lambda receipts: self.accepted.extend(each.batch for each in receipts))
        self.rules = rules(self.client, *scopes, blackhole=blackhole, bindings=bindings)
        self.reception = self.door.reception(self.client, self.rules)

    def mail(self, reverse_path: str = "a@b.example") -> Decision:
        return self.reception.mail(reverse_path, f"MAIL FROM:<{reverse_path}>")

    def recipient(self, forward_path: str = "c@d.example") -> Decision:
        return self.reception.recipient(forward_path, f"RCPT TO:<{forward_path}>")

    async def message(self, content: bytes, *recipients: str) -> Receipt | Decision | Discarded:
        """A whole transaction."""
        assert self.mail() is ACCEPTED
        for forward_path in recipients or ("c@d.example",):
            assert self.recipient(forward_path) is ACCEPTED
        answer = await self.reception.finish(content)
        await self.reception.abandon()
        return answer
