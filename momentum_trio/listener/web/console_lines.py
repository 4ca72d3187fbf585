"""``POST /api/v1/console``: console commands, one after the other in one session of their own."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from momentum_trio.console.authority import NOT_AUTHORIZED
from momentum_trio.console.command import failure
from momentum_trio.console.workspace import Workspace
from momentum_trio.listener.web.asking import LINE_CHARACTERS_MAX, PATTERN, ask, is_line
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import USER, Operation, Route
from momentum_trio.protocol.http.response import Response, of_json
from momentum_trio.protocol.injection.flaw import Flaw, Flaws, read

COMMANDS_MAX = 100
REQUEST_OCTETS_MAX = 1024 * 1024


PRINTABLE = Meta(max_length=LINE_CHARACTERS_MAX, extra_json_schema={"pattern": PATTERN})


class Lines(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Command lines, as a console takes them. None is done after one that failed.

    They share one transaction: ``config begin``, changes and ``config commit`` stand in one request.
    """

    commands: Annotated[list[Annotated[str, PRINTABLE]], Meta(min_length=1, max_length=COMMANDS_MAX)]


class Said(msgspec.Struct, frozen=True):
    """What one of them answered. text: as a console shows it. data: the same as values."""

    text: str
    data: Any
    failed: bool


class AllSaid(msgspec.Struct, frozen=True):
    """The answers, in the order of the commands, up to one that failed."""

    results: list[Said]


async def post(exchange: Exchange) -> Response:
    """Do them."""
    octets = await exchange.body.whole(REQUEST_OCTETS_MAX)
    lines = read(octets, Lines)
    if not all(map(is_line, lines.commands)):
        raise Flaws(Flaw("commands", "a line end or a control stands in one"))
    workspace, results = Workspace(), list[Said]()
    for line in lines.commands:
        answer = await ask(exchange, line, workspace)
        if isinstance(answer, Response):
            if not results:
                return answer
            answer = failure(NOT_AUTHORIZED)
        results.append(Said(answer.text, answer.data, answer.failed))
        if answer.failed:
            break
    return of_json(AllSaid(results))


CONSOLE = Route(
    "POST",
    "/api/v1/console",
    post,
    USER,
    Operation(
        "Do console commands",
        "Each has to be one that a role of the user allows, as at a console. A transaction that is not committed in the"
        " request is dropped.",
        takes=Lines,
        gives={200: AllSaid},
    ),
)
