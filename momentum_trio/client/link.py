"""The octets of one connection, for the form that runs on trio: a socket, or TLS above one."""

from __future__ import annotations

from ipaddress import ip_address

import trio

from momentum_trio.client.connection import is_here
from momentum_trio.client.terms import Terms, Tls
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.os_tls import HandshakeFault
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.net.certificate_name import is_named
from momentum_trio.protocol.ecstream.frame import Octets
from momentum_trio.protocol.ecstream.opening import NotAdmitted

PROTOCOLS = "+ALL:-TLSv1:-TLSv1.1"


class Link:
    """One connected stream. unseen: nobody on a network reads what goes over it."""

    def __init__(self, stream: trio.SocketStream, secured: TlsWire | None) -> None:
        self._stream, self._secured = stream, secured
        self.unseen = secured is not None or is_here(stream.socket.getpeername())

    async def receive_into(self, room: memoryview) -> int:
        """Octets that came, in *room*; how many, 0 at the end and where the connection is broken."""
        try:
            if self._secured is None:
                return await self._stream.socket.recv_into(room)
            octets = await self._secured.recv(len(room))
        except OSError:
            return 0
        room[: len(octets)] = octets
        return len(octets)

    async def send(self, octets: Octets) -> bool:
        """Send all of *octets*; False where the connection takes no more: what is to be heard says why."""
        try:
            if self._secured is None:
                await self._stream.send_all(octets)
            else:
                await _send_all(self._secured, memoryview(octets))
        except (OSError, trio.BrokenResourceError):
            return False
        return True

    def close(self) -> None:
        """Close the socket; a second time is nothing."""
        self._stream.socket.close()


async def _send_all(wire: TlsWire, rest: memoryview) -> None:
    while rest:
        rest = rest[await wire.send(rest) :]


async def connected(host: str, port: int, terms: Terms, machine: Machine) -> Link:
    """A connection to *host*, a name, an address, or the path of a Unix socket.

    Raises: OSError where there is none, or no TLS; NotAdmitted where the server does not prove who it is.
    Cancellation: there is no connection.
    """
    if host.startswith("/"):
        stream = await trio.open_unix_socket(host)
    else:
        stream = await trio.open_tcp_stream(host, port)
    try:
        return Link(stream, None if terms.tls is None else await _secured(stream, host, terms.tls, machine))
    except BaseException:
        stream.socket.close()
        raise


async def _secured(stream: trio.SocketStream, host: str, tls: Tls, machine: Machine) -> TlsWire:
    assert machine.tls is not None
    try:
        context = await machine.tls.client_context(
            ClientTlsTerms(tls.verified, tls.authorities, tls.certificate, tls.key, protocols=PROTOCOLS)
        )
    except (OSError, ValueError) as fault:
        raise NotAdmitted(f"TLS: {fault}", final=True) from fault
    name = tls.server_name or host
    wire = TlsWire(machine.wire(stream.socket), context, server_name=None if _is_no_name(name) else name)
    try:
        await wire.shake()
    except OSError as broken:
        wrong = HandshakeFault.of(broken)
        if wrong.untrusted:
            raise NotAdmitted(f"the server's certificate does not do: {wrong.text}", final=True) from broken
        raise ConnectionError(f"no TLS with the server: {wrong.text or 'the connection ended'}") from broken
    if tls.verified and not is_named(wire.tls.getpeercert() or {}, (name,)):
        raise NotAdmitted(f"the server's certificate is not in the name {name}", final=True)
    return wire


def _is_no_name(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return text.startswith("/")
    return True
