"""A host that takes all mail, counts it and keeps none of it: the listener is the real one, its spool is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import trio

from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.local import LocalState
from momentum_trio.listener import esmtp
from momentum_trio.listener.ceiling import Ceilings, sessions_max
from momentum_trio.listener.credentials import Credentials
from momentum_trio.listener.handshake import Handshakes
from momentum_trio.listener.kind import Generation, Generations, Plane, Services
from momentum_trio.listener.listen import House
from momentum_trio.listener.smtp_authentication import Dialogues
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Record, Rejected, SessionBegan
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.configuration import wanted
from momentum_trio.node.supervisor import Supervisor
from momentum_trio.reception.door import Door
from momentum_trio.rehearsal.custody import NoCustody
from momentum_trio.spool.message import Receipt

KINDS = (esmtp.KIND,)
REFUSALS_MAX = 1000  # different ones that are counted apart
OTHERS = ("others", 0)


@dataclass(slots=True)
class Counts:
    """What has come. octets: of messages, our trace fields included. refused: by the module that decided, and code.

    told: called after each message.
    """

    told: Callable[[], None] = lambda: None
    sessions: int = 0
    messages: int = 0
    recipients: int = 0
    octets: int = 0
    refused: Counter[tuple[str, int]] = field(default_factory=Counter)

    def take(self, receipts: Sequence[Receipt]) -> None:
        """Messages were taken."""
        for receipt in receipts:
            self.messages += 1
            self.recipients += len(receipt.batch.messages)
            self.octets += receipt.batch.octets
            self.told()

    def note(self, record: Record) -> None:
        """Something happened."""
        if isinstance(record, SessionBegan):
            self.sessions += 1
        elif isinstance(record, Rejected):
            key = (record.module, record.code)
            self.refused[key if key in self.refused or len(self.refused) < REFUSALS_MAX else OTHERS] += 1


async def run_sink(
    machine: Machine, tree: ConfigTree, counts: Counts, *, task_status: trio.TaskStatus[tuple[Endpoint, ...]]
) -> None:
    """Serve the ESMTP listeners of *tree* until cancelled; starts with where they are bound.

    Raises: ApplyError, when a socket cannot be had.
    """
    machine.events.subscribe(counts.note)
    limits, spool = LocalState(machine.process.hostname), NoCustody(machine.clock)
    services = Services(
        machine,
        limits,
        handshakes=Handshakes(machine),
        dialogues=partial(Dialogues, machine, Credentials(machine)),
        door=Door(machine, spool, counts.take),
    )
    ceilings = Ceilings(limits, sessions_max(machine.process.descriptors_max()))
    house = House(services, Generations(Generation(1, tree)), ceilings, spool.next_id, trio.Event())
    supervisor = Supervisor(machine, KINDS, {Plane.MAIL: house})
    async with trio.open_nursery() as serving:
        serving.start_soon(services.deadlines.run)
        await serving.start(supervisor.run)
        sockets = wanted(tree, KINDS)
        await supervisor.settle(await supervisor.prepare(sockets))
        bound = [supervisor.bound(place) for place in sockets]
        task_status.started(tuple(endpoint for endpoint in bound if endpoint is not None))
