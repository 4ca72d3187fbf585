"""A load of messages: where they come from, how fast they go, and what came of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import trio

from momentum_trio.client.message import Message, Recipient, Result
from momentum_trio.client.terms import InjectionError, NotAdmittedError

LINE = b"ec_inject fills its messages with lines of this text, until they have the size.\r\n"
FAILURES_MAX = 3
"""Connections in a row that came to nothing, until one of those that were asked for is given up."""
GRAIN = math.log(1.01)
"""Latencies are told to one per cent."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What is sent.

    recipients: patterns, in which ``%d`` is the number of the message, modulo *mailboxes* where that is not 0.
    contents: of files, in turn; none: they are made, of *octets*. is_same: and all the same.
    """

    reverse_path: str
    recipients: Sequence[str]
    contents: Sequence[bytes] = ()
    octets: int = 1024
    mailboxes: int = 0
    is_same: bool = False

    def message(self, number: int) -> Message:
        """The message of that number, from 1 on."""
        mailbox = str(number % self.mailboxes if self.mailboxes else number)
        paths: list[str | Recipient] = [pattern.replace("%d", mailbox) for pattern in self.recipients]
        if self.contents:
            return Message(self.reverse_path, paths, self.contents[number % len(self.contents)])
        return Message(self.reverse_path, paths, self._made(1 if self.is_same else number))

    def _made(self, number: int) -> bytes:
        head = f"From: <{self.reverse_path}>\r\nSubject: ec_inject {number}\r\nX-Number: {number}\r\n\r\n".encode()
        lacking = max(self.octets - len(head), 0)
        body = LINE * (lacking // len(LINE) + 1)
        return head + (body[: lacking - 2] + b"\r\n" if lacking >= 2 else b"")


@dataclass(slots=True)
class Source:
    """Batches of *batch* messages, *count* in all; none begins after *until*, trio's time. rate: a second at most; 0:
    as fast as they go."""

    mail: Mail
    batch: int
    count: float
    until: float
    rate: float
    began: float = field(default_factory=trio.current_time)
    taken: int = 0

    @property
    def left(self) -> int:
        """How many are still to be begun; none, where the time ends it."""
        return 0 if math.isinf(self.count) or trio.current_time() >= self.until else int(self.count - self.taken)

    async def next(self) -> list[Message]:
        """The next batch, when its time has come; empty: there is none."""
        count = int(min(self.batch, self.count - self.taken))
        first = self.taken
        self.taken += count
        if self.rate and count:
            await trio.sleep_until(min(self.began + first / self.rate, self.until))
        if trio.current_time() >= self.until:
            self.taken -= count
            return []
        return [self.mail.message(number) for number in range(first + 1, first + count + 1)]


class Latencies:
    """How long messages took, from when they were handed over to their results. Kept: a number for each per cent."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.longest = 0.0

    def add(self, seconds: float, count: int) -> None:
        """*count* messages took *seconds*."""
        self._counts[math.ceil(math.log(max(seconds, 1e-6)) / GRAIN)] += count
        self.longest = max(self.longest, seconds)

    def percentile(self, percent: float) -> float:
        """So many per cent took no longer, in seconds; 0: there were none."""
        wanted, seen = self._counts.total() * percent / 100.0, 0
        for grain in sorted(self._counts):
            seen += self._counts[grain]
            if seen >= wanted:
                return min(math.exp(grain * GRAIN), self.longest)
        return 0.0


@dataclass(slots=True)
class Tally:
    """What came of messages: counts of them, but *refused*, of recipients, by the code of the reply.

    partly: taken for some recipients alone. in_doubt: sent, and never answered. unsent: given up, and not taken.
    faults: why connections ended, and how often. is_admitted: no server has said that it does not want us.
    """

    taken: int = 0
    partly: int = 0
    octets: int = 0
    in_doubt: int = 0
    unsent: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    is_admitted: bool = True
    latencies: Latencies = field(default_factory=Latencies)

    def add(self, messages: Sequence[Message], results: Sequence[Result | None], seconds: float) -> None:
        """What came of a batch; None: see ``fail``."""
        self.latencies.add(seconds, sum(result is not None for result in results))
        for message, result in zip(messages, results, strict=True):
            if result is None:
                continue
            refused = result.refused
            self.refused.update(reply.code for reply in refused.values())
            self.taken += not refused
            self.partly += 0 < len(refused) < len(result.replies)
            self.octets += len(message.content) if len(refused) < len(result.replies) else 0

    def fail(self, failure: InjectionError) -> None:
        """A batch, or a connection, came to no end."""
        self.faults[failure.why] += 1
        self.in_doubt += len(failure.in_doubt)
        self.unsent += len(failure.unbegun)
        self.is_admitted = self.is_admitted and not isinstance(failure, NotAdmittedError)


class Sender(Protocol):
    """A connection over which messages are injected, by whatever protocol."""

    async def send(self, messages: Sequence[Message]) -> list[Result]:
        """What came of each of *messages*. Raises InjectionError."""
        ...


async def send_all(sender: Sender, source: Source, tally: Tally) -> bool:
    """Send what *source* has; whether it has no more. False: the connection came to nothing."""
    while messages := await source.next():
        began = trio.current_time()
        try:
            results: Sequence[Result | None] = await sender.send(messages)
        except InjectionError as failure:
            tally.add(messages, failure.results, trio.current_time() - began)
            tally.fail(failure)
            return False
        tally.add(messages, results, trio.current_time() - began)
    return True


def refusals(tally: Tally) -> Iterator[str]:
    """How many messages were refused with each code, in words: ``3 x 550``."""
    return (f"{count} x {code}" for code, count in sorted(tally.refused.items()))
