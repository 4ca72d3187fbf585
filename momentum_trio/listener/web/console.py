"""A console over a WebSocket: the commands, roles and accounting of a Control_Listener, one line at a time."""

from __future__ import annotations

import trio
from msgspec import Raw

from momentum_trio.console.authority import NOT_AUTHORIZED
from momentum_trio.console.command import failure
from momentum_trio.console.dispatch import Dispatch, Output
from momentum_trio.console.dispatch import written as output_of
from momentum_trio.console.workspace import Workspace
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import USER, Operation, Socket
from momentum_trio.listener.web.websocket import WebSocket
from momentum_trio.protocol.console.message import (
    Answer,
    Banner,
    Command,
    Complete,
    Completions,
    Problem,
    Said,
    parse,
    written,
)

IDLE_SECONDS = ControlOptions.timeout.default
MISTAKES_MAX = 10
"""Messages that say nothing, before the connection is closed."""
NORMAL, POLICY_VIOLATION = 1000, 1008
REFUSED = "this Listen does not let you in any more"


async def serve(exchange: Exchange, socket: WebSocket) -> None:
    """Be a console, until the client is silent for as long as a Control_Listener tolerates. Raises: faults of ours."""
    dispatch = exchange.services.console
    assert dispatch is not None
    await ConsoleSession(exchange, socket, dispatch).converse()


class ConsoleSession:
    """One client's. What he has under way (a transaction) ends with it."""

    def __init__(self, exchange: Exchange, socket: WebSocket, dispatch: Dispatch) -> None:
        self._exchange, self._socket, self._dispatch = exchange, socket, dispatch
        self._workspace = Workspace()

    async def converse(self) -> None:
        """From the banner to the end."""
        node = self._dispatch.administration
        banner = Banner(node.product, node.version, node.hostname, self._exchange.user, IDLE_SECONDS)
        mistakes, goes_on = 0, await self._socket.send(written(banner))
        while goes_on and (said := await self._next()) is not None:
            try:
                asked = parse(said)
            except ValueError as wrong:
                mistakes += 1
                goes_on = mistakes <= MISTAKES_MAX and await self._socket.send(written(Problem(str(wrong))))
                continue
            goes_on = self._is_let_in() and await self._socket.send(written(await self._answer(asked)))

    async def _next(self) -> str | bytes | None:
        """What the client says next; None: nothing any more, or nothing in time."""
        with trio.move_on_after(IDLE_SECONDS) as patience:
            return await self._socket.receive()
        if patience.cancelled_caught:
            self._socket.close(NORMAL, f"nothing was said for {IDLE_SECONDS:g} seconds")
        return None

    def _is_let_in(self) -> bool:
        if self._exchange.authority.renew():
            return True
        self._socket.close(POLICY_VIOLATION, REFUSED)
        return False

    async def _answer(self, asked: Said) -> Answer | Completions:
        match asked:
            case Command():
                return await self._run(asked)
            case Complete():
                return await self._complete(asked)

    async def _run(self, asked: Command) -> Answer:
        authority = self._exchange.authority
        is_allowed = await authority.authorize(asked.line)
        call = self._dispatch.call(await authority.operator(), asked.line, asked.form, self._workspace)
        output = await self._dispatch.perform(call) if is_allowed else output_of(failure(NOT_AUTHORIZED), call.form)
        return _answer(asked.id, output, is_json=call.form == "json", confidential=call.confidential)

    async def _complete(self, asked: Complete) -> Completions:
        """Words of commands for everybody; what shows the node only where the line so far is allowed."""
        authority = self._exchange.authority
        may = await authority.may(asked.line)
        operator = await authority.operator()
        found = self._dispatch.completions(operator, asked.line, self._workspace, arguments=may)
        return Completions(asked.id, *found)


def _answer(number: str, output: Output, *, is_json: bool, confidential: bool) -> Answer:
    if is_json:
        return Answer(number, output.failed, confidential, data=Raw(output.text.encode()))
    return Answer(number, output.failed, confidential, text=output.text.encode("utf-8", "replace").decode())


CONSOLE = Socket(
    "/api/v1/console",
    serve,
    USER,
    Operation("A console, over a WebSocket", "Commands as at the control socket; each is judged by the user's roles."),
)
