"""The law of the client, without I/O: whatever is answered when, and wherever connections end, each message gets one
result, and a server that knows keys has each message once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momentum_trio.client.dispatch import Dispatch
from momentum_trio.client.message import Message
from momentum_trio.client.terms import InjectionError, Terms
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream.batch import Batch, Following
from momentum_trio.protocol.ecstream.client import Client, Closed
from momentum_trio.protocol.ecstream.frame import Code, Welcome
from momentum_trio.protocol.ecstream.results import Result as Said
from momentum_trio.protocol.ecstream.results import Results
from momentum_trio.protocol.ecstream.server import Begun, ContentPart, Server
from momentum_trio.protocol.ecstream.server import Terms as Offer
from momentum_trio.protocol.ecstream.strategies import feed, joined

OFFER = Offer(16384, 65536, 5, 3, 100_000, 300, 3600)
OK = Reply.of("250 2.0.0 OK")
sizes = st.sampled_from([0, 1, 3000, 9000, 20_000, 70_000])


@dataclass
class Custody:
    """What a server has, through all its connections."""

    by_key: dict[bytes, str] = field(default_factory=dict)
    contents: list[bytes] = field(default_factory=list)

    def take(self, batch: Batch, contents: list[bytes]) -> tuple[Said, ...]:
        said = []
        for message in batch.messages:
            if message.key not in self.by_key:
                self.by_key[message.key] = f"id-{len(self.by_key)}"
                self.contents.append(contents[message.content])
            said.append(Said(self.by_key[message.key].encode(), OK))
        return tuple(said)


@dataclass
class Connection:
    """One, between *dispatch* and a server's core."""

    dispatch: Dispatch
    custody: Custody
    client: Client = field(default_factory=Client)
    server: Server = field(default_factory=lambda: Server(OFFER))
    batches: dict[int, tuple[Batch, list[bytes]]] = field(default_factory=dict)
    whole: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hear(1.0)
        self.tell()

    def hear(self, share: float) -> None:
        """The server hears what the client says, or the first part of it: then nothing more."""
        self.dispatch.advance()
        octets = joined(self.client.octets_to_send())
        for event in feed(self.server, octets[: round(len(octets) * share)], 1 << 20):
            if isinstance(event, Begun):
                contents = [b"" if isinstance(each, Following) else bytes(each) for each in event.batch.contents]
                self.batches[event.batch.number] = event.batch, contents
                self.whole += [event.batch.number] if event.whole else []
            elif isinstance(event, ContentPart):
                self.batches[event.number][1][event.place] += bytes(event.octets)
                self.server.consumed(event.number, len(event.octets))
                self.whole += [event.number] if event.whole else []

    def answer(self, place: int) -> None:
        number = self.whole.pop(place % len(self.whole))
        self.server.results(number, self.custody.take(*self.batches.pop(number)))

    def tell(self) -> None:
        """The client hears what the server says."""
        for event in feed(self.client, joined(self.server.octets_to_send()), 1 << 20):
            match event:
                case Welcome():
                    self.dispatch.begin(self.client)
                case Results():
                    self.dispatch.take_results(event)
                case Closed():
                    self.dispatch.ended(event)

    def cut(self) -> None:
        self.client.received(0)
        event = self.client.next_event()
        assert isinstance(event, Closed)
        self.dispatch.ended(event)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_each_message_has_one_result_and_one_copy(data: st.DataObject) -> None:
    drawn = data.draw(st.lists(sizes, max_size=14))
    messages = [Message("", ["a@b"], b"%03d" % place * (size // 3)) for place, size in enumerate(drawn)]
    numbers = count()
    dispatch, custody = Dispatch(Terms(), lambda octets: next(numbers).to_bytes(octets)), Custody()
    consignment = dispatch.take(messages)
    connections = 0
    while not consignment.is_settled:
        connection, connections = Connection(dispatch, custody), connections + 1
        steps = data.draw(st.integers(0, 6)) if connections < 4 else 1000
        while not consignment.is_settled and steps:
            steps -= 1
            connection.hear(1.0)
            if connection.whole:
                connection.answer(data.draw(st.integers(0, 3)))
            connection.tell()
        if not consignment.lacking:
            break
        how = data.draw(st.sampled_from(["cut", "half heard", "taken and not said", "error"]))
        if how == "half heard":
            connection.hear(data.draw(st.floats(0, 1)))
        if how == "taken and not said" and connection.whole:
            connection.answer(0)
        if how == "error":
            connection.server.close(Code.CLOSING, b"going away")
            connection.tell()
        else:
            connection.cut()
    results = consignment.outcome()
    assert len(results) == len(messages)
    assert sorted(custody.contents) == sorted(message.content for message in messages)
    assert {result.id for result in results} == set(custody.by_key.values())
    assert not dispatch.has_work()
    assert not dispatch.awaits_results


@settings(max_examples=20, deadline=None)
@given(st.lists(sizes, min_size=1, max_size=8), st.integers(0, 3))
def test_what_is_given_up_is_told_apart(drawn: list[int], answered: int) -> None:
    """What was heard and not answered is in doubt, what was never sent is not."""
    messages = [Message("", ["a@b"], b"%03d" % place * (size // 3)) for place, size in enumerate(drawn)]
    dispatch, custody = Dispatch(Terms(), bytes), Custody()
    consignment = dispatch.take(messages)
    connection = Connection(dispatch, custody)
    for _ in range(answered):
        connection.hear(1.0)
        if connection.whole:
            connection.answer(0)
        connection.tell()
    connection.hear(1.0)
    heard = sum(len(batch.messages) for batch, _ in connection.batches.values())
    connection.cut()
    if consignment.is_settled:
        return
    dispatch.give_up(InjectionError("it is over"))
    failure = consignment.failure
    assert isinstance(failure, InjectionError)
    assert len(failure.in_doubt) >= heard
    assert len(failure.in_doubt) + len(failure.unbegun) == consignment.lacking
    assert not {*failure.in_doubt} & {place for place, result in enumerate(failure.results) if result is not None}
