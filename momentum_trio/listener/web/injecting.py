"""A request that injects is what a session is in SMTP: one client, one Injector, its limits and its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from momentum_trio.config.chain import Chain
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.injection_terms import injection_terms
from momentum_trio.listener.kind import Generation
from momentum_trio.listener.message_limits import MessageLimits
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.netblock import Address
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.response import Response
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.reception.client import Client
from momentum_trio.reception.door import Door
from momentum_trio.reception.injection import Injector
from momentum_trio.reception.rules import Rules

KEY_CHARACTERS_MAX = 255


def door_of(exchange: Exchange) -> Door:
    """The door by which mail of this request enters. The plane of mail has one, always."""
    assert exchange.services.door is not None
    return exchange.services.door


def _terms(chain: Chain, rules: Rules) -> Terms:
    """Those along *chain*, made once for it; *rules* are of it."""
    known: Terms | None = chain.resolved.get(Injector)
    if known is None:
        known = chain.resolved[Injector] = injection_terms(SessionOptions.resolve(chain), rules)
    return known


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


def _limits(exchange: Exchange) -> MessageLimits:
    client, connection = exchange.client, exchange.connection
    standing = Standing(client, exchange.generation, connection.listen_now(), client.peer_address, exchange.chain)
    return MessageLimits(connection, exchange.services, standing, _in_turn)


async def _in_turn(wait: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """The deadline rests while a request is answered."""
    await wait(*arguments)


def _rules_through(exchange: Exchange) -> Callable[[str], Rules]:
    """The rules of a message that policy has sent through a pathway."""
    connection, client, generation = exchange.connection, exchange.client, exchange.generation

    def rules(pathway: str) -> Rules:
        chain = generation.tree.chain_for(connection.listener, connection.listen_now(), client.peer_address, pathway)
        return door_of(exchange).rules(generation.tree, chain, client, generation.plugins)

    return rules


@asynccontextmanager
async def injecting(exchange: Exchange) -> AsyncIterator[Injector]:
    """What takes the mail of this request, for the time of the block. Cancellation: as that of ``Injector.inject``."""
    door, generation, chain = door_of(exchange), exchange.generation, exchange.chain
    rules = door.rules(generation.tree, chain, exchange.client, generation.plugins)
    limits = _limits(exchange)
    turn = limits.to_message if limits.are_any else None
    injector = Injector(door, exchange.client, rules, _terms(chain, rules), turn, _rules_through(exchange))
    try:
        yield injector
    finally:
        await injector.end()


def key_of(exchange: Exchange) -> str | Response:
    """The Idempotency-Key of the request, empty where it has none; or why it is no good one."""
    key = exchange.request.field("idempotency-key").strip().removeprefix('"').removesuffix('"')
    if len(key) > KEY_CHARACTERS_MAX or not key.isprintable() or not key.isascii():
        why = f"It has at most {KEY_CHARACTERS_MAX} printable characters of ASCII."
        return refusal(400, "Bad key", why, field="idempotency-key")
    return key
