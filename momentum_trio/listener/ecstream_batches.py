"""Batches of one ECStream connection on their way into custody: what comes of them, and of contents that follow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from momentum_trio.protocol.ecstream.batch import Batch, Following, Message, Recipient
from momentum_trio.protocol.ecstream.frame import Octets
from momentum_trio.protocol.ecstream.results import Result
from momentum_trio.protocol.ecstream.server import ContentPart
from momentum_trio.reception.decision import Deferred
from momentum_trio.reception.incoming import deferral
from momentum_trio.reception.injected import Addressee, Injected
from momentum_trio.reception.injection import Injection, Injector, Underway
from momentum_trio.spool.entry import Entry
from momentum_trio.spool.spool import Spool, SpoolFull, SpoolSick


async def inject(injector: Injector, batches: Sequence[Batch]) -> list[tuple[Result, ...]]:
    """Take whole *batches* into custody, all in one go: the results of each. Cancellation: as that of ``inject``."""
    messages = [each for batch in batches for each in _messages(batch)]
    results = list(map(_result, await injector.inject(messages)))
    ends = list(accumulate(len(batch.messages) for batch in batches))
    return [tuple(results[end - len(batch.messages) : end]) for batch, end in zip(batches, ends, strict=True)]


class Arrival:
    """A batch of which contents follow.

    Messages whose content came with the batch are in custody before the first chunk is read. A content that one message
    has goes straight to that one's entry, unless its envelope was refused; one that several share waits in an entry of
    its own until it is whole.
    """

    __slots__ = ("_batch", "_fault", "_injector", "_place", "_results", "_spool", "_underway", "_waiting")

    def __init__(self, injector: Injector, spool: Spool, batch: Batch) -> None:
        self._injector, self._spool, self._batch = injector, spool, batch
        self._results: dict[int, Injection] = {}  # by the place of the message
        self._place = -1  # of the content that comes
        self._fault: Deferred | None = None  # why it is not kept
        self._underway: Underway | None = None  # the one message that has it
        self._waiting: Entry | None = None  # what came of it, where several share it

    @property
    def number(self) -> int:
        """Of the batch."""
        return self._batch.number

    @property
    def results(self) -> tuple[Result, ...]:
        """Once all has come."""
        return tuple(_result(self._results[place]) for place in range(len(self._batch.messages)))

    async def begin(self) -> None:
        """Take what is whole already. Cancellation: as that of ``inject``."""
        contents, messages = self._batch.contents, _messages(self._batch)
        follows = [isinstance(contents[message.content], Following) for message in self._batch.messages]
        here = [place for place, is_to_come in enumerate(follows) if not is_to_come]
        self._results.update(zip(here, await self._injector.inject(messages[place] for place in here), strict=True))

    async def take(self, part: ContentPart) -> None:
        """The next octets of a content. Cancellation: the caller discards the rest."""
        if part.place != self._place:
            self._place = part.place
            await self._begin()
        octets = bytes(part.octets)
        if self._underway is not None:
            await self._injector.write(self._underway, octets)
        elif self._waiting is not None:
            await self._keep(self._waiting, octets)
        if part.ends:
            await self._end()

    async def discard(self) -> None:
        """Nothing more comes. Cancellation: shielded."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            await waiting.discard()

    @property
    def _places(self) -> list[int]:
        """Of the messages that have the content that comes."""
        return [place for place, message in enumerate(self._batch.messages) if message.content == self._place]

    async def _begin(self) -> None:
        self._fault = None
        place, *others = self._places
        if others:
            self._waiting = self._spool.begin()
            return
        begun = await self._injector.begin(_injected(self._batch.messages[place], b""))
        if isinstance(begun, Injection):
            self._results[place] = begun
        else:
            self._underway = begun

    async def _keep(self, waiting: Entry, octets: bytes) -> None:
        try:
            await waiting.write(octets)
        except (SpoolFull, SpoolSick) as fault:
            self._fault = deferral(fault)
            await self.discard()

    async def _end(self) -> None:
        """The content is whole."""
        if self._underway is not None:
            underway, self._underway = self._underway, None
            self._results[self._places[0]] = await self._injector.finish(underway)
        elif self._waiting is not None:
            messages = (_injected(self._batch.messages[place], self._waiting) for place in self._places)
            self._results.update(zip(self._places, await self._injector.inject(messages), strict=True))
            await self.discard()
        elif self._fault is not None:
            self._results |= {place: self._injector.refused_whole(self._fault) for place in self._places}


def _messages(batch: Batch) -> list[Injected]:
    """Those of *batch*; where a content follows it is empty."""
    contents = [b"" if isinstance(content, Following) else bytes(content) for content in batch.contents]
    return [_injected(message, contents[message.content]) for message in batch.messages]


def _injected(message: Message, content: Octets | Entry) -> Injected:
    """What is not UTF-8 is no path, no parameter and no context either: it becomes what none of them may hold."""
    parameters, context, key = message.parameters, message.context, message.key
    return Injected(
        _text(message.reverse_path),
        tuple([_addressee(recipient) for recipient in message.recipients]),
        content,
        _text(parameters) if parameters else "",
        tuple([(_text(name), _text(value)) for name, value in context]) if context else (),
        key.decode("latin-1") if key else "",
    )


def _addressee(recipient: Recipient) -> Addressee:
    parameters = recipient.parameters
    return Addressee(_text(recipient.path), _text(parameters) if parameters else "")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _result(injection: Injection) -> Result:
    return Result(injection.id.encode("ascii"), injection.reply, injection.recipients)
