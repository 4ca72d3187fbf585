"""What holds for the client of one SMTP session, and what he was told of it."""

from __future__ import annotations

import math
from dataclasses import replace

from momentum_trio.config.back_end import BackEnd
from momentum_trio.config.chain import Chain
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.esmtp_security import is_proved_still, security_of
from momentum_trio.listener.esmtp_terms import for_trusted, terms_of
from momentum_trio.listener.failure_options import FailureOptions
from momentum_trio.listener.kind import Connection, Services
from momentum_trio.net.endpoint import endpoint_text
from momentum_trio.net.netblock import Address
from momentum_trio.net.tls_terms import TlsTerms
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.reception.client import Client
from momentum_trio.reception.door import Door
from momentum_trio.reception.rules import Rules


class Standing:
    """The options of one client, by the newest generation that may hold for him.

    Those of one generation hold until, between two mail transactions, a newer one is seen (``renew``). What the client
    was told already (the greeting, the offer of EHLO) cannot be taken back: if that changed, he is stale, and is asked
    to come again.

    listen: whose options hold; None: it is gone, and none took its place. options: of the client at *address*, by which
    he was greeted and is offered what he is. session_options: of where he is now, which XREMOTEIP may have said since:
    by these he is limited.
    pathway_at_connect: that policy has sent him through before he was greeted. offered: the extensions of the last
    EHLO; None: there was none. secured_by: what TLS was begun by. proved_by: the mechanism by which he has proved who
    he is, and what that was judged by.
    """

    __slots__ = (
        "_connection",
        "_door",
        "_greeted_as",
        "_services",
        "address",
        "client",
        "failures",
        "generation",
        "is_stale",
        "listen",
        "offered",
        "options",
        "pathway_at_connect",
        "proved_by",
        "reception",
        "secured_by",
        "security",
        "session_options",
        "terms",
    )

    def __init__(self, connection: Connection, services: Services, door: Door) -> None:
        self._connection, self._services, self._door = connection, services, door
        self.generation = connection.generations.current
        self.listen = connection.listen_now()
        client = self.client = client_of(connection)
        self.address = client.peer_address
        chain, generation = self.chain(), self.generation
        self.options = self.session_options = SessionOptions.resolve(chain)
        self.failures = FailureOptions.resolve(chain).failures
        self.security = security_of(chain, self.options, client)
        self.reception = door.reception(client, door.rules(generation.tree, chain, client, generation.plugins))
        self.terms = self._terms(chain)
        self._greeted_as = (self.terms.host, self.options.static_banner)
        self.offered: tuple[str, ...] | None = None
        self.secured_by: TlsTerms | None = None
        self.proved_by: tuple[str, BackEnd] | None = None
        self.pathway_at_connect: str | None = None
        self.is_stale = self.listen is None

    @property
    def is_of_the_past(self) -> bool:
        """Whether there is a newer generation."""
        return self._connection.generations.current is not self.generation

    @property
    def silence_seconds(self) -> float:
        """How long the client may be silent; Idle_Time = 0 lets him be so for ever."""
        return self.session_options.idle_time or math.inf

    @property
    def rules(self) -> Rules:
        """Those of the client's next mail transaction."""
        return self.reception.rules

    def chain(self) -> Chain:
        """Who answers for the client's options."""
        return self._chain_of(self.address)

    def _chain_of(self, address: Address) -> Chain:
        tree, client = self.generation.tree, self.client
        return tree.chain_for(self._connection.listener, self.listen, address, client.pathway)

    def renew(self) -> None:
        """Let the newest generation hold.

        If it has no Listen any more that would take this client, or not the pathway that policy has sent him through,
        the options that held stay until he is asked to come again: those of the listener alone could be laxer.
        """
        self.generation = self._connection.generations.current
        self.listen = self._connection.listen_now()
        if self.listen is None or self._lacks_pathway:
            self.is_stale = True
            return
        self._judge_whole()
        self.look_back()

    @property
    def _lacks_pathway(self) -> bool:
        pathway = self.client.pathway
        return pathway is not None and pathway not in self.generation.tree.pathways()

    def through_pathway(self) -> None:
        """Policy has sent the client through a pathway: what he was told before is not held against that."""
        self._judge_whole()
        self._greeted_as = (self.terms.host, self.options.static_banner)
        self.offered = self.offered and self.terms.extensions

    def rules_through(self, pathway: str) -> Rules:
        """The rules of a message that policy has sent through *pathway*."""
        generation, client = self.generation, self.client
        chain = generation.tree.chain_for(self._connection.listener, self.listen, client.peer_address, pathway)
        return self._door.rules(generation.tree, chain, client, generation.plugins)

    def _judge_whole(self) -> None:
        chain = self.chain()
        self.options = SessionOptions.resolve(chain)
        self._judge(chain)
        self.terms = self._terms(chain)

    def judge_anew(self) -> None:
        """What the client may and is offered, by what is known of him now; his options stay."""
        self._judge(self.chain())

    def move(self) -> None:
        """The client is known to be at another address: he may what is permitted there. What he was offered stays."""
        extensions = self.terms.extensions
        self.judge_anew()
        self.terms = replace(self._terms(self.chain()), extensions=extensions)

    def _judge(self, chain: Chain) -> None:
        generation, client = self.generation, self.client
        of_client = self._chain_of(client.peer_address)
        self.session_options = SessionOptions.resolve(of_client)
        self.failures = FailureOptions.resolve(chain).failures
        self.reception.rules = self._door.rules(generation.tree, of_client, client, generation.plugins)
        self.security = security_of(chain, self.options, client)

    def begin_anew(self) -> None:
        """Somebody else is at the other end from here on: *client* says who."""
        self.address = self.client.peer_address
        self.offered = self.proved_by = None
        self.client.pathway = self.pathway_at_connect
        self._judge_whole()
        self.secured_by = self.secured_by and self.security.tls
        self._greeted_as = (self.terms.host, self.options.static_banner)

    def secured(self) -> None:
        """TLS has begun: what the client was offered and has proved in clear is forgotten (RFC 3207 section 4.2)."""
        self.secured_by = self.security.tls
        self.offered = self.proved_by = None
        self.client.pathway = self.pathway_at_connect
        self._judge_whole()

    def look_back(self) -> None:
        """See whether something the client was told no longer holds."""
        terms = self.terms
        self.is_stale = (
            self.listen is None
            or self._lacks_pathway
            or (terms.host, self.options.static_banner) != self._greeted_as
            or (self.offered is not None and self.offered != terms.extensions)
            or (self.secured_by is not None and self.secured_by != self.security.tls)
            or (self.proved_by is not None and not self._is_known_still)
        )

    @property
    def _is_known_still(self) -> bool:
        return is_proved_still(self.proved_by, self.client.identity, self.security, self.chain())

    def _terms(self, chain: Chain) -> Terms:
        """Made once for *chain*, as long as nothing changes: whoever connects for each message comes many times in one
        second."""
        date = self._door.dates.at(self._door.machine.clock.now())
        opening = self._services.conntrol.opening(self.generation.tree)
        rules, peer_text = self.reception.rules, self.client.peer_text
        trusted = self._for_trusted()
        # not the rules themselves, which know their chain: in a ring with it they would wait for the collector
        asked = (
            self.options,
            self.session_options,
            rules.options,
            rules.hostname,
            self.security,
            peer_text,
            date,
            trusted,
            opening,
        )
        made: tuple[object, Terms] | None = chain.resolved.get(Terms)
        if made is None or made[0] != asked:
            terms = terms_of(
                self.options, self.session_options, rules, self.security, peer_text, date, trusted, opening
            )
            made = chain.resolved[Terms] = asked, terms
        return made[1]

    def _for_trusted(self) -> tuple[str, ...]:
        """What is offered to the peer that we see ourselves, not to whom he says he brings; behind a proxy of the PROXY
        protocol there is only the latter."""
        if self._connection.proxied is not None:
            return ()
        own = self._connection.peer_address
        is_himself = own is self.address or own == self.address
        return for_trusted(self.options if is_himself else SessionOptions.resolve(self._chain_of(own)))


def client_of(connection: Connection) -> Client:
    """Who is at the other end of *connection*, or behind the proxy there."""
    client = Client(
        connection.connection_id, connection.peer_address, connection.peer, connection.local, connection.is_unix
    )
    if (said := connection.proxied) is not None:
        client.is_proxied = True
        if said.client is not None and said.local is not None:
            client.claim(*said.client)
            client.local = endpoint_text(*said.local)
    return client
