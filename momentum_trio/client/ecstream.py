"""Mail injection by ECStream, for programs that run on trio.

    async with ecstream.connect("mx1.example", 1825) as injector:
        results = await injector.send([Message("ann@a.example", ["bob@b.example"], content)])

What is promised is *at least once*: a message that has a result was taken or refused as that says; where a connection
ends too early, what has none is sent again over the next, with the same idempotency key where the server takes keys.
What cannot be brought to an end is said by InjectionError, message by message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

from momentum_trio.client.connection import Connection
from momentum_trio.client.dispatch import Dispatch
from momentum_trio.client.link import Link, connected
from momentum_trio.client.message import Message, Recipient, Result
from momentum_trio.client.terms import DEFAULTS, PORT, InjectionError, NotAdmittedError, Terms, Tls, told
from momentum_trio.machine import Machine
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.protocol.ecstream.gathering import gathered
from momentum_trio.protocol.ecstream.opening import NotAdmitted

PART_SECONDS = 1.0
"""For the ERROR with which we end a connection."""
LEAVE_SECONDS = 5.0
"""For the server to close after BYE, when all results are there."""


class Injector:
    """One client, over one connection at a time. ``connect`` makes it; any number of tasks may use it at once."""

    def __init__(self, host: str, port: int, terms: Terms, machine: Machine) -> None:
        self._host, self._port, self._terms, self._machine = host, port, terms, machine
        self._dispatch = Dispatch(terms, machine.entropy.octets)
        self._link: Link | None = None
        self._connection: Connection | None = None
        self._stirred = trio.Event()
        self._waiting = trio.CancelScope()  # of whoever hears the server
        self._failure: InjectionError | None = None  # of the last connection, while something waits
        self._leaving = False

    async def send(self, messages: Iterable[Message]) -> list[Result]:
        """Inject *messages*; the result of each, in their order, once all are there.

        They go in batches, ahead of the results of those before, as far as the server's window goes.
        Raises: InjectionError, when no connection brings them to an end, NotAdmittedError where none ever will;
        trio.ClosedResourceError after the block of ``connect``.
        Cancellation: what was sent may be taken all the same; the rest is not sent.
        """
        if self._leaving:
            raise trio.ClosedResourceError
        settled = trio.Event()
        consignment = self._dispatch.take(messages, settled.set)
        self._stir()
        try:
            while not consignment.is_settled:
                await settled.wait()
        finally:
            self._dispatch.withdraw(consignment)
        return consignment.outcome()

    def _stir(self) -> None:
        self._stirred.set()
        self._stirred = trio.Event()

    def leave(self) -> None:
        """Inject no more: BYE is said, and ``run`` ends when the server has closed."""
        self._leaving = True
        if self._connection is not None:
            self._connection.leave()
        self._stir()

    # connections

    async def open(self) -> None:
        """Come to a connection. Raises InjectionError after as many tries as the terms say."""
        while self._connection is None:
            if self._failure is not None:
                if not self._dispatch.failed() or isinstance(self._failure, NotAdmittedError):
                    failure, self._failure = self._failure, None
                    raise failure
                await trio.sleep(self._terms.pause(self._dispatch.failures, self._machine.entropy.fraction()))
            self._failure = await self._try()

    async def _try(self) -> InjectionError | None:
        """One try; why it came to nothing, or None."""
        try:
            with trio.fail_after(self._terms.connect_seconds):
                link = await connected(self._host, self._port, self._terms, self._machine)
                try:
                    self._connection = await self._opened(link)
                except BaseException:
                    link.close()
                    raise
                self._link = link
        except NotAdmitted as refused:
            return (NotAdmittedError if refused.final else InjectionError)(str(refused))
        except (OSError, trio.TooSlowError) as fault:
            return InjectionError(f"no connection to {self._host}: {told(fault)}")
        return None

    async def _opened(self, link: Link) -> Connection:
        connection = Connection(self._terms, self._dispatch, trio.current_time(), unseen=link.unseen)
        while not connection.is_open:
            await self._say(link, connection)
            connection.received(await link.receive_into(connection.room()), trio.current_time())
        return connection

    async def run(self) -> None:
        """Serve the calls, over one connection after the other, until BYE is said or it is cancelled."""
        try:
            while not self._leaving:
                await self._go_on()
        finally:
            self._dispatch.give_up(InjectionError("the injector is closed"))

    async def _go_on(self) -> None:
        if self._connection is not None:
            await self._serve(self._connection)
        elif self._dispatch.has_work():
            try:
                await self.open()
            except InjectionError as failure:
                self._dispatch.give_up(failure)
        else:
            await self._stirred.wait()

    async def _serve(self, connection: Connection) -> None:
        """What goes over *connection*, until its end."""
        link = self._link
        assert link is not None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, link, connection)
                await self._read(link, connection)
                nursery.cancel_scope.cancel()
            with trio.move_on_after(PART_SECONDS):
                await self._say(link, connection)
        finally:
            connection.abandon()
            link.close()
            self._link = self._connection = None
        self._failure = connection.failure() if self._dispatch.has_work() else None

    async def _say(self, link: Link, connection: Connection) -> bool:
        """Send what there is; whether the connection takes it."""
        for piece in gathered(connection.octets_to_send(trio.current_time())):
            if not await link.send(piece):
                return False
        return True

    async def _read(self, link: Link, connection: Connection) -> None:
        while connection.closed is None:
            with trio.move_on_at(connection.due()) as waiting:
                self._waiting = waiting
                count = await link.receive_into(connection.room())
            if waiting.cancelled_caught:
                connection.tick(trio.current_time())
            else:
                connection.received(count, trio.current_time())
            self._stir()

    async def _write(self, link: Link, connection: Connection) -> None:
        while True:
            stirred = self._stirred
            if not await self._say(link, connection) or connection.closed is not None:
                return
            self._waiting.deadline = connection.due()
            await stirred.wait()


@asynccontextmanager
async def connect(
    host: str, port: int = PORT, terms: Terms = DEFAULTS, *, machine: Machine | None = None
) -> AsyncIterator[Injector]:
    """A connection to inject over, for the block; made anew when it ends too early.

    host: a name, an address, or the path of a Unix socket. machine: the world beside the network; None: this host's.
    Raises: InjectionError where there is no connection; NotAdmittedError where the server does not let us in or does
    not prove who it is.
    Cancellation: the connection is closed; what has no result is in doubt.
    """
    injector = Injector(host, port, terms, machine or os_machine())
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            await injector.open()
            nursery.start_soon(injector.run)
            yield injector
            injector.leave()
            nursery.cancel_scope.deadline = trio.current_time() + LEAVE_SECONDS
        except Exception as fault:  # noqa: BLE001  the caller's own: he gets it as he raised it, in no group
            failure = fault
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


__all__ = [
    "PORT",
    "InjectionError",
    "Injector",
    "Message",
    "NotAdmittedError",
    "Recipient",
    "Result",
    "Terms",
    "Tls",
    "connect",
]
