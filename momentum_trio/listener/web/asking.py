"""What a console command answers, for paths that stand for one: the same words, the same roles, the same account."""

from __future__ import annotations

import re

from momentum_trio.console.authority import NOT_AUTHORIZED
from momentum_trio.console.command import Answer, Operator
from momentum_trio.console.workspace import Workspace
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.response import Response

LINE_CHARACTERS_MAX = 8_000


PATTERN = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
"""Of what may stand in a line."""

_LINE = re.compile(PATTERN)


def is_line(text: str) -> bool:
    """Whether *text* can be said at a console."""
    return len(text) <= LINE_CHARACTERS_MAX and _LINE.fullmatch(text) is not None


async def ask(exchange: Exchange, line: str, workspace: Workspace | None = None) -> Answer | Response:
    """Have the console do *line*, if the user may say it; else the refusal. workspace: of the lines around it.

    Of a request that changes something the acctlog is told. Raises and cancellation: as the command.
    """
    console, connection = exchange.services.console, exchange.connection
    assert console is not None
    if not is_line(line):
        return refusal(422, "No command line", f"It is one line of at most {LINE_CHARACTERS_MAX} characters.")
    judge = exchange.may if exchange.request.is_safe else exchange.authorize
    if not await judge(line):
        return forbidden()
    peer = "" if connection.is_unix else connection.peer
    operator = Operator(exchange.user, str(connection.listen), peer)
    return await console.answer(console.call(operator, line, workspace=workspace))


def forbidden() -> Response:
    """The answer to who may not say what his request stands for."""
    return refusal(403, "Not authorized", f"{NOT_AUTHORIZED}.")


def failed(answer: Answer, status: int = 422) -> Response:
    """The answer where a command did not do what it says."""
    return refusal(status, "Command failed", answer.text)
