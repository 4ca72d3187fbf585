"""The octets of one connection, for the form that runs on trio: a socket, or TLS above one."""

from __future__ import annotations

from ipaddress import ip_address

import trio

from momentum_trio.client.connection import is_here
from momentum_trio.client.terms import Terms, Tls
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.contract import Tls as TlsContexts
from momentum_trio.machine.os_tls import HandshakeFault
from momentum_trio.net.certificate_name import is_named
from momentum_trio.protocol.ecstream.frame import Octets
from momentum_trio.protocol.ecstream.opening import NotAdmitted


class Link:
    """One connected stream. unseen: nobody on a network reads what goes over it."""

    def __init__(self, stream: trio.SocketStream, secured: trio.SSLStream[trio.SocketStream] | None) -> None:
        self._stream, self._secured = stream, secured
        self.unseen = secured is not None or is_here(stream.socket.getpeername())

    async def receive_into(self, room: memoryview) -> int:
        """Octets that came, in *room*; how many, 0 at the end and where the connection is broken."""
        try:
            if self._secured is None:
                return await self._stream.socket.recv_into(room)
            octets = await self._secured.receive_some(len(room))
        except (OSError, trio.BrokenResourceError):
            return 0
        room[: len(octets)] = octets
        return len(octets)

    async def send(self, octets: Octets) -> bool:
        """Send all of *octets*; False where the connection takes no more: what is to be heard says why."""
        try:
            await (self._secured or self._stream).send_all(octets)
        except (OSError, trio.BrokenResourceError):
            return False
        return True

    def close(self) -> None:
        """Close the socket; a second time is nothing."""
        self._stream.socket.close()


async def connected(host: str, port: int, terms: Terms, contexts: TlsContexts | None) -> Link:
    """A connection to *host*, a name, an address, or the path of a Unix socket.

    Raises: OSError where there is none, or no TLS; NotAdmitted where the server does not prove who it is.
    Cancellation: there is no connection.
    """
    if host.startswith("/"):
        stream = await trio.open_unix_socket(host)
    else:
        stream = await trio.open_tcp_stream(host, port)
    try:
        return Link(stream, None if terms.tls is None else await _secured(stream, host, terms.tls, contexts))
    except BaseException:
        stream.socket.close()
        raise


async def _secured(
    stream: trio.SocketStream, host: str, tls: Tls, contexts: TlsContexts | None
) -> trio.SSLStream[trio.SocketStream]:
    assert contexts is not None
    name = tls.server_name or host
    try:
        context = await contexts.client_context(
            ClientTlsTerms(tls.verified, tls.authorities, tls.certificate, tls.key, protocols="+ALL:-TLSv1:-TLSv1.1")
        )
    except (OSError, ValueError) as fault:
        raise NotAdmitted(f"TLS: {fault}", final=True) from fault
    shown = None if _is_address(name) or "/" in name else name
    secured = trio.SSLStream(stream, context, server_hostname=shown, https_compatible=True)
    try:
        await secured.do_handshake()
    except trio.BrokenResourceError as broken:
        wrong = HandshakeFault.of(broken)
        if wrong.untrusted:
            raise NotAdmitted(f"the server's certificate does not do: {wrong.text}", final=True) from broken
        raise ConnectionError(f"no TLS with the server: {wrong.text or 'the connection ended'}") from broken
    if tls.verified and not is_named(secured.getpeercert() or {}, (name,)):
        raise NotAdmitted(f"the server's certificate is not in the name {name}", final=True)
    return secured


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
