"""How soon one client may bring another message, whatever protocol he speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from momentum_trio.config.chain import Chain
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.client_key import client_key
from momentum_trio.limits.rate import Rate, rate_of
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.kind import Connection, Generation, Services
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.client import Client
from momentum_trio.reception.decision import Decision, Deferred

MESSAGES_TOO_FAST = Deferred(replies.MESSAGES_TOO_FAST, "limits", "Message_Rate_Per_Address: the client's address")


class Standing(Protocol):
    """Whose options hold for the client of a connection. session_options: along the chain of where he is."""

    client: Client
    generation: Generation
    listen: Endpoint | None

    @property
    def session_options(self) -> SessionOptions: ...


class MessageLimits:
    """Those of one connection. wait: calls and awaits a function with its arguments, while he waits for his turn."""

    __slots__ = ("_connection", "_services", "_standing", "_wait")

    def __init__(
        self,
        connection: Connection,
        services: Services,
        standing: Standing,
        wait: Callable[..., Awaitable[None]],
    ) -> None:
        self._connection, self._services, self._standing, self._wait = connection, services, standing, wait

    @property
    def are_any(self) -> bool:
        """Whether there are any for the client."""
        options = self._standing.session_options
        return options.message_rate_per_address is not None or options.inbound_throttle is not None

    async def to_message(self, reverse_path: str) -> Decision | None:
        """Why the client may not begin a message now; None: he may, once it was his turn."""
        options = self._standing.session_options
        if reverse_path and options.message_rate_per_address is not None and self._is_too_fast():
            return MESSAGES_TOO_FAST
        if options.inbound_throttle is not None:
            await self._wait(self._services.turnstile.pass_through, self._inbound_throttle)
        return None

    def _is_too_fast(self) -> bool:
        """Whether this message is one too many of the client's address; counted if not."""
        standing, limits = self._standing, self._services.limits
        address = client_key(standing.client.peer_address)
        tree = standing.generation.tree
        rate = rate_of(tree, self._chain(tree), SessionOptions.message_rate_per_address, address)
        return rate is not None and not limits.throttle(rate.key, rate.events_per_second, rate.burst).admitted

    def _inbound_throttle(self) -> Rate | None:
        """Inbound_Throttle_Messages as it is now: it may change while the client waits."""
        tree = self._connection.generations.current.tree
        return rate_of(tree, self._chain(tree), SessionOptions.inbound_throttle)

    def _chain(self, tree: ConfigTree) -> Chain:
        """Who answers in *tree* for the options of where the client is."""
        standing, client = self._standing, self._standing.client
        return tree.chain_for(self._connection.listener, standing.listen, client.peer_address, client.pathway)
