"""One console session: octets between socket and protocol, commands to the dispatch, who asked what to acctlog."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import trio

from momentum_trio.console.authority import NOT_AUTHORIZED, Terms, authorized
from momentum_trio.console.command import Operator, failure
from momentum_trio.console.dispatch import Call, Dispatch, written
from momentum_trio.console.workspace import Workspace
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Authenticated, Authorized
from momentum_trio.protocol.console.frame import PROTOCOLS, Authenticate, Banner, Command, Complete, printable
from momentum_trio.protocol.console.server import Event, Server

RECEIVE_OCTETS = 64 * 1024
FAREWELL_SECONDS = 1.0
"""How long a client that is told goodbye may take to read it."""
SEND_OCTETS = 64 * 1024
"""A reply goes out in pieces of this size; for each the client has the session's timeout, but not more than"""
SEND_SECONDS_MAX = 600.0


NOTICE = ("Copyright (c) the momentum-trio authors", "Licensed under the Apache License, Version 2.0")


class Traffic(Protocol):
    """Where octets are counted."""

    octets_received: int
    octets_sent: int


@dataclass(slots=True)
class Session:
    """One conversation, from the banner to the end.

    socket: connected; closing it is its owner's. refusal: why the client is not let in, or empty.
    identified: whether the operating system says who he is (a Unix peer).
    terms: read again whenever they matter, since the configuration may change. why: in a word, why it ended.
    """

    socket: trio.socket.SocketType
    server: Server
    operator: Operator
    refusal: str
    identified: bool
    dispatch: Dispatch
    terms: Callable[[], Terms]
    machine: Machine
    traffic: Traffic
    why: str = "closed"
    _workspace: Workspace = field(default_factory=Workspace)
    _gone: bool = False
    _draining: bool = False
    _reading: trio.CancelScope | None = None
    _sending: trio.CancelScope | None = None

    async def converse(self) -> None:
        """Converse until the client is done, silent for too long, in breach of the protocol, or the node drains.

        Raises: what a command raises that is a fault of ours; the client is told that there is one.
        Cancellation: the client is told goodbye, for which he has FAREWELL_SECONDS.
        """
        self._account_entry()
        self.server.begin(self.refusal)
        try:
            await self._exchange()
        finally:
            if not self.server.closed and not self._gone:
                self.server.farewell("the server ended this session; its paniclog may say why", broken=True)
                with trio.CancelScope(shield=True):
                    await self._send()

    def drain(self) -> None:
        """The node shuts down: say so once the command that runs is answered, at once if there is none.

        A client that does not read its answer has FAREWELL_SECONDS left.
        """
        self._draining = True
        if self._sending is not None:
            self._sending.deadline = min(self._sending.deadline, trio.current_time() + FAREWELL_SECONDS)
        if self._reading is not None:
            self._reading.cancel()

    async def _exchange(self) -> None:
        while await self._send() and not self.server.closed:
            if self._draining:
                self._end("drain", "the node shuts down")
            elif (event := self.server.next_event()) is not None:
                await self._take(event)
            elif not self.server.closed:
                await self._receive()
        if self.refusal or self.server.problem:
            self.why = "fault"

    async def _receive(self) -> None:
        seconds = self.terms().timeout_seconds
        octets = None
        with trio.move_on_after(seconds) as self._reading:
            try:
                octets = await self.socket.recv(RECEIVE_OCTETS)
            except ConnectionError:
                octets = b""
        self._reading = None
        if octets is not None:
            self.traffic.octets_received += len(octets)
            self.server.receive(octets)
        elif not self._draining:
            self._end("idle", f"nothing was said for {seconds:g} seconds")

    def _end(self, why: str, sentence: str) -> None:
        self.why = why
        self.server.farewell(sentence)

    async def _take(self, event: Event) -> None:
        match event:
            case Command():
                await self._run(event)
            case Complete():
                self.server.complete(*self.dispatch.completions(self.operator, event.line, self._workspace))
            case Authenticate():
                self.server.farewell("no mechanism is offered here", broken=True)

    async def _run(self, asked: Command) -> None:
        call = self.dispatch.call(self.operator, asked.line, asked.form, self._workspace)
        accepted = authorized(self.terms())
        self._account(call, accepted=accepted)
        output = await self.dispatch.perform(call) if accepted else written(failure(NOT_AUTHORIZED), call.form)
        self.server.part(output.text)
        self.server.end("error" if output.failed else "ok", confidential=call.confidential)

    async def _send(self) -> bool:
        """Send all that is to be sent; False when the client did not take it in time, or is gone."""
        octets = memoryview(self.server.octets_to_send())
        patience = min(self.terms().timeout_seconds, SEND_SECONDS_MAX)
        while octets:
            sent = 0
            is_last = self.server.closed or self._draining
            with trio.move_on_after(FAREWELL_SECONDS if is_last else patience) as self._sending:
                try:
                    sent = await self.socket.send(octets[:SEND_OCTETS])
                except ConnectionError:
                    pass
            self._sending = None
            if not sent:
                self._gone = True
                self.why = "drain" if self._draining else self.why
                return False
            self.traffic.octets_sent += sent
            octets = octets[sent:]
        return True

    def _account_entry(self) -> None:
        """acctlog ``N``: whom the operating system named, and whoever was turned away."""
        if self.identified or self.refusal:
            now, who = self.machine.clock.now(), self.operator
            self.machine.events.publish(Authenticated(now, who.endpoint, who.peer, who.user, not self.refusal))

    def _account(self, call: Call, *, accepted: bool) -> None:
        """acctlog ``Z``: every command, run or refused, before it is run."""
        now, who = self.machine.clock.now(), self.operator
        self.machine.events.publish(Authorized(now, who.endpoint, who.peer, who.user, accepted, call.masked))


def banner(product: str, version: str, node: str, user: str, terms: Terms) -> Banner:
    """What a server of ours says first."""
    idle = terms.timeout_seconds if math.isfinite(terms.timeout_seconds) else 0.0
    return Banner(PROTOCOLS, product, version, NOTICE, printable(node), printable(user), (), idle)
