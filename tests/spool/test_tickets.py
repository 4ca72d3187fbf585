"""Tickets: a small number for each message in custody; what is settled, moved, reported by them is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from spool_world import BASE, World, batch_for, submit, terms

from momentum_trio.mail.dsn import Notify
from momentum_trio.spool.frame import VERSION, SegmentHeader
from momentum_trio.spool.message import REASON_OCTETS_MAX
from momentum_trio.spool.spool import (
    Batch,
    Conclusion,
    Message,
    Receipt,
    Retry,
    Spool,
    SpoolFull,
    SpoolSick,
    open_spool,
)
from sim.disk import Fault, SimStore

DELIVERED, FAILED = Conclusion.DELIVERED, Conclusion.FAILED
RETRY = Retry(3, 1_700_000_900.5, 1, "450 4.2.2 mailbox full")


async def churn(spool: Spool) -> None:
    """Mail that comes and goes, so that what stays is copied forward."""
    for _ in range(40):
        receipt = await submit(spool, b"x" * 500)
        await spool.settle([(receipt.tickets[0], DELIVERED)], [])


async def test_a_receipt_has_a_ticket_for_each_message() -> None:
    async with open_spool(World(SimStore().mount()).machine, terms()) as spool:
        receipt = await submit(spool, b"text", "a@x.example", "b@x.example")
        other = await submit(spool, b"text", "c@x.example")
        assert len({*receipt.tickets, *other.tickets}) == 3
        for ticket, message in zip(receipt.tickets, receipt.batch.messages, strict=True):
            assert spool.message_id(ticket) == message.message_id
            assert spool.find(message.message_id) == ticket
            assert (await spool.held(ticket)).message == message
            assert spool.retry(ticket) is None
        assert list(spool.owed()) == []  # nothing was found at opening


async def test_a_ticket_ends_with_its_message_and_is_given_anew() -> None:
    async with open_spool(World(SimStore().mount()).machine, terms()) as spool:
        one, two = (await submit(spool, b"text", "a@x.example", "b@x.example")).tickets
        message_id = spool.message_id(one)
        await spool.settle([(one, DELIVERED)], [])
        assert spool.find(message_id) is None
        for ask in (spool.message_id, spool.retry):
            with pytest.raises(KeyError):
                ask(one)
        with pytest.raises(KeyError):
            await spool.held(one)
        with pytest.raises(KeyError):
            await spool.held(99)
        assert [each.forward_path for each in (await spool.held(two)).batch.messages] == ["b@x.example"]
        again = await submit(spool, b"text")
        assert list(again.tickets) == [one]
        await spool.settle([(77, FAILED)], [(78, RETRY)])  # not in custody: passed over
        assert spool.batches_in_custody == 2


async def test_what_is_owed_after_a_restart() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        receipt = await submit(spool, b"text", "a@X.example", "b@y.example", "c@z.example")
        _, two, three = receipt.tickets
        await spool.settle([(two, FAILED)], [(three, RETRY)])
        assert spool.retry(three) == RETRY
    for _ in range(2):  # the second time from a copy
        async with open_spool(World(store.mount()).machine, terms()) as spool:
            owed = list(spool.owed())
            assert [(each.domain, each.retry) for each in owed] == [("x.example", None), ("z.example", RETRY)]
            assert {(each.binding_group, each.binding, each.begins_at) for each in owed} == {
                ("default", "default", receipt.batch.received_at)
            }
            assert list(spool.owed()) == []
            held = await spool.held(owed[1].ticket)
            assert held.batch == replace(receipt.batch, messages=receipt.batch.messages[::2])
            assert (held.message, held.retry) == (receipt.batch.messages[2], RETRY)
            await churn(spool)


async def test_all_an_envelope_says_is_kept() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        batch = batch_for(spool)
        batch = replace(
            batch,
            messages=(
                Message(batch.batch_id, "a@x.example", Notify.NEVER, "rfc822;A@x.example"),
                Message(spool.next_id(), "b@x.example", Notify.SUCCESS | Notify.DELAY, "", "hub.example"),
            ),
            binding_group="group",
            binding="one",
            context=(("key", "value"), ("other", "")),
            returns="HDRS",
            envelope_id="QQ314159",
            body="8BITMIME",
            smtputf8=True,
        )
        async with spool.begin() as entry:
            await entry.write(b"text")
            batch = (await spool.commit(entry, batch)).batch
    for _ in range(2):
        async with open_spool(World(store.mount()).machine, terms()) as spool:
            one, two = spool.owed()
            assert (one.domain, two.domain) == ("x.example", "hub.example")
            assert (await spool.held(one.ticket)).batch == batch
            await churn(spool)


async def test_a_reason_is_cut_to_its_bound() -> None:
    async with open_spool(World(SimStore().mount()).machine, terms()) as spool:
        [ticket] = (await submit(spool, b"text")).tickets
        await spool.settle([], [(ticket, msgspec.structs.replace(RETRY, reason="é" * REASON_OCTETS_MAX))])
        retry = spool.retry(ticket)
        assert retry is not None
        assert retry.reason == "é" * (REASON_OCTETS_MAX // 2)


# -- a report, and the end of what it reports --------------------------------------------------------------------------


async def report(spool: Spool, *tickets: int) -> Receipt:
    """Commits a bounce that concludes *tickets*."""
    async with spool.begin() as entry:
        await entry.write(b"it failed")
        batch = batch_for(spool, "sender@x.example", reverse_path="")
        return await spool.commit(entry, batch, concluding=[(ticket, FAILED) for ticket in tickets])


async def test_a_report_and_the_end_of_what_it_reports() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        failed = await submit(spool, b"text", "a@x.example", "b@x.example")
        large = await submit(spool, b"large" * 1000)
        bounce = await report(spool, failed.tickets[0], large.tickets[0])
        assert spool.find(large.batch.messages[0].message_id) is None
        assert spool.batches_in_custody == 2
    store.power_loss()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        held = [await spool.held(each.ticket) for each in spool.owed()]
        assert [each.batch.batch_id for each in held] == [failed.batch.batch_id, bounce.batch.batch_id]
        assert held[0].batch.messages == failed.batch.messages[1:]
    assert not store.files(f"{BASE}/content")


@pytest.mark.parametrize(("error", "refusal"), [(5, SpoolSick), (28, SpoolFull)])
async def test_a_report_that_is_refused_ends_nothing(error: int, refusal: type[Exception]) -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        [ticket] = (await submit(spool, b"text")).tickets
        store.inject = lambda _: Fault(error)
        with pytest.raises(refusal):
            await report(spool, ticket)
        store.inject = None
        assert spool.message_id(ticket)
        assert spool.batches_in_custody == 1


# -- moves -------------------------------------------------------------------------------------------------------------


async def test_a_move_is_durable_and_outlives_copies() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        receipt = await submit(spool, b"text", "a@x.example", "b@x.example", "c@x.example")
        one, two, _ = receipt.tickets
        await spool.move([one, two, 99], binding_group="other", binding="two")
        await spool.move([two], routing_domain="hub.example")
        await spool.move([one], binding="three", routing_domain="gone.example")
        await spool.move([one], routing_domain="")
        held = await spool.held(two)
        assert (held.batch.binding_group, held.batch.binding) == ("other", "two")
        assert held.message.routing_domain == "hub.example"
    store.power_loss()
    for _ in range(2):
        async with open_spool(World(store.mount()).machine, terms()) as spool:
            owed = list(spool.owed())
            assert [(each.domain, each.binding_group, each.binding) for each in owed] == [
                ("x.example", "other", "three"),
                ("hub.example", "other", "two"),
                ("x.example", "default", "default"),
            ]
            held = await spool.held(owed[1].ticket)
            assert (held.batch.binding, held.message.routing_domain) == ("two", "hub.example")
            await churn(spool)


async def test_a_move_on_a_sick_disk_moves_nothing() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        [ticket] = (await submit(spool, b"text")).tickets
        store.inject = lambda _: Fault(5)
        with pytest.raises(SpoolSick):
            await spool.move([ticket], binding="two")
        store.inject = None
        assert (await spool.held(ticket)).batch.binding == "default"


# -- earlier versions --------------------------------------------------------------------------------------------------


def written_in(version: int) -> tuple[SimStore, dict[str, Any]]:
    """A spool that was written by the last program of a format version, and what it must hold."""
    store, folder = SimStore(), Path(__file__).parent / f"version_{version}"
    for path in folder.glob("*/*"):
        store.put(f"{BASE}/{path.relative_to(folder)}", path.read_bytes())
    return store, json.loads((folder / "expected.json").read_text())


@pytest.mark.parametrize("version", [1, 2])
async def test_a_spool_of_an_earlier_version_is_opened_and_written_in_that_of_today(version: int) -> None:
    store, expected = written_in(version)
    for _ in range(2):  # the second time from copies
        world = World(store.mount())
        async with open_spool(world.machine, terms()) as spool:
            held = {owed.ticket: await spool.held(owed.ticket) for owed in spool.owed()}
            batches: dict[str, Batch] = {each.batch.batch_id: each.batch for each in held.values()}
            assert batches.keys() == expected.keys()
            for batch_id, batch in batches.items():
                assert (await spool.content(batch_id)).decode() == expected[batch_id]["content"]
                assert [message.forward_path for message in batch.messages] == expected[batch_id]["paths"]
                assert batch.connection_id == expected[batch_id]["connection_id"]
            for each in held.values():
                retry = expected[each.batch.batch_id]["open"][each.message.message_id]
                assert each.retry == (Retry(*retry) if retry else None)
            await churn(spool)
        assert world.panics == []
    versions = {store.octets(path)[8:10] for path in store.files(f"{BASE}/log")}
    assert versions == {VERSION.to_bytes(2, "big")}


def test_segments_are_written_in_the_version_of_today() -> None:
    assert SegmentHeader(1, 2, 3, 4).octets()[8:10] == b"\0\3"
