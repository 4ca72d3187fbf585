"""A request that injects is what a session is in SMTP: one client, one Injector, its limits and its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from momentum_trio.config.chain import Chain
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.injection_terms import injection_terms
from momentum_trio.listener.kind import Connection, Generation, Services
from momentum_trio.listener.message_limits import MessageLimits
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.netblock import Address
from momentum_trio.reception.client import Client, Identity
from momentum_trio.reception.injection import Injector
from momentum_trio.reception.rules import Rules


@dataclass(slots=True)
class Standing:
    """As ``message_limits`` asks for it: whose options hold for the client of one request."""

    client: Client
    generation: Generation
    listen: Endpoint | None
    address: Address
    held: Chain

    @property
    def session_options(self) -> SessionOptions:
        """As that of ``message_limits.Standing``."""
        return SessionOptions.resolve(self.held)

    def chain(self) -> Chain:
        """As that of ``message_limits.Standing``."""
        return self.held


class Injectors:
    """Those of the requests of one connection, one at a time: the next has the last one's, as new, where the same
    client asks under the same configuration."""

    __slots__ = ("_client", "_connection", "_last", "_services", "_under")

    def __init__(self, connection: Connection, services: Services, client: Client) -> None:
        self._connection, self._services, self._client = connection, services, client
        self._last: Injector | None = None
        self._under: tuple[Chain, Identity | None] | None = None

    def of(self, generation: Generation, chain: Chain) -> Injector:
        """What takes the mail of a request under *generation* and *chain*, in ``async with``."""
        under = (chain, self._client.identity)  # a chain is of one generation
        if self._last is None or under != self._under:
            self._last, self._under = self._made(generation, chain), under
        return self._last

    def _made(self, generation: Generation, chain: Chain) -> Injector:
        connection, services, client, door = self._connection, self._services, self._client, self._services.door
        assert door is not None
        tree, listen, plugins = generation.tree, connection.listen_now(), generation.plugins
        rules = door.rules(tree, chain, client, plugins)
        standing = Standing(client, generation, listen, client.peer_address, chain)
        limits = MessageLimits(connection, services, standing, _in_turn)
        terms = injection_terms(standing.session_options, rules)

        def through(pathway: str) -> Rules:
            """The rules of a message that policy has sent through a pathway."""
            along = tree.chain_for(connection.listener, listen, client.peer_address, pathway)
            return door.rules(tree, along, client, plugins)

        return Injector(door, client, rules, terms, limits.to_message if limits.are_any else None, through)


async def _in_turn(wait: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """The deadline rests while a request is answered."""
    await wait(*arguments)
