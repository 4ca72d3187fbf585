"""Mail with an idempotency key: taken once, answered the same way again, never a second message; in a real spool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from reception_given import FixedClock, client, rules, scope

from momentum_trio.machine import Machine
from momentum_trio.machine.events import Events
from momentum_trio.mail.record import Record, Rejected
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.reception.client import Client, Identity
from momentum_trio.reception.door import Door
from momentum_trio.reception.idempotency import Once, scope_of
from momentum_trio.reception.injected import Addressee, Injected
from momentum_trio.reception.injection import Injection, Injector, Underway
from momentum_trio.spool.claims import PENDING_SECONDS_MAX
from momentum_trio.spool.key import KEY_LENGTH_MAX, Earlier
from momentum_trio.spool.spool import Spool, SpoolTerms, open_spool
from sim.disk import Fault, SimStore

TERMS = Terms("mx.example", Reply(220, "", ("",)), ("8BITMIME", "SIZE", "DSN", "SMTPUTF8"))
OPEN_RELAY = scope("ecstream_listener", Open_Relay="true")
CONTENT = b"Subject: x\r\n\r\nbody\r\n"
ANN = replace(client(), protocol="ecstream", identity=Identity("ann", "PLAIN"))


@dataclass
class Host:
    """A spool with a door. accepted: batches that delivery was told of."""

    spool: Spool
    machine: Machine
    store: SimStore
    records: list[Record] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)

    def injector(self, who: Client = ANN) -> Injector:
        door = Door(
            self.machine,
            self.spool,
            lambda receipts: self.accepted.extend(receipt.batch.batch_id for receipt in receipts),
        )
        return Injector(door, who, rules(who, OPEN_RELAY), TERMS)

    async def inject(self, *messages: Injected, who: Client = ANN) -> list[Injection]:
        injector = self.injector(who)
        try:
            return await injector.inject(messages)
        finally:
            await injector.end()


class Entropy:
    def octets(self, count: int) -> bytes:
        return bytes(count)

    def fraction(self) -> float:
        return 0.5


class Process:
    hostname = "system.example"


@asynccontextmanager
async def host(store: SimStore | None = None, **changes: Any) -> AsyncIterator[Host]:
    store, events, unused = store or SimStore(), Events(), cast(Any, None)
    machine = Machine(FixedClock(), store.mount(), Entropy(), unused, cast(Any, Process()), events)
    async with open_spool(machine, SpoolTerms("/spool", **changes)) as spool:
        here = Host(spool, machine, store)
        events.subscribe(here.records.append)
        yield here


def message(key: str = "k", *paths: str, content: bytes = CONTENT, **changes: Any) -> Injected:
    recipients = tuple(Addressee(path) for path in paths or ("c@d.example",))
    return structs.replace(Injected("a@b.example", recipients, content, key=key), **changes)


def again(injection: Injection) -> Injection:
    return structs.replace(injection, repeated=True)


async def test_a_message_is_taken_once() -> None:
    async with host() as here:
        [first] = await here.inject(message())
        assert (first.reply, first.repeated, bool(first.id)) == (replies.OK, False, True)
        assert await here.inject(message(), message("other"), message()) == [
            again(first),
            Injection(here.accepted[-1], replies.OK),
            again(first),
        ]
        assert len(here.accepted) == here.spool.batches_in_custody == 2
    async with host(here.store) as here:
        assert await here.inject(message()) == [again(first)]
        assert here.accepted == []


async def test_recipients_are_answered_as_they_were() -> None:
    async with host() as here:
        sent = message("k", "c@d.example", "no path", "e@f.example")
        [first] = await here.inject(sent)
        assert [reply.code for reply in first.recipients] == [250, 501, 250]
        assert await here.inject(sent) == [again(first)]


OTHERS = [
    {"content": CONTENT + b"more\r\n"},
    {"content": CONTENT[:-1]},
    {"reverse_path": "x@b.example"},
    {"recipients": (Addressee("c@d.example"), Addressee("c@d.example"))},
    {"recipients": (Addressee("c@d.example", "NOTIFY=NEVER"),)},
    {"parameters": "BODY=8BITMIME"},
    {"context": (("a", "b"),)},
]


@pytest.mark.parametrize("changes", OTHERS)
async def test_another_message_with_the_key_is_refused_and_nothing_kept(changes: dict[str, Any]) -> None:
    async with host() as here:
        [first] = await here.inject(message())
        [second] = await here.inject(message(**changes))
        assert (second.id, second.reply) == ("", replies.KEY_OF_OTHER)
        assert here.accepted == [first.id]
        [rejected] = [record for record in here.records if isinstance(record, Rejected)]
        assert (rejected.code, rejected.module) == (554, "idempotency")
        assert await here.inject(message()) == [again(first)]


async def test_the_same_key_twice_in_one_go() -> None:
    async with host() as here:
        injections = await here.inject(message(), message("k", content=b"other"), message(), message(""), message(""))
        assert [each.repeated for each in injections] == [False, False, True, False, False]
        assert injections[1].reply == replies.KEY_OF_OTHER
        assert len(here.accepted) == 3


async def test_nobody_has_anothers_key() -> None:
    people = [
        ANN,
        replace(ANN, identity=Identity("bob", "PLAIN")),
        replace(ANN, identity=Identity("ann", "always", is_proved=False)),
        replace(ANN, protocol="rest"),
        replace(client("192.0.2.8"), protocol="ecstream"),
        replace(client("127.0.0.1"), protocol="ecstream"),
        replace(client("127.0.0.1", is_unix=True), protocol="ecstream"),
    ]
    assert len({scope_of(each) for each in people}) == len(people)
    assert scope_of(replace(ANN, peer="198.51.100.9:1")) == scope_of(ANN)
    async with host() as here:
        ids = {(await here.inject(message(), who=who))[0].id for who in people}
        assert len(ids) == len(people)


async def test_what_was_refused_may_be_tried_again_with_its_key() -> None:
    async with host() as here:
        refused = await here.inject(message("k", "no path"), message("k", "no path"))
        assert [(each.reply.code, each.repeated) for each in refused] == [(501, False), (501, False)]
        here.store.inject = lambda _: Fault(5)
        assert (await here.inject(message()))[0].reply.code == 451
        here.store.inject = None
        [taken] = await here.inject(message())
        assert taken.id == here.accepted[0]


async def test_refusals_of_keys() -> None:
    async with host(keys_max=1) as here:
        assert (await here.inject(message("k" * (KEY_LENGTH_MAX + 1))))[0].reply == replies.KEY_TOO_LONG
        [first, full] = await here.inject(message(), message("other"))
        assert full == Injection("", replies.KEYS_FULL)
        assert (await here.inject(message("")))[0].id
        assert await here.inject(message()) == [again(first)]
    async with host(here.store, key_seconds=0) as here:
        assert await here.inject(message()) == [Injection("", replies.KEY_UNWANTED)]


# -- in pieces, and at once --------------------------------------------------------------------------------------------


async def in_pieces(injector: Injector, sent: Injected, *pieces: bytes) -> Injection:
    underway = await injector.begin(sent)
    if isinstance(underway, Injection):
        return underway
    for piece in pieces:
        await injector.write(underway, piece)
    return await injector.finish(underway)


async def test_content_in_pieces_is_the_same_content() -> None:
    async with host() as here:
        injector = here.injector()
        first = await in_pieces(injector, message(), CONTENT[:9], CONTENT[9:])
        assert first.id
        assert await in_pieces(injector, message(), CONTENT) == again(first)
        assert (await in_pieces(injector, message(), CONTENT[:9])).reply == replies.KEY_OF_OTHER
        assert await injector.inject([message()]) == [again(first)]
        async with here.spool.begin() as waiting:
            await waiting.write(CONTENT)
            assert await injector.inject([message(content=cast(Any, waiting))]) == [again(first)]
        assert here.accepted == [first.id]
        await injector.end()


async def test_a_key_is_held_while_its_content_comes(autojump_clock: trio.testing.MockClock) -> None:
    async with host() as here:
        slow = here.injector()
        underway = await slow.begin(message())
        assert isinstance(underway, Underway)
        began = trio.current_time()
        assert await here.inject(message()) == [Injection("", replies.KEY_PENDING)]
        assert trio.current_time() == began + PENDING_SECONDS_MAX
        async with trio.open_nursery() as nursery:
            got: list[Injection] = []

            async def second() -> None:
                got.extend(await here.inject(message()))

            nursery.start_soon(second)
            await trio.sleep(1)
            await slow.write(underway, CONTENT)
            first = await slow.finish(underway)
        assert got == [again(first)]


async def test_a_client_that_is_lost_leaves_its_key_free() -> None:
    async with host() as here:
        slow = here.injector()
        assert isinstance(await slow.begin(message()), Underway)
        await slow.end()
        assert (await here.inject(message()))[0].id
        assert len(here.accepted) == 1


async def test_clients_that_say_the_same_at_once() -> None:
    async with host() as here, trio.open_nursery() as nursery:
        got: list[Injection] = []

        async def one() -> None:
            got.extend(await here.inject(message(), message("l"), message("m")))

        for _ in range(5):
            nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert len({each.id for each in got}) == len(here.accepted) == 3
        assert sum(not each.repeated for each in got) == 3


async def test_who_holds_keys_waits_for_nobody(autojump_clock: trio.testing.MockClock) -> None:
    """Two clients that say the same in another order, each while the other is at it: neither is put off."""
    gate = trio.Event()

    async def turn(reverse_path: str) -> None:
        await gate.wait() if reverse_path == "wait@b.example" else await trio.lowlevel.checkpoint()

    async with host() as here, trio.open_nursery() as nursery:
        got: list[Injection] = []
        between = message("", reverse_path="wait@b.example")

        async def one(*messages: Injected) -> None:
            injector = here.injector()
            injector.turn = turn
            got.extend(each for each in await injector.inject(messages) if each.recipients or each.id)

        nursery.start_soon(one, message("a"), between, message("b"))
        nursery.start_soon(one, message("b"), between, message("a"))
        await trio.sleep(1)
        began = trio.current_time()
        gate.set()
        await trio.sleep(0.5)
        assert [each.reply for each in got] == [replies.OK] * 6
        assert sum(each.repeated for each in got) == 2
        assert trio.current_time() - began < 1


# -- the digest --------------------------------------------------------------------------------------------------------

texts = st.sampled_from(["", "a", "1", "aa", "a@b.example"])
pairs = st.lists(st.tuples(texts, texts), max_size=2)
injected = st.builds(
    Injected,
    texts,
    pairs.map(lambda some: tuple(Addressee(*each) for each in some)),
    st.sampled_from([b"", b"a", b"1"]),
    texts,
    pairs.map(tuple),
    st.just(""),
)


@given(injected, injected)
def test_two_messages_have_one_digest_only_if_they_are_one(one: Injected, other: Injected) -> None:
    def digest(sent: Injected) -> Once:
        once = Once(Earlier(b"", "", cast(Any, None)), sent.envelope)
        once.write(bytes(cast(bytes, sent.content)))
        return once

    digests = [once._digest.digest() for once in map(digest, (one, other))]
    assert (digests[0] == digests[1]) is (one == other)
