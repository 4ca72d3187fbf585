"""``/api/v1/messages/{id}``: one message in custody. Its id, ``00/00-00001-C6DD1CA4``, is two segments of the path."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from momentum_trio.listener.web.asking import ask, failed
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.flawed import queried
from momentum_trio.listener.web.route import USER, Operation, Route
from momentum_trio.mail.identifier import FORM
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.response import Response, of_json

NAME = {"counter": r"^[0-9A-F]{2}$", "rest": r"^[0-9A-F]{2}-[0-9]{5}-[0-9A-F]{8}$"}
PATH = "/api/v1/messages/{counter}/{rest}"


class Part(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is shown. part: ``full``: its content, too, up to a megabyte."""

    part: Literal["envelope", "full"] = "envelope"


class Withdrawal(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How it is given up. quiet: its sender is not told."""

    quiet: bool = False


class Message(msgspec.Struct, frozen=True):
    """What is known of it, by name."""

    results: dict[str, Any]


async def get(exchange: Exchange) -> Response:
    """As the console's ``message details``."""
    part = queried(exchange, Part).part
    return await _asked(exchange, "message details full" if part == "full" else "message details")


async def delete(exchange: Exchange) -> Response:
    """As the console's ``message fail``."""
    quiet = queried(exchange, Withdrawal).quiet
    return await _asked(exchange, "message fail quiet" if quiet else "message fail")


async def _asked(exchange: Exchange, command: str) -> Response:
    message_id = "{counter}/{rest}".format_map(exchange.parameters)
    if FORM.fullmatch(message_id) is None:
        return refusal(404, "Not found", "An id has the form 00/00-00001-C6DD1CA4.")
    answer = await ask(exchange, f"{command} {message_id}")
    if isinstance(answer, Response):
        return answer
    return failed(answer, 404) if answer.failed else of_json({"results": answer.data})


MESSAGE = Route(
    "GET",
    PATH,
    get,
    USER,
    Operation(
        "One message",
        "As the console's 'message details': only what waits is known.",
        gives={200: Message},
        query=Part,
        path=NAME,
    ),
)
WITHDRAWAL = Route(
    "DELETE",
    PATH,
    delete,
    USER,
    Operation(
        "Give a message up",
        "As the console's 'message fail': also one that is to be sent later. What is being delivered is not.",
        gives={200: Message},
        query=Withdrawal,
        path=NAME,
    ),
)
