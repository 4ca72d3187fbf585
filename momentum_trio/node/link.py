"""Between the planes: values only, over a bounded pair of channels.

The control plane asks, the mail plane answers; questions have numbers, for some answers take long.
Both may live in one process, as here; nothing crosses but these values, so that the mail plane can move into a process
of its own (DESIGN.md, walk 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import trio

from momentum_trio.cluster.channel import NodePlace
from momentum_trio.config.binding import Binding
from momentum_trio.console.command import Data
from momentum_trio.listener.kind import Generation
from momentum_trio.metrics.metric import Family

WAITING_MAX = 16
ERRANDS_MAX = 8
"""Commands and measurements under way; others wait, and keep no generation waiting."""

HEARSAY_SECONDS = 15.0
"""How long a Belongs holds."""

NO_ANSWER = 0
"""The number of an order."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """Let this generation hold. Answered by Done when every session that asks will see it.

    away: bindings whose address is not here: their mail stays where it is.
    """

    generation: Generation
    away: frozenset[Binding] = frozenset()


@dataclass(frozen=True, slots=True)
class Count:
    """Say what there is to count. Answered by Counted."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Say what metrics have come to. Answered by Measured, after a while where many domains have mail."""


@dataclass(frozen=True, slots=True)
class CountFromZero:
    """What is counted counts from zero again. Not answered."""


@dataclass(frozen=True, slots=True)
class Belongs:
    """Mail of these bindings belongs to these nodes, for HEARSAY_SECONDS unless it is told again. Not answered."""

    places: Mapping[Binding, NodePlace]


@dataclass(frozen=True, slots=True)
class Ask:
    """A console command about what the mail plane knows or has. Answered by Said, perhaps after a long time."""

    command: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What was asked is done."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Messages and questions to DNS since the last reset, queues as they are.

    limits_up: whether limits over all nodes are granted.
    """

    received: int
    rejected: int
    delivered: int
    failed: int
    active_queue: int
    delayed_queue: int
    dns_a_queries: int = 0
    dns_mx_queries: int = 0
    dns_queries: int = 0
    dns_pending: int = 0
    outbound_concurrency: int = 0
    active_domains: int = 0
    limits_up: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """What metrics of the mail plane have come to."""

    families: tuple[Family, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What a console command answers: ``console.command.Answer`` has its fields."""

    text: str
    data: Data = None
    failed: bool = False


Question = Adopt | Ask | Count | Measure
Order = CountFromZero | Belongs
Answer = Done | Counted | Measured | Said


class ControlEnd:
    """The control plane's end."""

    def __init__(
        self,
        out: trio.MemorySendChannel[tuple[int, Question | Order]],
        back: trio.MemoryReceiveChannel[tuple[int, Answer]],
    ) -> None:
        self._out, self._back = out, back
        self._errands = trio.Semaphore(ERRANDS_MAX)
        self._is_receiving = False
        self._others = trio.lowlevel.ParkingLot()
        self._last = 0
        self._asking: dict[int, Answer | None] = {}

    async def ask(self, question: Question) -> Answer:
        """The mail plane's answer. Raises trio.BrokenResourceError or EndOfChannel when it is gone.

        Questions of several askers may be under way, ERRANDS_MAX that take long; the answers come in any order.
        Cancellation: at once; what was asked may still be done, and its answer is lost.
        """
        async with self._errands if isinstance(question, Ask | Measure) else nullcontext():
            self._last += 1
            number = self._last
            self._asking[number] = None
            try:
                await self._out.send((number, question))
                return await self._answer_to(number)
            finally:
                del self._asking[number]

    async def _answer_to(self, number: int) -> Answer:
        """One of those who wait receives, for all; the others look after each answer whether it was theirs."""
        while (answer := self._asking[number]) is None:
            if self._is_receiving:
                await self._others.park()
            else:
                await self._receive()
        return answer

    async def _receive(self) -> None:
        self._is_receiving = True
        try:
            number, answer = await self._back.receive()
        finally:
            self._is_receiving = False
            self._others.unpark_all()
        if number in self._asking:
            self._asking[number] = answer

    def tell(self, order: Order) -> None:
        """Something that needs no answer. Lost when WAITING_MAX of them wait, or nobody is there."""
        try:
            self._out.send_nowait((NO_ANSWER, order))
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    def close(self) -> None:
        """Nothing more will be asked."""
        self._out.close()
        self._back.close()


class MailEnd:
    """The mail plane's end."""

    def __init__(
        self,
        asked: trio.MemoryReceiveChannel[tuple[int, Question | Order]],
        back: trio.MemorySendChannel[tuple[int, Answer]],
    ) -> None:
        self._asked, self._back = asked, back

    async def receive(self) -> tuple[int, Question | Order]:
        """What is asked next, and its number. Raises trio.EndOfChannel when the control plane is gone."""
        return await self._asked.receive()

    async def answer(self, number: int, answer: Answer) -> None:
        """The answer to the question of that number. Lost when the control plane is gone."""
        try:
            await self._back.send((number, answer))
        except trio.BrokenResourceError:
            pass

    def close(self) -> None:
        """Nothing more will be answered."""
        self._asked.close()
        self._back.close()


def pair() -> tuple[ControlEnd, MailEnd]:
    """Both ends, in memory."""
    asked_out, asked_in = trio.open_memory_channel[tuple[int, Question | Order]](WAITING_MAX)
    back_out, back_in = trio.open_memory_channel[tuple[int, Answer]](1)
    return ControlEnd(asked_out, back_in), MailEnd(asked_in, back_out)
