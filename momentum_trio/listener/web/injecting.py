"""What a request needs to inject: the door, its Injector, its key."""

from __future__ import annotations

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.response import Response
from momentum_trio.reception.door import Door
from momentum_trio.reception.injection import Injector

KEY_CHARACTERS_MAX = 255


def door_of(exchange: Exchange) -> Door:
    """The door by which mail of this request enters. The plane of mail has one, always."""
    assert exchange.services.door is not None
    return exchange.services.door


def injecting(exchange: Exchange) -> Injector:
    """What takes the mail of this request, in ``async with``."""
    return exchange.injectors.of(exchange.generation, exchange.chain)


def key_of(exchange: Exchange) -> str | Response:
    """The Idempotency-Key of the request, empty where it has none; or why it is no good one."""
    said = exchange.request.field("idempotency-key")
    if not said:  # as most have none
        return ""
    key = said.strip().removeprefix('"').removesuffix('"')
    if len(key) > KEY_CHARACTERS_MAX or not key.isprintable() or not key.isascii():
        why = f"It has at most {KEY_CHARACTERS_MAX} printable characters of ASCII."
        return refusal(400, "Bad key", why, field="idempotency-key")
    return key
