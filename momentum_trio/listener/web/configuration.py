"""``GET /api/v1/config/...``: one option as it is set, as it holds, and why; in the words of the console's commands."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from momentum_trio.listener.web.asking import PATTERN, ask, failed
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.flawed import queried
from momentum_trio.listener.web.route import USER, Operation, Route
from momentum_trio.protocol.http.response import Response, of_json

WORDS_CHARACTERS_MAX = 2_000


class Words(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What follows the words of the command: ``esmtp_listener listen :25 Idle_Time``."""

    words: Annotated[str, Meta(min_length=1, max_length=WORDS_CHARACTERS_MAX, extra_json_schema={"pattern": PATTERN})]


class Told(msgspec.Struct, frozen=True):
    """The answer. text: as a console shows it; results: the same as values."""

    text: str
    results: Any


async def _get(command: str, exchange: Exchange) -> Response:
    words = queried(exchange, Words).words
    answer = await ask(exchange, f"{command} {words}")
    if isinstance(answer, Response):
        return answer
    if answer.failed and isinstance(answer.data, dict) and "error" in answer.data:
        return failed(answer, 404)
    return of_json(Told(answer.text, answer.data))


def _route(word: str, summary: str, description: str) -> Route:
    operation = Operation(summary, description, gives={200: Told}, query=Words)
    return Route("GET", f"/api/v1/config/{word}", partial(_get, f"config {word}"), USER, operation)


GET = _route("get", "What an option is set to in one scope", "As the console's 'config get'.")
EVAL = _route("eval", "The value of an option that holds in a scope", "As the console's 'config eval'.")
EXPLAIN = _route(
    "explain", "Why a peer's session, or mail to a domain, goes as it goes", "As the console's 'config explain'."
)
