"""What stands in the place of the mail plane where no mail is carried: a cluster's manager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from momentum_trio.cluster.log_service import LogService
from momentum_trio.delivery.outbound import OutboundConnections
from momentum_trio.events.hub import Hub
from momentum_trio.limits.contract import SharedState
from momentum_trio.listener.kind import Generation, Generations, Services
from momentum_trio.machine import Machine
from momentum_trio.mail.identifier import Identifiers
from momentum_trio.node.link import Adopt, Ask, Count, Counted, CountFromZero, Done, MailEnd, Measure, Measured, Said

NONE_HERE = "No mail is carried here"


class NoMail:
    """As ``program.Mail`` has it: it answers the control plane, and has nothing."""

    def __init__(self, machine: Machine, limits: SharedState, generation: Generation) -> None:
        self._machine = machine
        self._identifiers = Identifiers(machine.process.pid, 0)
        self.generations = Generations(generation)
        self.services = Services(machine, limits)
        self.outbound = OutboundConnections()
        self.drain_until = trio.current_time()

    def next_id(self) -> str:
        """As ``program.Mail`` has it."""
        return self._identifiers.next(self._machine.clock.now())

    def serve_nodes(self, logs: LogService) -> None:
        """As ``program.Mail`` has it: nobody has anything here."""

    async def answer(self, link: MailEnd) -> None:
        """Answer the control plane until it is gone."""
        while True:
            try:
                number, asked = await link.receive()
            except trio.EndOfChannel:
                return
            match asked:
                case Adopt():
                    self.generations.current = asked.generation
                    await link.answer(number, Done())
                case Count():
                    await link.answer(number, Counted(0, 0, 0, 0, 0, 0))
                case Measure():
                    await link.answer(number, Measured(()))
                case Ask():
                    await link.answer(number, Said(NONE_HERE, {"error": NONE_HERE}, failed=True))
                case CountFromZero():
                    pass


@asynccontextmanager
async def open_no_mail(
    machine: Machine,
    limits: SharedState,
    generation: Generation,
    link: MailEnd,
    connections_max: int,
    hub: Hub,
    everywhere: SharedState,
) -> AsyncIterator[NoMail]:
    """As ``mail_plane.open_mail_plane``, for a host that carries none."""
    plane = NoMail(machine, limits, generation)
    try:
        async with trio.open_nursery() as answering:
            answering.start_soon(plane.answer, link)
            yield plane
            answering.cancel_scope.cancel()
    finally:
        link.close()
