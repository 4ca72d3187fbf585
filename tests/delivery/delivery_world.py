"""A small world for the tests of delivery: a spool in memory, an outbound tree of dictionaries, a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Position, Setting, Word
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Disk, Step
from momentum_trio.machine.events import Events
from momentum_trio.mail.identifier import Identifiers
from momentum_trio.mail.record import Record
from momentum_trio.spool.message import Batch, Conclusion, Message, Retry

EPOCH = 1_700_000_000.0


class TrioClock:
    """A wall clock that goes with trio's."""

    def now(self) -> float:
        return EPOCH + trio.current_time()


class NoDisk:
    """For tests that must not touch one."""

    async def perform(self, steps: Sequence[Step[Any]]) -> list[Any]:
        raise AssertionError(steps)


class Nothing:
    """Parts of the machine that delivery has no use for."""

    hostname = "mx.example"
    pid = 1
    environment: Mapping[str, str] = {}

    def octets(self, count: int) -> bytes:
        return b"\1" * count

    def fraction(self) -> float:
        raise AssertionError

    async def run(self, function: Any) -> Any:
        raise AssertionError

    def descriptors_max(self) -> int:
        raise AssertionError

    def raise_descriptors_max(self, wanted: int) -> int:
        raise AssertionError

    def user_name(self, uid: int) -> str:
        raise AssertionError

    def umask(self, mask: int) -> AbstractContextManager[None]:
        return nullcontext()

    def signals(self, *names: str) -> AbstractAsyncContextManager[Any]:
        raise AssertionError

    uid = 1

    def identity(self, *whom: Any) -> Any:
        raise AssertionError

    async def become(self, identity: Any) -> None:
        raise AssertionError

    def monotonic_microseconds(self) -> int:
        raise AssertionError

    def notify(self, state: str) -> None:
        raise AssertionError


def machine_with(disk: Disk | None = None) -> tuple[Machine, list[Record]]:
    """A machine around *disk*, and the records it will have published."""
    nothing, events, records = Nothing(), Events(), list[Record]()
    events.subscribe(records.append)
    return Machine(TrioClock(), disk or NoDisk(), nothing, nothing, nothing, events), records


@dataclass(frozen=True)
class DictionaryScope:
    kind: str
    instance: str
    settings: Mapping[str, Setting]


@dataclass
class Tree:
    """Options by domain; those of ``""`` are global."""

    options: Mapping[str, Mapping[str, str]]

    def chain_outbound(self, binding_group: str, binding: str, domain: str) -> Chain:
        return Chain(
            [
                DictionaryScope(
                    "domain" if name else "global",
                    name,
                    {key.lower(): Setting(key, Word(text), AT) for key, text in self.options.get(name, {}).items()},
                )
                for name in dict.fromkeys((domain, ""))
            ]
        )


AT = Position("test.conf", 1, 1)


@dataclass
class TreeGeneration:
    number: int
    tree: Tree


@dataclass
class TreeGenerations:
    current: TreeGeneration

    def replace(self, options: Mapping[str, Mapping[str, str]]) -> None:
        self.current = TreeGeneration(self.current.number + 1, Tree(options))


def generations(options: Mapping[str, Mapping[str, str]]) -> TreeGenerations:
    """The first generation."""
    return TreeGenerations(TreeGeneration(1, Tree(options)))


@dataclass
class MemorySpool:
    """Custody without durability."""

    contents: dict[str, bytes] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    retries: dict[str, Retry] = field(default_factory=dict)
    concluded: dict[str, Conclusion] = field(default_factory=dict)
    identifiers: Identifiers = field(default_factory=lambda: Identifiers(481, int(EPOCH)))

    def accept(
        self, *forward_paths: str, content: bytes = b"Subject: a\r\n\r\nb\r\n", reverse_path: str = "ann@example.net"
    ) -> Batch:
        """A batch that is in custody now."""
        batch_id = self.identifiers.next(0)
        messages = tuple(Message(self.identifiers.next(0), path) for path in forward_paths)
        batch = Batch(
            batch_id,
            "00/00-00481-001F3556",
            TrioClock().now(),
            reverse_path,
            messages,
            len(content),
            "192.0.2.1",
            "esmtp",
        )
        self.contents[batch_id] = content
        return batch

    @property
    def recovered(self) -> Iterator[Batch]:
        while self.batches:
            yield self.batches.pop(0)

    def retry_of(self, batch_id: str, message_id: str) -> Retry | None:
        return self.retries.get(message_id)

    async def content(self, batch_id: str) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.contents[batch_id]

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.contents[batch_id][offset : offset + size]

    async def conclude(self, batch_id: str, outcomes: Sequence[tuple[str, Conclusion]]) -> None:
        for message_id, conclusion in outcomes:
            assert message_id not in self.concluded
            self.concluded[message_id] = conclusion

    async def postpone(self, batch_id: str, retries: Sequence[tuple[str, Retry]]) -> None:
        self.retries.update(retries)
