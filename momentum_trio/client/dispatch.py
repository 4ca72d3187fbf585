"""Messages on their way, over one connection after the other, without I/O: what waits, what was sent, what is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from momentum_trio.client.message import Message, Result
from momentum_trio.client.terms import InjectionError, Terms
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream import batch
from momentum_trio.protocol.ecstream.batch import Encoded, Following
from momentum_trio.protocol.ecstream.client import Client, Closed
from momentum_trio.protocol.ecstream.frame import HEADER, Welcome
from momentum_trio.protocol.ecstream.packing import Packing
from momentum_trio.protocol.ecstream.results import Results

CHUNK_OCTETS: Final = 256 * 1024
KEY_OCTETS: Final = 16
"""Of a key that we make up, which is then written in hexadecimal digits."""

TOO_LARGE: Final = Reply.of("552 5.3.4 [internal] the server takes no content so large")
TOO_MANY: Final = Reply.of("452 4.5.3 [internal] the envelope fits into no frame the server takes")
NO_KEYS: Final = Reply.of("554 5.5.4 [internal] the server takes no idempotency keys")


class Consignment:
    """The messages of one call. results: of each, once it is known. settled: called when nothing more is to come."""

    def __init__(self, messages: Iterable[Message], settled: Callable[[], object]) -> None:
        self.messages = tuple(messages)
        self.results: list[Result | None] = [None] * len(self.messages)
        self.lacking = len(self.messages)
        self.is_wanted = True
        self.failure: Exception | None = None
        self._settled = settled

    @property
    def is_settled(self) -> bool:
        return self.failure is not None or not self.lacking

    def settle(self, place: int, result: Result) -> None:
        """The message at *place* has its result."""
        self.results[place] = result
        self.lacking -= 1
        if not self.lacking:
            self._settled()

    def fail(self, failure: Exception) -> None:
        """What has no result will have none."""
        self.failure = failure
        self._settled()

    def outcome(self) -> list[Result]:
        """The results; raises what it failed with."""
        if self.failure is not None:
            raise self.failure
        return [result for result in self.results if result is not None]


@dataclass(slots=True, eq=False)
class Item:
    """One message of a consignment. key: made up for it. in_doubt: it was sent, and the connection ended."""

    consignment: Consignment
    place: int
    key: bytes = b""
    in_doubt: bool = False

    @property
    def message(self) -> Message:
        return self.consignment.messages[self.place]


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch that is to go next, its messages, and the contents that follow it."""

    encoded: Encoded
    items: list[Item]
    following: list[bytes]


class Dispatch:
    """All messages of one client.

    octets: so many that nobody can guess, for keys. Kept of each message: what its call gave, until that is settled.
    failures: connections in a row over which no results came.
    """

    def __init__(self, terms: Terms, octets: Callable[[int], bytes]) -> None:
        self._terms, self._octets = terms, octets
        self._waiting: deque[Item] = deque()
        self._underway: dict[int, list[Item]] = {}
        self._client: Client | None = None
        self._packed: Packed | None = None
        self._chunks: deque[memoryview] = deque()
        self.failures = 0

    # the calls

    def take(self, messages: Iterable[Message], settled: Callable[[], object] = lambda: None) -> Consignment:
        """Let *messages* go after those that wait."""
        consignment = Consignment(messages, settled)
        self._waiting.extend(Item(consignment, place) for place in range(len(consignment.messages)))
        return consignment

    def withdraw(self, consignment: Consignment) -> None:
        """Nobody waits for its results: what was not sent stays."""
        consignment.is_wanted = False

    def has_work(self) -> bool:
        """Whether something waits to be sent; what nobody wants any more is dropped."""
        while self._waiting and not self._waiting[0].consignment.is_wanted:
            self._waiting.popleft()
        return bool(self._waiting or self._packed)

    @property
    def awaits_results(self) -> bool:
        """Whether the server owes us any."""
        return bool(self._underway)

    # the connection

    def begin(self, client: Client) -> None:
        """*client* may send batches from now on."""
        self._client = client

    def advance(self) -> None:
        """Say all that there is and that the credit allows."""
        while self._client is not None and (self._send_chunk() if self._chunks else self._send_batch()):
            pass

    def take_results(self, results: Results) -> None:
        """A batch has its results."""
        self.failures = 0
        for item, result in zip(self._underway.pop(results.number), results.messages, strict=True):
            replies = result.recipients or (result.reply,) * len(item.message.recipients)
            self._settle(item, Result(result.id.decode("ascii", "replace"), result.reply, replies))

    def ended(self, closed: Closed) -> None:
        """The connection is over: what it did not bring to an end waits for the next, in the order it had."""
        unbegun = closed.error.unbegun if closed.error is not None and closed.by_server else None
        again: list[Item] = []
        for number, items in sorted(self._underway.items()):
            for item in items:
                item.in_doubt = item.in_doubt or unbegun is None or number < unbegun
            again += items
        again += self._packed.items if self._packed is not None else []
        self._waiting.extendleft(reversed(again))
        self._underway.clear()
        self._chunks.clear()
        self._client = self._packed = None

    def failed(self) -> bool:
        """A connection came to its end, or never came about; whether there is to be another."""
        self.failures += 1
        return self.failures < self._terms.attempts_max

    def give_up(self, failure: InjectionError) -> None:
        """No connection is made for what waits: its calls learn that. Later ones may have better luck."""
        left: dict[Consignment, list[int]] = {}
        for item in self._waiting:
            places = left.setdefault(item.consignment, [])
            places += [item.place] if item.in_doubt else []
        self._waiting.clear()
        self.failures = 0
        for consignment, in_doubt in left.items():
            consignment.fail(type(failure)(failure.why, consignment.messages, consignment.results, in_doubt))

    # how

    def _settle(self, item: Item, result: Result) -> None:
        if item.consignment.is_wanted:
            item.consignment.settle(item.place, result)

    def _send_batch(self) -> bool:
        client = self._client
        assert client is not None
        if self._packed is None:
            self._packed = self._pack(client)
        packed = self._packed
        if packed is None or not client.may_send(packed.encoded.octets):
            return False
        client.batch(packed.encoded)
        self._underway[packed.encoded.batch.number] = packed.items
        self._chunks.extend(map(memoryview, packed.following))
        self._packed = None
        return True

    def _send_chunk(self) -> bool:
        """The next of the contents that follow; false where the credit is for less than is worth a frame."""
        client, content = self._client, self._chunks[0]
        assert client is not None
        assert client.welcome is not None
        octets = min(len(content), client.welcome.frame_octets, CHUNK_OCTETS)
        if client.credit < octets + HEADER.size:
            return False
        client.chunk(content[:octets])
        if octets == len(content):
            self._chunks.popleft()
        else:
            self._chunks[0] = content[octets:]
        return True

    def _pack(self, client: Client) -> Packed | None:
        welcome = client.welcome
        assert welcome is not None
        packing = Packing(welcome, self._terms.batch_messages)
        items: list[Item] = []
        following: dict[bytes, None] = {}
        while self.has_work():
            item = self._waiting[0]
            content = item.message.content
            refusal = self._refusal(item, welcome)
            if refusal is None:
                alone = packing.stands_alone(len(content))
                if not packing.add(self._keyed(item, welcome), content, Following(len(content)) if alone else content):
                    if items:
                        break
                    refusal = TOO_MANY
                elif alone:
                    following[content] = None
            self._waiting.popleft()
            if refusal is None:
                items.append(item)
            else:
                self._settle(item, Result("", refusal, (refusal,) * len(item.message.recipients)))
        return Packed(packing.encoded(client.next_number), items, list(following)) if items else None

    def _keyed(self, item: Item, welcome: Welcome) -> batch.Message:
        encoded = item.message.encoded
        if encoded.key or not welcome.key_seconds:
            return encoded
        item.key = item.key or self._octets(KEY_OCTETS).hex().encode()
        return replace(encoded, key=item.key)

    def _refusal(self, item: Item, welcome: Welcome) -> Reply | None:
        """Why this server need not be asked about a message."""
        if len(item.message.content) > welcome.content_octets:
            return TOO_LARGE
        return NO_KEYS if item.message.key and not welcome.key_seconds else None
