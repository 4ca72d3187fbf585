"""The octets of one connection, for the form without trio: a socket, or TLS above one, that never blocks by itself."""

from __future__ import annotations

import select
import socket
import ssl
from typing import Final

from momentum_trio.client.connection import is_here
from momentum_trio.client.terms import Terms, Tls
from momentum_trio.protocol.ecstream.frame import Octets
from momentum_trio.protocol.ecstream.opening import NotAdmitted

_LATER: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class BlockingLink:
    """One connected stream. unseen: nobody on a network reads what goes over it."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._poll = select.poll()
        self.unseen = isinstance(connected, ssl.SSLSocket) or is_here(connected.getpeername())
        connected.setblocking(False)

    def receive_into(self, room: memoryview) -> int | None:
        """Octets that came, in *room*; how many, 0 at the end and where the connection is broken, None for none yet."""
        try:
            return self._socket.recv_into(room)
        except _LATER:
            return None
        except OSError:
            return 0

    def send(self, octets: Octets) -> int:
        """Send the first of *octets*; how many, 0 where it takes none now. Raises OSError."""
        try:
            return self._socket.send(octets)
        except _LATER:
            return 0

    def wait(self, seconds: float, *, writing: bool) -> None:
        """Wait until something may be done; at most so long."""
        self._poll.register(self._socket, select.POLLIN | (select.POLLOUT if writing else 0))
        self._poll.poll(max(0.0, seconds) * 1000.0)

    def close(self) -> None:
        """Close the socket; a second time is nothing."""
        self._socket.close()


def connected(host: str, port: int, terms: Terms) -> BlockingLink:
    """A connection to *host*, a name, an address, or the path of a Unix socket.

    Raises: OSError where there is none, or no TLS; NotAdmitted where the server does not prove who it is.
    """
    plain = _plain(host, port, terms.connect_seconds)
    try:
        return BlockingLink(plain if terms.tls is None else _secured(plain, host, terms.tls))
    except BaseException:
        plain.close()
        raise


def _plain(host: str, port: int, seconds: float) -> socket.socket:
    if not host.startswith("/"):
        plain = socket.create_connection((host, port), seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain
    plain = socket.socket(socket.AF_UNIX)
    try:
        plain.settimeout(seconds)
        plain.connect(host)
    except OSError:
        plain.close()
        raise
    return plain


def _secured(plain: socket.socket, host: str, tls: Tls) -> ssl.SSLSocket:
    try:
        context = ssl.create_default_context(cafile=tls.authorities or None)
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key or None, password=str)  # else OpenSSL would ask a tty
    except (OSError, ValueError) as fault:
        raise NotAdmitted(f"TLS: {fault}", final=True) from fault
    if not tls.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    name = tls.server_name or host
    try:
        return context.wrap_socket(plain, server_hostname=None if name.startswith("/") else name)
    except ssl.SSLCertVerificationError as fault:
        raise NotAdmitted(f"the server's certificate does not do: {fault.verify_message}", final=True) from fault
