"""The mail plane: spool, reception and delivery, and what sessions use of them; told of generations over the link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import trio

from momentum_trio.cluster.log_service import LogService
from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.errand import Outfit
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.move import Moves
from momentum_trio.delivery.outbound import OutboundConnections
from momentum_trio.delivery.queue import Queue
from momentum_trio.delivery.report import Reporter
from momentum_trio.delivery.signing import Signer
from momentum_trio.delivery.trace_options import TraceOptions
from momentum_trio.delivery.tracing import Tracers
from momentum_trio.events.hub import Hub
from momentum_trio.limits.contract import SharedState
from momentum_trio.limits.deadline import Deadlines
from momentum_trio.listener.credentials import Credentials
from momentum_trio.listener.handshake import Handshakes
from momentum_trio.listener.http_proofs import Proofs
from momentum_trio.listener.kind import Generation, Generations, Services
from momentum_trio.listener.node_to_node import NodeToNode
from momentum_trio.listener.recorder import Recorder
from momentum_trio.listener.smtp_authentication import Dialogues
from momentum_trio.machine import Machine
from momentum_trio.metrics.tally import Tally
from momentum_trio.node.configuration import away
from momentum_trio.node.dns_desk import DnsDesk
from momentum_trio.node.link import Adopt, Ask, Belongs, Count, Counted, CountFromZero, Done, MailEnd, Measure, Measured
from momentum_trio.node.mail_measures import (
    dns_families,
    event_families,
    limit_families,
    node_families,
    queue_families,
    spool_families,
)
from momentum_trio.node.node_options import SpoolOptions
from momentum_trio.node.node_to_node import bind_with, connect_with
from momentum_trio.node.onward import Onward
from momentum_trio.node.outbound_desk import OutboundDesk
from momentum_trio.node.policies import addresses_with, lookup_with, named_by, questions_with
from momentum_trio.node.queue_desk import QueueDesk
from momentum_trio.node.tables import methods
from momentum_trio.node.trace_desk import TraceDesk
from momentum_trio.reception.door import Door
from momentum_trio.reception.policy.desk import Desk
from momentum_trio.reception.policy.dnsbl import Lists
from momentum_trio.reception.policy.milter import Milters
from momentum_trio.reception.transfer import Transfers
from momentum_trio.spool.spool import Spool, SpoolTerms, open_spool
from momentum_trio.stored.stored import Stored
from momentum_trio.webhook.webhook import Outfit as WebhookOutfit
from momentum_trio.webhook.webhooks import Webhooks

WEBHOOKS = "webhooks"
"""The folder of the spool in which they keep what waits for them."""
STORED = "stored"
"""That in which templates and recipient lists are."""
WEBHOOKS_SECONDS = 5.0
"""How long they may take, at the end, to keep what has happened."""


class MailPlane:
    """The mail half of a node.

    generations: those of this plane, moved on by the control plane. services: for conversations of this plane.
    transfers: mail that other nodes hand over; moves: mail that is handed over to them; onward: by
    itself, where it belongs to them.
    drain_until: trio's time up to which, at the end, deliveries under way are waited for.
    """

    def __init__(
        self,
        machine: Machine,
        limits: SharedState,
        spool: Spool,
        generation: Generation,
        connections_max: int,
        hub: Hub,
        everywhere: SharedState,
    ) -> None:
        self._machine, self._everywhere = machine, everywhere
        self.generations = Generations(generation)
        self.spool = spool
        self.hosts = Hosts(machine, self.generations)
        place = SpoolOptions.resolve(generation.tree.chain_global()).base
        self.signer = Signer(machine, self.generations)
        self.deadlines = Deadlines()
        self.outbound = OutboundConnections()
        self.tracers = Tracers(machine, TraceOptions.resolve(generation.tree.chain_global()))
        outfit = Outfit(machine, spool, self.hosts, self.signer, self.deadlines, self.outbound, self.tracers)
        self.queue = Queue(
            machine,
            spool,
            self.generations,
            methods(outfit, place),
            limits,
            reporter=Reporter(machine, spool, spool.next_id),
            connections_max=connections_max,
            everywhere=everywhere,
        )
        self.queue.away = away(generation.tree, here=frozenset())
        door = Door(
            machine,
            spool,
            self.queue.take_all,
            lists=Lists(lookup_with(self.hosts, self.generations)),
            desk=Desk(machine, questions_with(self.hosts, self.generations)),
            milters=named_by(Milters(machine, limits, connections_max)),
        )
        self.transfers = Transfers(machine, spool, self.queue.take_found, bind_with(self.generations))
        self.moves = Moves(machine, spool, self.queue, connect_with(machine, self.generations))
        self.onward = Onward(machine, self.queue, self.moves, self.generations)
        self.recorder = Recorder(machine)
        credentials = Credentials(machine)
        self.services = Services(
            machine,
            limits,
            Tally(),
            self.deadlines,
            Handshakes(machine),
            partial(Dialogues, machine, credentials),
            door,
            self.recorder,
            Proofs(machine, credentials),
            stored=Stored(machine, f"{place}/{STORED}"),
        )
        resolve, context = addresses_with(self.hosts, self.generations), self.hosts.contexts.context
        self.webhooks = Webhooks(
            WebhookOutfit(machine, hub, resolve, context, f"{place}/{WEBHOOKS}"), lambda: self.generations.current.tree
        )
        self.services.events = self._hub = hub
        self.drain_until = trio.current_time()
        self._since = Counted(0, 0, 0, 0, 0, 0)

    def next_id(self) -> str:
        """As ``program.Mail`` has it."""
        return self.spool.next_id()

    def serve_nodes(self, logs: LogService) -> None:
        """As ``program.Mail`` has it."""
        self.services.node_to_node = NodeToNode(logs, self.transfers)

    async def answer(self, link: MailEnd) -> None:
        """Answer the control plane until it is gone."""
        async with trio.open_nursery() as errands:
            dns, queue = DnsDesk(self.hosts, self.generations, errands), self._queue_desk(errands)
            outbound = OutboundDesk(self.outbound, self.hosts, self.signer)
            trace = TraceDesk(self.tracers)
            while True:
                try:
                    number, asked = await link.receive()
                except trio.EndOfChannel:
                    break
                match asked:
                    case Adopt():
                        self.generations.current = asked.generation
                        self.queue.away = asked.away
                        self.queue.reconfigured()
                        self.webhooks.reconfigured()
                        await link.answer(number, Done())
                    case Count():
                        await link.answer(number, self._counted())
                    case Measure():
                        errands.start_soon(self._tell_measured, link, number)
                    case CountFromZero():
                        self._since = self._all()
                    case Belongs():
                        self.onward.told(asked.places)
                    case Ask(command) if dns.knows(command):
                        await link.answer(number, dns.answer(asked))
                    case Ask(command) if outbound.knows(command):
                        await link.answer(number, outbound.answer(asked))
                    case Ask(command):
                        desk = trace if trace.knows(command) else queue
                        errands.start_soon(_say, link, number, desk, asked)
            errands.cancel_scope.cancel()

    def _queue_desk(self, errands: trio.Nursery) -> QueueDesk:
        return QueueDesk(self._machine, self.spool, self.queue, self.hosts, self.outbound, self.generations, errands)

    async def _tell_measured(self, link: MailEnd, number: int) -> None:
        """The answer to a Measure."""
        families = (
            *self.services.tally.families(),
            *await queue_families(self.queue),
            *dns_families(self.hosts),
            *spool_families(self.spool),
            *event_families(self._hub, self.webhooks),
            *node_families(self.services.node_to_node, self.moves),
            *limit_families(self._everywhere),
        )
        await link.answer(number, Measured(families))

    def _all(self) -> Counted:
        tally, queue = self.services.tally, self.queue
        asked = self.hosts.questions
        return Counted(
            tally.received,
            tally.rejected,
            queue.delivered,
            queue.failed,
            queue.active,
            queue.delayed,
            asked["A"],
            asked["MX"],
            asked.total(),
            self.hosts.pending,
            queue.carriage.connections,
            len(queue.holdings.lanes),
            self._everywhere.is_up,
        )

    def _counted(self) -> Counted:
        now, since = self._all(), self._since
        return replace(
            now,
            received=now.received - since.received,
            rejected=now.rejected - since.rejected,
            delivered=now.delivered - since.delivered,
            failed=now.failed - since.failed,
            dns_a_queries=now.dns_a_queries - since.dns_a_queries,
            dns_mx_queries=now.dns_mx_queries - since.dns_mx_queries,
            dns_queries=now.dns_queries - since.dns_queries,
        )


async def _say(link: MailEnd, number: int, desk: QueueDesk | TraceDesk, asked: Ask) -> None:
    await link.answer(number, await desk.answer(asked))


def spool_terms(tree: ConfigTree) -> SpoolTerms:
    """What the spool depends on, as *tree* has it."""
    options = SpoolOptions.resolve(tree.chain_global())
    return SpoolTerms(
        options.base,
        segment_octets=options.segment_octets,
        large_message_octets=options.large_message_octets,
        force_fsync=options.force_fsync,
        mode=options.mode,
        key_seconds=options.key_seconds,
        keys_max=options.keys_max,
    )


@asynccontextmanager
async def open_mail_plane(
    machine: Machine,
    limits: SharedState,
    generation: Generation,
    link: MailEnd,
    connections_max: int,
    hub: Hub,
    everywhere: SharedState,
) -> AsyncIterator[MailPlane]:
    """The mail plane for the block: its spool recovered, delivery begun, the control plane answered.

    connections_max: how many descriptors delivery may use for connections, and milters as many of those of sessions.
    hub: whose events webhooks are told of. everywhere: where limits over all nodes are.
    At the end of the block no attempt begins; those under way are waited for until ``drain_until``. Then the spool's
    committer ends, last of all. Raises: SpoolLocked, SpoolFull, SpoolSick.
    """
    async with open_spool(machine, spool_terms(generation.tree)) as spool:
        plane = MailPlane(machine, limits, spool, generation, connections_max, hub, everywhere)
        machine.events.subscribe(plane.services.tally.take)
        try:
            async with trio.open_nursery() as delivery:
                delivery.start_soon(plane.deadlines.run)
                delivery.start_soon(plane.tracers.run)
                delivery.start_soon(plane.recorder.run)
                await delivery.start(plane.queue.run)
                delivery.start_soon(plane.onward.run)
                delivery.start_soon(plane.answer, link)
                plane.webhooks.begin(delivery)
                yield plane
                with trio.move_on_at(plane.drain_until):
                    async with trio.open_nursery() as drains:
                        drains.start_soon(plane.queue.drain)
                        drains.start_soon(plane.onward.drain)
                with trio.move_on_after(WEBHOOKS_SECONDS):
                    await plane.webhooks.close()
                delivery.cancel_scope.cancel()
        finally:
            machine.events.unsubscribe(plane.services.tally.take)
            link.close()
