"""The laws of delivery methods: one suite, run on each. A new method is a row of METHODS.

One outcome for each message, none invented. A failing disk defers. Whatever happens, when, and even if power fails:
nothing half is ever visible, and what was called Delivered is there afterwards.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from delivery_world import MemorySpool, Tree, machine_with
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ecstream import MemoryEcstreamSocket
from memory_socket import MemorySocket
from one_batch import ByBatch

from momentum_trio.delivery.blackhole import Blackhole, Blackholed
from momentum_trio.delivery.ecstream import Ecstream
from momentum_trio.delivery.errand import Outfit
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.maildir import STREAMED_OCTETS_MIN, Maildir
from momentum_trio.delivery.method import Attempt, Method
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.smtp import Smtp
from momentum_trio.delivery.unbuilt import Unbuilt
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Step
from momentum_trio.net.next_hop import NextHop
from sim.disk import Fault, PowerCut, SimDisk, SimStore

Make = Callable[["World"], Method]
METHODS: dict[str, Make] = {
    "maildir": lambda world: Maildir(world.machine, world.spool, "/spool"),
    "smtp": lambda world: ByBatch(Smtp(Outfit(world.machine, world.spool, Hosts(world.machine)))),
    "ecstream": lambda world: ByBatch(Ecstream(Outfit(world.machine, world.spool, Hosts(world.machine)))),
    "blackhole": lambda world: Blackhole(),
    "blackholed": lambda world: Blackholed(),
    "unbuilt": lambda world: Unbuilt("APN"),
}
every_method = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
GATEWAY = NextHop("192.0.2.25")
TREE = Tree({"": {"Maildir_Path": "/mail/%d/%l"}})
SMALL, LARGE = b"Subject: a\r\n\r\nb\r\n", b"0123456789abcd\r\n" * (STREAMED_OCTETS_MIN // 16)
LARGE_LF = LARGE.replace(b"\r\n", b"\n")


@dataclass
class World(trio.abc.SocketFactory):
    """Some attempts, a method, the disk below it and the server beyond it."""

    store: SimStore
    spool: MemorySpool
    make: Make
    received: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """A new life on the same store."""
        self.disk: SimDisk = self.store.mount()
        self.machine: Machine = machine_with(self.disk)[0]
        self.method: Method = self.make(self)
        trio.socket.set_custom_socket_factory(self)

    def socket(self, family: int = 0, kind: int = 0, proto: int = 0) -> MemorySocket:
        """A socket that is connected to a server of ours, whatever the address: for trio."""
        kind_of_socket = MemoryEcstreamSocket if self.method.word == Ecstream.word else MemorySocket
        return kind_of_socket(self.received, self.pause)

    async def pause(self) -> None:
        """What the tests may do at each operation on a socket, as at each on the disk."""
        if self.store.latency is not None:
            await self.store.latency([])

    def attempts(self, *contents: tuple[str, bytes]) -> list[Attempt]:
        return [
            Attempt(batch, message, "d", 0, TREE.chain_outbound("default", "default", "d"), GATEWAY)
            for path, content in contents
            for batch in [self.spool.accept(*path.split(), content=content)]
            for message in batch.messages
        ]

    def arrived(self, where: str = "new") -> dict[str, list[bytes]]:
        """What stands in the directories *where*, by mailbox."""
        found: dict[str, list[bytes]] = {}
        for path in self.store.files("/mail") if self.has_mail() else ():
            mailbox, _, _ = path.rpartition(f"/{where}/")
            if mailbox:
                found.setdefault(mailbox, []).append(self.store.octets(path))
        return found

    def has_mail(self) -> bool:
        return any(path.startswith("/mail/") for path in self.store.files())

    def check(self, attempts: Sequence[Attempt], outcomes: Sequence[Outcome]) -> None:
        """One outcome for each; what stands in ``new`` is whole, and has all that was delivered."""
        assert len(outcomes) == len(attempts)
        assert all(isinstance(outcome, Delivered | Deferred | Bounced) for outcome in outcomes)
        self.check_visible(attempts)
        if isinstance(self.method, ByBatch):
            self.check_received(attempts, outcomes)
        if not isinstance(self.method, Maildir):
            return
        arrived = self.arrived()
        for mailbox in {mailbox_of(attempt) for attempt in attempts}:
            owed = [
                whole(self.spool, attempt)
                for attempt, outcome in zip(attempts, outcomes, strict=True)
                if isinstance(outcome, Delivered) and mailbox_of(attempt) == mailbox
            ]
            there = list(arrived.get(mailbox, []))
            for octets in owed:
                there.remove(octets)  # ValueError: lost

    def check_received(self, attempts: Sequence[Attempt], outcomes: Sequence[Outcome]) -> None:
        """The server has all that was delivered."""
        there = list(self.received)
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            if isinstance(outcome, Delivered):
                there.remove((attempt.message.forward_path, self.spool.contents[attempt.batch.batch_id]))

    def check_visible(self, attempts: Sequence[Attempt]) -> None:
        assert {content for _, content in self.received} <= set(self.spool.contents.values())
        known = {whole(self.spool, attempt) for attempt in attempts}
        for octets in (octets for mails in self.arrived().values() for octets in mails):
            assert octets in known


def mailbox_of(attempt: Attempt) -> str:
    local_part, _, domain = attempt.message.forward_path.partition("@")
    return f"/mail/{domain}/{local_part}"


def whole(spool: MemorySpool, attempt: Attempt) -> bytes:
    content = spool.contents[attempt.batch.batch_id]
    return b"Return-Path: <ann@example.net>\n" + (LARGE_LF if content is LARGE else content.replace(b"\r\n", b"\n"))


MAIL = [("a@one b@one", SMALL), ("a@one", b"other\r\n"), ("c@two", LARGE), ("c@two", SMALL)]


def world_of(make: Make) -> World:
    return World(SimStore(), MemorySpool(), make)


@every_method
async def test_each_message_has_one_outcome(make: Make) -> None:
    world = world_of(make)
    attempts = world.attempts(*MAIL)
    outcomes = await world.method.attempt(attempts)
    world.check(attempts, outcomes)
    assert world.disk.open_files == 0
    assert await world.method.attempt([]) == []


NUMBERS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.ENOENT]


@every_method
@pytest.mark.parametrize("number", NUMBERS, ids=[errno.errorcode[number] for number in NUMBERS])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
async def test_a_failing_disk_defers(make: Make, number: int, lasting: bool) -> None:
    """At every operation in turn: nothing is lost, nothing half is seen, no file stays open; afterwards all arrive."""
    for failing in range(1000):
        world = world_of(make)
        attempts = world.attempts(*MAIL)
        steps = 0

        def inject(step: Step[Any], failing: int = failing) -> Fault | None:
            nonlocal steps
            steps += 1
            fails = steps > failing if lasting else steps == failing + 1
            return Fault(number, after_octets=5) if fails else None

        world.store.inject = inject
        outcomes = list(await world.method.attempt(attempts))
        world.store.inject = None
        world.check(attempts, outcomes)
        deferred = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, Deferred)]
        later = await world.method.attempt([attempts[place] for place in deferred])
        for place, outcome in zip(deferred, later, strict=True):
            outcomes[place] = outcome
        world.check(attempts, outcomes)
        if world.store.operations:  # it is a method that uses the disk
            assert set(outcomes) == {Delivered()}
        if not lasting:
            assert world.disk.open_files == 0
            assert world.arrived("tmp") == {}
        if steps <= failing:
            break
    else:
        raise AssertionError("the script does not end")


@every_method
async def test_cancellation_shows_nothing_half(make: Make) -> None:
    """At every checkpoint in turn."""
    for pauses in range(1000):
        world = world_of(make)
        attempts = world.attempts(*MAIL)
        with trio.CancelScope() as scope:
            left = pauses

            async def pause(steps: Sequence[Step[Any]], scope: trio.CancelScope = scope) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    scope.cancel()
                await trio.lowlevel.checkpoint()

            world.store.latency = pause
            await world.method.attempt(attempts)
        world.store.latency = None
        world.check_visible(attempts)
        assert world.disk.open_files == 0
        assert world.arrived("tmp") == {}
        world.check(attempts, await world.method.attempt(attempts))
        if left >= 0:
            break
    else:
        raise AssertionError("the script does not end")


@every_method
@pytest.mark.parametrize("seed", [None, 1, 2])
async def test_power_may_fail_at_every_operation(make: Make, seed: int | None) -> None:
    """Nothing half is seen in the next life, and delivering again brings all, once."""
    for operation in range(1000):
        world = world_of(make)
        attempts = world.attempts(*MAIL)
        world.store.cut_after = operation
        try:
            outcomes = await world.method.attempt(attempts)
            ended = True
        except PowerCut:
            outcomes, ended = [], False
        world.store.power_loss(None if seed is None else random.Random(seed * 1000 + operation))
        world.boot()
        if ended:
            world.check(attempts, outcomes)
        world.check_visible(attempts)
        outcomes = await world.method.attempt(attempts)
        world.check(attempts, outcomes)
        assert sum(map(len, world.arrived().values())) in (0, len(attempts))  # the same name: no duplicates either
        assert world.arrived("tmp") == {}
        if ended:
            break
    else:
        raise AssertionError("the script does not end")


contents = st.sampled_from([SMALL, b"", b"\r\n", b"x" * 3000 + b"\r\n"])
recipients = st.lists(st.sampled_from("abc").map("{}@one".format), min_size=1, max_size=3).map(" ".join)


@every_method
@settings(max_examples=25, deadline=None)
@given(mail=st.lists(st.tuples(recipients, contents), max_size=12), seed=st.integers(0, 99), second=st.booleans())
def test_what_was_delivered_survives_power_loss(
    make: Make, mail: list[tuple[str, bytes]], seed: int, second: bool
) -> None:
    async def main() -> None:
        world = world_of(make)
        attempts = world.attempts(*mail)
        outcomes = list(await world.method.attempt(attempts))
        if second:  # into mailboxes known by now
            more = world.attempts(*mail)
            attempts, outcomes = attempts + more, outcomes + list(await world.method.attempt(more))
        world.store.power_loss(random.Random(seed))
        world.check(attempts, outcomes)

    trio.run(main)
