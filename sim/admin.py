"""Somebody at the admin console of a node."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from momentum_trio.machine import Machine
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.frame import End, Part

CONSOLE_SECONDS = 30.0
RECEIVE_OCTETS = 65536


@dataclass(frozen=True, slots=True)
class Said:
    """What the console answered. before, after: the whole configuration around a command that failed, else empty."""

    answer: str
    ok: bool
    before: str = ""
    after: str = ""


class Unanswered(Exception):
    """The console closed or said nothing."""


async def say(machine: Machine, endpoint: Endpoint, line: str) -> Said:
    """Say *line* to the console at *endpoint* of this host. Raises OSError, TooSlowError, Unanswered."""
    with trio.fail_after(CONSOLE_SECONDS), _socket(endpoint) as socket:
        await socket.connect(endpoint.path or (_address(endpoint), endpoint.port))
        console = Console(socket)
        before, _ = await console.ask("config showrecurse")
        answer, ok = await console.ask(line)
        if ok:
            return Said(answer, ok)
        after, _ = await console.ask("config showrecurse")
        return Said(answer, ok, before, after)


class Console:
    """One conversation with a console."""

    def __init__(self, socket: trio.socket.SocketType) -> None:
        self._socket = socket
        self._client = Client("sim")

    async def ask(self, line: str) -> tuple[str, bool]:
        """The text of the answer to *line*, and whether it succeeded."""
        while self._client.banner is None:
            await self._next()
        self._client.command(line)
        text = ""
        while True:
            await self._send()
            event = await self._next()
            if isinstance(event, Part):
                text += event.text
            elif isinstance(event, End):
                return text, event.status == "ok"

    async def _next(self) -> object:
        while (event := self._client.next_event()) is None:
            if self._client.closed:
                raise Unanswered
            octets = await self._socket.recv(RECEIVE_OCTETS)
            self._client.receive(octets)
        return event

    async def _send(self) -> None:
        octets = self._client.octets_to_send()
        while octets:
            octets = octets[await self._socket.send(octets) :]


def _socket(endpoint: Endpoint) -> trio.socket.SocketType:
    families = {
        Family.UNIX: trio.socket.AF_UNIX,
        Family.INET: trio.socket.AF_INET,
        Family.INET6: trio.socket.AF_INET6,
    }
    return trio.socket.socket(families[endpoint.family])


def _address(endpoint: Endpoint) -> str:
    return {"*": "127.0.0.1", "::": "::1"}.get(endpoint.address, endpoint.address)
