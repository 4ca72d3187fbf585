"""One request while it is answered: who asks, for what, and what may be used to answer him."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec

from momentum_trio.config.chain import Chain
from momentum_trio.console.command import Operator
from momentum_trio.listener.kind import Connection, Generation, Services
from momentum_trio.listener.web.injectors import Injectors
from momentum_trio.protocol.http.request import Request
from momentum_trio.reception.client import Client


class Body(Protocol):
    """What follows the head of a request; it is read from the network while it is asked for, and once.

    Raises, whichever way it is read: RemoteProtocolError, where the client sends more than he may or breaks off, so
    that octets that did not all come are never taken for the whole. The listener answers it; let it pass.
    """

    async def whole(self, octets_max: int) -> bytes:
        """All of it, if it has at most *octets_max* octets; else the client is answered 413."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Its octets as they come."""
        ...


class Authority(Protocol):
    """What the user may do, by the console's roles."""

    async def operator(self) -> Operator:
        """Who he is at a console, with the roles that he has."""
        ...

    def renew(self) -> bool:
        """Let the configuration judge that holds now; False: he would not be let in any more."""
        ...

    async def may(self, line: str) -> bool:
        """Whether he may say *line* at a console; nothing is accounted."""
        ...

    async def authorize(self, line: str) -> bool:
        """Whether he may say *line*, which is about to be done: the acctlog is told either way."""
        ...


class Exchange(msgspec.Struct):
    """One request.

    parameters: what stood in the places of the route's path. client: of mail; its identity is that of this request.
    generation, chain: the configuration that holds for it, from its head to its answer. user: who asks; empty on a
    loopback Listen that demands no authentication. is_proved: by a password or a certificate. injectors: of the
    connection.
    """

    request: Request
    parameters: Mapping[str, str]
    body: Body
    connection: Connection
    client: Client
    services: Services
    generation: Generation
    chain: Chain
    user: str
    is_proved: bool
    authority: Authority
    injectors: Injectors

    async def may(self, line: str) -> bool:
        """Whether the user may say *line* at a console; nothing is accounted."""
        return await self.authority.may(line)

    async def authorize(self, line: str) -> bool:
        """The same of a *line* that is about to be done: the acctlog is told either way."""
        return await self.authority.authorize(line)
