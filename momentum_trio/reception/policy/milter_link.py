"""The connection to a milter: moves octets, and waits no longer than it was told to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import trio

from momentum_trio.machine import Machine
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.protocol.milter.client import Client
from momentum_trio.protocol.milter.command import Command, Quit
from momentum_trio.protocol.milter.negotiation import Negotiated
from momentum_trio.protocol.milter.reply import Answer, Change, Reply

RECEIVE_OCTETS = 64 * 1024
SEND_OCTETS = 256 * 1024  # of what is not answered, before it is sent
FAREWELL_SECONDS = 1.0

FAMILIES = {Family.INET: trio.socket.AF_INET, Family.INET6: trio.socket.AF_INET6, Family.UNIX: trio.socket.AF_UNIX}

Take = Callable[[Change], Awaitable[None]]


class Away(Exception):
    """The milter is not there, or does not answer. The text says why."""


class Link:
    """One connection. client: its protocol. Made by ``connected``; ends with ``close`` or ``drop``."""

    __slots__ = ("_socket", "_wire", "client")

    def __init__(self, machine: Machine, socket: trio.socket.SocketType) -> None:
        self._socket, self._wire, self.client = socket, machine.wire(socket), Client()

    async def say(self, command: Command, macros: Mapping[str, str], seconds: float, take: Take) -> Answer | None:
        """Tell the milter; its answer, or None where it gives none. take: gets the changes that come before it.

        Raises: Away; RemoteProtocolError; what *take* raises. After that, and after a cancellation, there is nothing
        left to do with it but ``drop``.
        """
        if not self.client.tell(command, macros):
            if self.client.waiting_octets >= SEND_OCTETS:
                await self._send(seconds)
            return None
        await self._send(seconds)
        while True:
            reply = await self._next(seconds)
            if isinstance(reply, Answer):
                return reply
            if isinstance(reply, Change):
                await take(reply)

    async def agree(self) -> None:
        """Negotiate. Raises as ``say``."""
        await self._send(float("inf"))
        await self._next(float("inf"))

    async def close(self) -> None:
        """Say goodbye, if nothing is awaited, and close. Cancellation: shielded, for FAREWELL_SECONDS at most."""
        with trio.move_on_after(FAREWELL_SECONDS, shield=True):
            if self.client.awaiting is None:
                self.client.tell(Quit(), {})
                try:
                    await self._send(FAREWELL_SECONDS)
                except Away:
                    pass
        self.drop()

    def drop(self) -> None:
        """Close without a word."""
        self._socket.close()

    async def _send(self, seconds: float) -> None:
        octets = memoryview(self.client.octets_to_send())
        with trio.move_on_after(seconds):
            try:
                while octets:
                    octets = octets[await self._wire.send(octets) :]
            except OSError as fault:
                raise Away(_said(fault)) from fault
            return
        raise Away(f"took nothing for {seconds:g} seconds")

    async def _next(self, seconds: float) -> Reply | Negotiated:
        with trio.move_on_after(seconds):
            while (reply := self.client.next_reply()) is None:
                try:
                    octets = await self._wire.recv(RECEIVE_OCTETS)
                except OSError as fault:
                    raise Away(_said(fault)) from fault
                if not octets:
                    raise Away("closed the connection")
                self.client.receive(octets)
            return reply
        raise Away(f"did not answer for {seconds:g} seconds")


async def connected(machine: Machine, endpoint: Endpoint, seconds: float) -> Link:
    """A connection to the milter at *endpoint*, negotiated within *seconds*. Raises: Away, RemoteProtocolError."""
    try:
        socket = trio.socket.socket(FAMILIES[endpoint.family], trio.socket.SOCK_STREAM)
    except OSError as fault:
        raise Away(_said(fault)) from fault
    link, is_good = Link(machine, socket), False
    try:
        with trio.move_on_after(seconds):
            await socket.connect(_address(endpoint))
            if endpoint.family is not Family.UNIX:
                socket.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
            await link.agree()
            is_good = True
            return link
        raise Away(f"was not there within {seconds:g} seconds")
    except OSError as fault:
        raise Away(_said(fault)) from fault
    finally:
        if not is_good:
            link.drop()


def _address(endpoint: Endpoint) -> object:
    if endpoint.family is Family.UNIX:
        return endpoint.path
    return (endpoint.address, endpoint.port)


def _said(fault: OSError) -> str:
    return fault.strerror or str(fault)
