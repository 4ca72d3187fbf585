"""What holds for the client of one ECStream connection, and what he was told of it."""

from __future__ import annotations

import math

from momentum_trio.config.authentication_options import SmtpAuthenticationOptions
from momentum_trio.config.back_end import BackEnd
from momentum_trio.config.chain import Chain
from momentum_trio.listener.ecstream_options import EcstreamOptions
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.esmtp_security import Security, is_near, is_proved_still, mechanisms_of
from momentum_trio.listener.esmtp_standing import client_of
from momentum_trio.listener.injection_terms import injection_terms
from momentum_trio.listener.kind import Connection
from momentum_trio.listener.tls_options import ListenerTlsOptions
from momentum_trio.listener.tls_terms import tls_terms
from momentum_trio.net.netblock import Address
from momentum_trio.net.tls_terms import TlsTerms
from momentum_trio.protocol.ecstream.batch import MESSAGES_MAX
from momentum_trio.protocol.ecstream.frame import HEADER, NUMBER_MAX
from momentum_trio.protocol.ecstream.server import Terms as Offer
from momentum_trio.reception.door import Door
from momentum_trio.reception.rules import Rules

PROTOCOL = "ecstream"
NEAR = "ECStream: the client is on this host, and may send anywhere"
BATCHES = 64
"""Batches of one connection without results."""
CONTENT_OCTETS_MAX = 64 * 1024 * 1024
"""Of one content, where Max_Message_Size does not say it."""


class Standing:
    """The options of one client, by the newest generation that may hold for him: another one is looked at between two
    batches. Who is let in is who may send anywhere.

    listen: whose options hold; None: it is gone, and none took its place. address: the client's. session_options: those
    that mail by SMTP has, too. rules, terms: how his mail is judged. offer: what WELCOME says. proved_by: the mechanism
    by which he has proved who he is, and what that was judged by. is_stale: something that he was told or let in by
    holds no more.
    """

    __slots__ = (
        "_connection",
        "_door",
        "_told",
        "address",
        "client",
        "generation",
        "is_stale",
        "listen",
        "offer",
        "options",
        "proved_by",
        "rules",
        "secured_by",
        "security",
        "session_options",
        "terms",
    )

    options: EcstreamOptions
    security: Security
    session_options: SessionOptions
    rules: Rules
    offer: Offer
    _told: Offer

    def __init__(self, connection: Connection, door: Door) -> None:
        self._connection, self._door = connection, door
        self.generation, self.listen = connection.generations.current, connection.listen_now()
        client = self.client = client_of(connection)
        client.protocol = PROTOCOL
        self.address: Address = client.peer_address
        self.proved_by: tuple[str, BackEnd] | None = None
        self.secured_by: TlsTerms | None = None
        self.judge_anew()
        self.tell()
        self.is_stale = self.listen is None

    @property
    def is_let_in(self) -> bool:
        """Whether he may send mail now."""
        return self.rules.client_may_relay

    @property
    def is_of_the_past(self) -> bool:
        """Whether there is a newer generation."""
        return self._connection.generations.current is not self.generation

    @property
    def silence_seconds(self) -> float:
        """How long the client may be silent."""
        return self.options.idle_time or math.inf

    def chain(self) -> Chain:
        """Who answers for the client's options."""
        return self._chain_through(self.client.pathway)

    def _chain_through(self, pathway: str | None) -> Chain:
        return self.generation.tree.chain_for(self._connection.listener, self.listen, self.address, pathway)

    def rules_through(self, pathway: str) -> Rules:
        """The rules of a message that policy has sent through *pathway*."""
        generation = self.generation
        return self._door.rules(generation.tree, self._chain_through(pathway), self.client, generation.plugins)

    def judge_anew(self) -> None:
        """What the client may and is offered, by what is known of him now."""
        chain, client = self.chain(), self.client
        self.options = EcstreamOptions.resolve(chain)
        self.session_options = SessionOptions.resolve(chain)
        authentication = SmtpAuthenticationOptions.resolve(chain)
        client.own_right = NEAR if is_near(client) and not authentication.enable_authentication else ""
        self.rules = self._door.rules(self.generation.tree, chain, client, self.generation.plugins)
        at_once, in_tls = ListenerTlsOptions.resolve(chain).use_ssl, client.tls is not None
        self.security = Security(
            tls_terms(chain) if at_once else None,
            at_once,
            in_tls,
            mechanisms_of(chain),
            is_unseen=in_tls or authentication.in_clear or is_near(client),
        )
        self.terms = injection_terms(self.session_options, self.rules)
        self.offer = self._offer()

    def tell(self) -> Offer:
        """The offer, which the client will be told."""
        self._told = self.offer._replace(authenticated_only=False)
        return self.offer

    def renew(self) -> None:
        """Let the newest generation hold. If it has no Listen that would take this client, or not the pathway that
        policy has sent him through, the options that held stay, but he is stale."""
        self.generation, self.listen = self._connection.generations.current, self._connection.listen_now()
        pathway = self.client.pathway
        is_lost = self.listen is None or (pathway is not None and pathway not in self.generation.tree.pathways())
        if not is_lost:
            self.judge_anew()
        self.is_stale = (
            is_lost
            or not self.is_let_in
            or self.offer._replace(authenticated_only=False) != self._told
            or (self.secured_by is not None and self.secured_by != self.security.tls)
            or not is_proved_still(self.proved_by, self.client.identity, self.security, self.chain())
        )

    def _offer(self) -> Offer:
        options = self.options
        return Offer(
            frame_octets=min(options.frame_octets_max, options.window_octets - HEADER.size),
            window_octets=options.window_octets,
            batch_messages=min(options.batch_messages_max, MESSAGES_MAX),
            batches=BATCHES,
            content_octets=min(self.terms.message_octets_max or CONTENT_OCTETS_MAX, NUMBER_MAX),
            idle_seconds=int(min(options.idle_time, NUMBER_MAX)),
            key_seconds=self._door.spool.terms.key_seconds,
            mechanisms=tuple(name.encode() for name in self.security.mechanisms),
            name=self.rules.hostname.encode()[:255],
            authenticated_only=not self.is_let_in,
        )
