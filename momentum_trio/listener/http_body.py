"""The body of a request, read from the line while it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator

from momentum_trio.listener.http_line import Line
from momentum_trio.protocol.http.refusal import RemoteProtocolError, refusal
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Response
from momentum_trio.protocol.http.server import Broken, Ended, Part, Server


class NoBody:
    """As ``web.exchange.Body``, of a request that has none."""

    async def whole(self, octets_max: int) -> bytes:
        """As Body's."""
        return b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """As Body's."""
        for _ in range(0):
            yield b""


NO_BODY = NoBody()


class LineBody:
    """As ``web.exchange.Body``. Where the client waits to be told to go on, he is told when he is first listened to."""

    __slots__ = ("_is_over", "_line", "_request", "_server")

    def __init__(self, request: Request, server: Server, line: Line) -> None:
        self._request, self._server, self._line = request, server, line
        self._is_over = False

    async def whole(self, octets_max: int) -> bytes:
        """As Body's."""
        declared = self._request.body_octets
        if declared is not None and declared > octets_max:
            raise RemoteProtocolError(_too_large(octets_max))
        if (rest := self._server.rest_of_body()) is not None:  # as mostly
            self._is_over = True
            return rest
        parts: list[bytes] = []
        octets = 0
        while (part := await self._next()) is not None:
            octets += len(part)
            if octets > octets_max:
                raise RemoteProtocolError(_too_large(octets_max))
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """As Body's."""
        while (part := await self._next()) is not None:
            yield part

    async def _next(self) -> bytes | None:
        server, line = self._server, self._line
        while not self._is_over:
            match server.next_event():
                case Part(octets):
                    return octets
                case Ended():
                    self._is_over = True
                case Broken(refused):
                    raise RemoteProtocolError(refused)
                case None:
                    server.go_on()
                    await line.send()
                    await line.receive_body()
                case event:
                    raise AssertionError(event)
        return None


def _too_large(octets_max: int) -> Response:
    why = f"The body has more than {octets_max} octets, which is all that is taken here."
    return refusal(413, "Content too large", why, closes=True)
