"""Mail that moves while power fails at every step of either host: nothing is lost, nothing comes twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
from node_world import Node, node, place, run_for_ever, world

from momentum_trio.delivery.move import MoveCounts, Moved
from momentum_trio.delivery.operations import Which
from momentum_trio.machine import Machine
from momentum_trio.mail.dsn import Notify
from momentum_trio.mail.record import Received, Transferred
from momentum_trio.spool.message import Batch, Message, Retry
from sim.world import World

SUBJECTS = ("one", "two", "three")
LARGE = "three"  # its content has a file of its own
MAIL = Which(None, "mail", "default")


async def submit(made: Node, subject: str) -> None:
    """One message that was tried before."""
    spool = made.spool
    message = Message(
        spool.next_id(), f"{subject}@example.com", Notify.NEVER, f"rfc822;{subject}@old.example", "gate.example"
    )
    batch = Batch(
        spool.next_id(),
        spool.next_id(),
        1_700_000_000.0,
        "ann@client.example",
        (message,),
        0,
        "192.0.2.1",
        "esmtp",
        binding="mail",
        context=(("campaign", subject),),
        returns="HDRS",
        envelope_id="e1",
        body="8BITMIME",
    )
    async with spool.begin() as entry:
        await entry.write(content(subject))
        receipt = await spool.commit(entry, batch)
    await spool.settle([], [(receipt.tickets[0], Retry(3, 2_000_000_000.0, 1, "451 later"))])
    await spool.sync()


def content(subject: str) -> bytes:
    return f"Subject: {subject}\r\n\r\n".encode() + b"x" * (5_000 if subject == LARGE else 50) + b"\r\n"


async def fill(machine: Machine) -> None:
    async with node(machine, "a") as made:
        for subject in SUBJECTS:
            await submit(made, subject)


async def move_all(machine: Machine, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
    """A program: the first life, or a later one, hands over what it has."""
    async with node(machine, "a") as made:
        task_status.started()
        while made.spool.batches_in_custody:
            await made.moves.move(MAIL, place("b"))
            await trio.sleep(1)


async def kept(machine: Machine, name: str) -> list[tuple[str, bytes, Batch, Message, Retry | None]]:
    """What is in custody there, by its subject."""
    async with node(machine, name) as made:
        found = []
        for lane in await made.queue.operations.lanes(Which()):
            roster = made.queue.holdings.roster
            for ticket in (*roster.tickets(lane.ready), *roster.tickets(lane.delayed)):
                held = await made.spool.held(ticket)
                octets = await made.spool.content(held.batch.batch_id)
                found.append((held.message.forward_path, octets, held.batch, held.message, held.retry))
        return sorted(found)


def check(found: list[tuple[str, bytes, Batch, Message, Retry | None]]) -> None:
    assert [each[0] for each in found] == sorted(f"{subject}@example.com" for subject in SUBJECTS)
    for path, octets, batch, message, retry in found:
        subject = path.partition("@")[0]
        assert octets == content(subject)
        assert (batch.binding, batch.context, batch.returns, batch.envelope_id, batch.body) == (
            "mail",
            (("campaign", subject),),
            "HDRS",
            "e1",
            "8BITMIME",
        )
        assert (message.notify, message.original_recipient, message.routing_domain) == (
            Notify.NEVER,
            f"rfc822;{subject}@old.example",
            "gate.example",
        )
        assert batch.received_at == 1_700_000_000.0
        assert retry == Retry(3, 2_000_000_000.0, 1, "451 later")


async def story(hosts: World, victim: str, steps: int | None) -> bool:
    """Move all; power fails at *victim* after so many steps. Whether it did."""
    a, b = hosts.hosts["a"], hosts.hosts["b"]
    await a.call(fill)
    await b.start(run_for_ever, "b")
    await a.start(move_all)
    hosts.hosts[victim].store.cut_after = steps
    await trio.sleep(10)
    has_failed = not hosts.hosts[victim].up
    hosts.hosts[victim].store.cut_after = None
    if has_failed:
        await (a.boot(move_all) if victim == "a" else b.boot(run_for_ever, "b"))
    await trio.sleep(100)
    a.kill()
    b.kill()
    assert await a.call(kept, "a") == []
    check(await b.call(kept, "b"))
    return has_failed


def test_all_that_is_known_of_mail_goes_with_it() -> None:
    hosts = world()
    hosts.run(story, hosts, "a", None)


@pytest.mark.parametrize("victim", ["a", "b"])
def test_power_fails_at_every_step(victim: str) -> None:
    """Of who hands over, and of who takes."""
    points = 0
    while (hosts := world(seed=points)).run(story, hosts, victim, points):
        points += 1
    assert points > 10


class Losing:
    """A wire on which the answer to a message that was taken never gets out: the connection is reset."""

    def __init__(self, socket: trio.socket.SocketType, made: Node, lost: list[int]) -> None:
        self._socket, self._made, self._lost = socket, made, lost

    async def recv(self, count: int) -> bytes:
        return await self._socket.recv(count)

    async def send(self, octets: bytes | bytearray | memoryview) -> int:
        if len(self._made.taken) > len(self._lost):
            self._lost.append(len(self._made.taken))
            raise ConnectionResetError
        return await self._socket.send(octets)


async def losing(machine: Machine, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
    """A program: a node whose every confirmation is lost once."""
    async with node(machine, "b") as made:
        lost: list[int] = []
        made.services.machine = replace(machine, wire=lambda socket: Losing(socket, made, lost))
        task_status.started(made)
        await trio.sleep_forever()


async def move_once(machine: Machine) -> tuple[Moved, MoveCounts, list[str]]:
    async with node(machine, "a") as made:
        moved = await made.moves.move(MAIL, place("b"))
        return moved, made.moves.counts, [each.message_id for each in made.records if isinstance(each, Transferred)]


def test_a_confirmation_that_is_lost_is_asked_for_again() -> None:
    async def lost(hosts: World) -> None:
        a, b = hosts.hosts["a"], hosts.hosts["b"]
        await a.call(fill)
        life = await b.start(losing)
        moved, counts, transferred = await a.call(move_once)
        assert (moved, counts.uncertain, len(set(transferred))) == (Moved(3), 3, 3)
        received = [each for each in life.started.records if isinstance(each, Received)]
        assert len(received) == 3
        b.kill()
        assert await a.call(kept, "a") == []
        check(await b.call(kept, "b"))

    hosts = world()
    hosts.run(lost, hosts)


def test_what_the_other_node_does_not_take_stays_and_waits_as_it_did() -> None:
    async def full(hosts: World) -> None:
        a, b = hosts.hosts["a"], hosts.hosts["b"]
        await a.call(fill)
        await b.start(run_for_ever, "b")
        b.store.fill()
        moved, counts, transferred = await a.call(move_once)
        assert (moved.moved, moved.left, transferred, counts.uncertain) == (0, 3, [], 0)
        assert moved.why.startswith("b: 452 ")
        b.kill()
        moved, _, _ = await a.call(move_once)
        assert moved.why.startswith("b: ")
        check(await a.call(kept, "a"))

    hosts = world()
    hosts.run(full, hosts)
