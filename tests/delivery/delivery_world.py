"""A small world for the tests of delivery: a spool in memory, an outbound tree of dictionaries, a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import trio
from msgspec.structs import replace

from momentum_trio.config.chain import AnsweringScope, Chain
from momentum_trio.config.value import Position, Setting, Word
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Disk, Step
from momentum_trio.machine.events import Events
from momentum_trio.machine.facts import MemoryFacts, SystemFacts
from momentum_trio.mail.dsn import Notify
from momentum_trio.mail.identifier import Identifiers
from momentum_trio.mail.path import split
from momentum_trio.mail.record import Record
from momentum_trio.spool.content_files import ContentFiles
from momentum_trio.spool.entry import Entry, EntryState
from momentum_trio.spool.fault import SpoolFull
from momentum_trio.spool.message import Batch, Conclusion, Durability, Held, Message, Owed, Receipt, Retry

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

    def give(self, socket: trio.socket.SocketType, identity: Any) -> None:
        raise AssertionError

    async def become(self, identity: Any) -> None:
        raise AssertionError

    def monotonic_microseconds(self) -> int:
        raise AssertionError

    def system(self) -> SystemFacts:
        raise AssertionError

    def memory(self) -> MemoryFacts:
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
    """Options by domain; those of ``""`` are global. A key that is a triple is a binding group, a binding and a domain;
    one that begins with ``host:`` is a Host scope.
    """

    options: Mapping[str | tuple[str, str, str], Mapping[str, str]]

    def chain_outbound(self, binding_group: str, binding: str, domain: str) -> Chain:
        asked: list[str | tuple[str, str, str]] = [
            (binding_group, binding, domain),
            (binding_group, binding, ""),
            (binding_group, "", ""),
            domain,
            "",
        ]
        return Chain([self._scope(key) for key in dict.fromkeys(asked) if key == "" or key in self.options])

    def chain_host(self, binding_group: str, binding: str, host: str) -> Chain:
        key = f"host:{host}"
        return Chain([self._scope(key)] if key in self.options else [])

    def _scope(self, key: str | tuple[str, str, str]) -> DictionaryScope:
        kind, name = _kind_of(key), key if isinstance(key, str) else "/".join(key)
        found = {option.lower(): Setting(option, Word(text), AT) for option, text in self.options.get(key, {}).items()}
        return DictionaryScope(kind, name, found)

    def path_of(self, scope: AnsweringScope) -> tuple[str, ...]:
        return (scope.kind, scope.instance)


def _kind_of(key: str | tuple[str, str, str]) -> str:
    if isinstance(key, tuple):
        return "domain" if key[2] else "binding" if key[1] else "binding_group"
    return "global" if not key else "host" if key.startswith("host:") else "domain"


AT = Position("test.conf", 1, 1)


@dataclass
class TreeGeneration:
    number: int
    tree: Tree


@dataclass
class TreeGenerations:
    current: TreeGeneration

    def replace(self, options: Mapping[str | tuple[str, str, str], Mapping[str, str]]) -> None:
        self.current = TreeGeneration(self.current.number + 1, Tree(options))


def generations(options: Mapping[Any, Mapping[str, str]]) -> TreeGenerations:
    """The first generation."""
    return TreeGenerations(TreeGeneration(1, Tree(options)))


@dataclass
class MemorySpool:
    """Custody without durability. Tickets are given out again, the last first.

    owed_now: what ``owed`` will say, with its retry. reads: envelopes read back. full: commits are refused.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    holding: dict[int, tuple[Batch, Message]] = field(default_factory=dict)
    retries: dict[str, Retry] = field(default_factory=dict)
    concluded: dict[str, Conclusion] = field(default_factory=dict)
    identifiers: Identifiers = field(default_factory=lambda: Identifiers(481, int(EPOCH)))
    free: list[int] = field(default_factory=list)
    committed: list[Receipt] = field(default_factory=list)
    reads: int = 0
    full: bool = False

    def accept(self, *forward_paths: str, **terms: Any) -> Batch:
        """As ``receive``; the batch alone."""
        return self.receive(*forward_paths, **terms).batch

    def receive(
        self,
        *forward_paths: str,
        content: bytes = b"Subject: a\r\n\r\nb\r\n",
        reverse_path: str = "ann@example.net",
        notify: Notify = Notify.UNSET,
        binding: tuple[str, str] = ("default", "default"),
    ) -> Receipt:
        """A batch that is in custody now."""
        batch_id = self.next_id()
        messages = tuple(Message(self.next_id(), path, notify) for path in forward_paths)
        batch = Batch(
            batch_id,
            "00/00-00481-001F3556",
            TrioClock().now(),
            reverse_path,
            messages,
            len(content),
            "192.0.2.1",
            "esmtp",
            *binding,
        )
        return self._hold(batch, content)

    def _hold(self, batch: Batch, content: bytes) -> Receipt:
        self.contents[batch.batch_id] = content
        tickets = []
        for message in batch.messages:
            tickets.append(self.free.pop() if self.free else len(self.holding))
            self.holding[tickets[-1]] = batch, message
        return Receipt(batch, Durability.SYNCED, tickets)

    def owed(self) -> Iterator[Owed]:
        for ticket, (batch, message) in list(self.holding.items()):
            domain = message.routing_domain or split(message.forward_path)[1]
            retry = self.retries.get(message.message_id)
            yield Owed(ticket, domain, batch.binding_group, batch.binding, batch.begins_at, retry)

    async def held(self, ticket: int) -> Held:
        self.reads += 1
        await trio.lowlevel.checkpoint()
        batch, message = self.holding[ticket]
        left = tuple(each for each in batch.messages if each.message_id not in self.concluded)
        return Held(replace(batch, messages=left), message, self.retries.get(message.message_id))

    def message_id(self, ticket: int) -> str:
        return self.holding[ticket][1].message_id

    def retry(self, ticket: int) -> Retry | None:
        return self.retries.get(self.message_id(ticket))

    def find(self, message_id: str) -> int | None:
        return next((ticket for ticket, (_, each) in self.holding.items() if each.message_id == message_id), None)

    def next_id(self) -> str:
        return self.identifiers.next(0)

    def begin(self) -> Entry:
        return Entry(NoDisk(), cast(ContentFiles, None), 1 << 20, 0o600)

    async def commit(self, entry: Entry, batch: Batch, *, concluding: Sequence[tuple[int, Conclusion]] = ()) -> Receipt:
        await trio.lowlevel.checkpoint()
        if self.full:
            raise SpoolFull("no room")
        receipt = self._hold(batch, await entry.finish())
        entry.state = EntryState.COMMITTED
        self._conclude(concluding)
        self.committed.append(receipt)
        await trio.lowlevel.checkpoint()
        return receipt

    def _conclude(self, concluded: Sequence[tuple[int, Conclusion]]) -> None:
        for ticket, conclusion in concluded:
            _, message = self.holding.pop(ticket)
            self.free.append(ticket)
            assert message.message_id not in self.concluded
            self.concluded[message.message_id] = conclusion
            self.retries.pop(message.message_id, None)

    async def settle(self, concluded: Sequence[tuple[int, Conclusion]], postponed: Sequence[tuple[int, Retry]]) -> None:
        self._conclude(concluded)
        self.retries.update({self.message_id(ticket): retry for ticket, retry in postponed})
        await trio.lowlevel.checkpoint()

    def conclude_soon(self, concluded: Sequence[tuple[int, Conclusion]]) -> bool:
        self._conclude(concluded)
        return True

    async def move(
        self,
        tickets: Sequence[int],
        *,
        binding_group: str | None = None,
        binding: str | None = None,
        routing_domain: str | None = None,
    ) -> None:
        await trio.lowlevel.checkpoint()
        if self.full:
            raise SpoolFull("no room")
        for ticket in tickets:
            if ticket not in self.holding:
                continue
            batch, message = self.holding[ticket]
            if routing_domain is not None:
                message = replace(message, routing_domain=routing_domain)
            changed = replace(
                batch,
                binding_group=batch.binding_group if binding_group is None else binding_group,
                binding=batch.binding if binding is None else binding,
                messages=tuple(message if each.message_id == message.message_id else each for each in batch.messages),
            )
            self.holding[ticket] = changed, message

    async def content(self, batch_id: str) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.contents[batch_id]

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.contents[batch_id][offset : offset + size]
