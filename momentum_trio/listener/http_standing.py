"""What holds for the client of one HTTP connection, by the newest generation."""

from __future__ import annotations

from momentum_trio.config.chain import Chain
from momentum_trio.listener.esmtp_standing import client_of
from momentum_trio.listener.http_terms import HttpTerms
from momentum_trio.listener.kind import Connection, Generation, Services
from momentum_trio.reception.client import Identity
from momentum_trio.reception.reception_options import NameOptions

PROTOCOL = "rest"
"""The mainlog's word for mail that came over HTTP."""


class Standing:
    """The options of one client. They are resolved again between two requests, where there is a newer generation.

    hostname: our name. client: who he is, for mail. is_gone: no Listen would take him any more.
    """

    __slots__ = ("_connection", "_services", "chain", "client", "generation", "hostname", "is_gone", "terms")

    generation: Generation
    chain: Chain
    terms: HttpTerms
    hostname: str

    def __init__(self, connection: Connection, services: Services) -> None:
        self._connection, self._services = connection, services
        self.client = client_of(connection)
        self.client.protocol = PROTOCOL
        self.is_gone = False
        generation = connection.generations.current
        address = connection.peer_address
        self._hold(generation, generation.tree.chain_for(connection.listener, connection.listen_now(), address))

    def renew(self) -> None:
        """Let the newest generation hold. What held last stays where none of its Listens would take this client."""
        connection = self._connection
        if connection.generations.current is self.generation:
            return
        chain = connection.chain_now()
        self.is_gone = chain is None
        if chain is not None:
            self._hold(connection.generations.current, chain)

    def is_asked_by(self, who: Identity) -> None:
        """The request that is answered now is *who*'s."""
        self.client.identity = who if who.user else None

    def _hold(self, generation: Generation, chain: Chain) -> None:
        self.generation, self.chain = generation, chain
        self.terms = HttpTerms.of(chain)
        named = NameOptions.resolve(generation.tree.chain_global()).hostname
        self.hostname = named or self._services.machine.process.hostname
