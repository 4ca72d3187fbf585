"""A request that injects is what a session is in SMTP: one client, one Injector, its limits and its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.injection_terms import injection_terms
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.response import Response
from momentum_trio.reception.door import Door
from momentum_trio.reception.injection import Injector

KEY_CHARACTERS_MAX = 255


def door_of(exchange: Exchange) -> Door:
    """The one door for mail."""
    assert exchange.services.door is not None
    return exchange.services.door


@asynccontextmanager
async def injecting(exchange: Exchange) -> AsyncIterator[Injector]:
    """What takes the mail of this request, for the time of the block. Cancellation: as that of ``Injector.inject``."""
    door, generation, chain = door_of(exchange), exchange.generation, exchange.chain
    rules = door.rules(generation.tree, chain, exchange.client, generation.plugins)
    injector = Injector(door, exchange.client, rules, injection_terms(SessionOptions.resolve(chain), rules))
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
