"""One small request by HTTP/1.1, over TLS or in clear. No redirects, no cookies, no second request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h11
import trio

from momentum_trio.machine.contract import TlsContext
from momentum_trio.net.certificate_name import is_named

HEAD_OCTETS_MAX = 16_384
RECEIVE_OCTETS = 8_192


class RequestFault(Exception):
    """No answer came that is one; the text says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """Who is asked. host: as the certificate, and the Host field, name him.

    addresses: of *host*, tried one after the other until one lets us connect. context: judges issuers; the name is
    judged here; None: in clear.
    """

    host: str
    port: int
    addresses: Sequence[str]
    context: TlsContext | None

    @property
    def authority(self) -> str:
        """What the Host field says (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (80 if self.context is None else 443) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. headers: beside those that every request has."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer. headers: by lower-case name. is_whole: whether *body* is all of it, or its beginning."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes
    is_whole: bool


async def exchange(server: Server, request: Request, *, octets_max: int, seconds: float) -> Response:
    """The answer to *request*, with the first *octets_max* of its body at most. seconds: for all of it.

    Raises: RequestFault for everything that the world does. Cancellation: the server may have acted on the request.
    """
    try:
        with trio.fail_after(seconds):
            stream = await _connected(server)
            try:
                return await _exchange(stream, server, request, octets_max)
            finally:
                await trio.aclose_forcefully(stream)
    except trio.TooSlowError:
        raise RequestFault("timed out") from None
    except h11.RemoteProtocolError as fault:
        raise RequestFault(str(fault)) from None
    except (trio.BrokenResourceError, OSError) as fault:
        raise RequestFault(str(fault.__cause__ or fault)) from None


Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


async def _connected(server: Server) -> Stream:
    for address in server.addresses:
        family = trio.socket.AF_INET6 if ":" in address else trio.socket.AF_INET
        socket = trio.socket.socket(family, trio.socket.SOCK_STREAM)
        try:
            await socket.connect((address, server.port))
            return await _shaken(trio.SocketStream(socket), server)
        except (OSError, trio.BrokenResourceError):
            socket.close()
            if address == server.addresses[-1]:
                raise
        except BaseException:
            socket.close()
            raise
    raise RequestFault("no address")


async def _shaken(below: trio.SocketStream, server: Server) -> Stream:
    """*below* itself, or TLS over it with the right one."""
    if server.context is None:
        return below
    stream = trio.SSLStream(below, server.context, server_hostname=server.host, https_compatible=True)
    await stream.do_handshake()
    if not is_named(stream.getpeercert() or {}, (server.host,)):
        raise RequestFault("the certificate is not in that name")
    return stream


async def _exchange(stream: Stream, server: Server, request: Request, octets_max: int) -> Response:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_OCTETS_MAX)
    await stream.send_all(_octets(connection, server, request))
    answered: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(RECEIVE_OCTETS)))
        elif isinstance(event, h11.Response):
            answered = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > octets_max:
                break
        elif isinstance(event, h11.EndOfMessage):
            break
        elif not isinstance(event, h11.InformationalResponse):
            raise RequestFault("no response")
    assert answered is not None  # h11 has no body without one
    return Response(answered.status_code, dict(answered.headers), bytes(body[:octets_max]), len(body) <= octets_max)


def _octets(connection: h11.Connection, server: Server, request: Request) -> bytes:
    headers = [("Host", server.authority), ("Connection", "close"), *request.headers]
    if request.body:
        headers.append(("Content-Length", str(len(request.body))))
    parts = (
        connection.send(h11.Request(method=request.method, target=request.target, headers=headers)),
        connection.send(h11.Data(data=request.body)) if request.body else b"",
        connection.send(h11.EndOfMessage()),
    )
    return b"".join(part for part in parts if part)
