"""A console connection for tools: blocking sockets around the protocol's client; no trio, so that it starts fast."""

from __future__ import annotations

import base64
import errno
import ipaddress
import re
import secrets
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from momentum_trio import __version__
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.frame import (
    Banner,
    Challenge,
    Completions,
    End,
    Farewell,
    Form,
    Part,
    RemoteProtocolError,
    ServerFrames,
    Welcome,
)
from momentum_trio.protocol.sasl.client import best, client_side
from momentum_trio.protocol.sasl.mechanism import ChallengeError

RECEIVE_OCTETS = 256 * 1024
DEFAULT_ENDPOINT = "/tmp/2025"
TLS = "tls://"
_TCP = re.compile(r"(?:\[(?P<v6>[^\[\]@/]+)\]|(?P<host>[^\[\]@/:]*)):(?P<port>[0-9]{1,5})")

E = TypeVar("E")


class Gone(Exception):
    """The server said farewell; the text says why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a console listens, as people write it.

    path: of a Unix socket, else host and port. user: who one wants to be there; empty where nobody is named.
    tls: whether TLS is spoken, with a server that proves to be *host*.
    """

    text: str
    path: str = ""
    host: str = ""
    port: int = 0
    user: str = ""
    tls: bool = False

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """``[user@]/path``, ``[tls://][user@]host:port``, ``[user@][v6]:port``.

        Raises: ValueError saying what was expected.
        """
        tls = text.startswith(TLS)
        user, at, place = text.removeprefix(TLS).rpartition("@")
        if "/" in place and not tls:
            return cls(text, path=place, user=user)
        if (found := _TCP.fullmatch(place)) is None or not 1 <= int(found["port"]) <= 65535 or (at and not user):
            raise ValueError(f"{text!r} is no endpoint: expected /path, address:port, host:port or [v6]:port")
        return cls(text, "", found["v6"] or found["host"] or "127.0.0.1", int(found["port"]), user, tls)

    @staticmethod
    def looks_like_one(word: str) -> bool:
        """Whether *word*, first on a command line, is an endpoint rather than a command."""
        return "/" in word or "@" in word or _TCP.fullmatch(word) is not None

    def connect(self, seconds: float, authorities: str = "") -> socket.socket:
        """A connected socket on which every wait is limited to *seconds*.

        authorities: PEM file of the issuers a server's certificate may be of; empty: those that this system trusts.
        Raises: OSError, also for a server that does not prove who it is.
        """
        if self.tls:
            return self._secured(seconds, authorities)
        if not self.path:
            return socket.create_connection((self.host, self.port), timeout=seconds)
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(seconds)
            connected.connect(self.path)
        except OSError:
            connected.close()
            raise
        return connected

    def _secured(self, seconds: float, authorities: str) -> socket.socket:
        import ssl  # which is slow to load

        context = ssl.create_default_context(cafile=authorities or None)
        plain = socket.create_connection((self.host, self.port), timeout=seconds)
        try:
            return context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


class Link:
    """One connection, opened on construction; ``banner`` is what the server said first.

    Every call may raise OSError (TimeoutError after *seconds* of silence), Gone, or RemoteProtocolError; then the link
    is of no more use.
    """

    def __init__(self, endpoint: Endpoint, seconds: float, authorities: str = "") -> None:
        self._client = Client(f"ec_console {__version__}")
        self._is_private = endpoint.tls
        self._socket = endpoint.connect(seconds, authorities)
        try:
            self.banner = self._await(Banner)
        except BaseException:
            self._socket.close()
            raise

    def authenticate(self, user: str, password: str) -> bool:
        """Prove to be *user*, where ``banner.mechanisms`` demands it. Whether it is believed; if not, try again.

        The password itself is sent to loopback and in TLS alone. Raises: ValueError when it cannot be sent; Gone as
        well when no mechanism serves, or the server does not prove that it knows the password.
        """
        mechanism = best(self.banner.mechanisms, in_clear=self._is_unseen())
        if not mechanism:
            raise Gone(f"it offers {', '.join(self.banner.mechanisms)}, and the password is not sent in clear")
        side = client_side(mechanism, user, password, f"console/{self.banner.node}", secrets.token_urlsafe())
        self._client.authenticate("", mechanism)
        try:
            while isinstance(event := self._next(), Challenge):
                response = side.answer(base64.b64decode(event.challenge))
                self._client.authenticate(base64.b64encode(response).decode())
            if isinstance(event, Welcome) and not side.proved:
                raise ChallengeError("the server does not prove that it knows the password")
        except ChallengeError as error:
            raise Gone(str(error)) from None
        return isinstance(event, Welcome)

    def command(self, line: str, form: Form, write: Callable[[str], object]) -> End:
        """Run *line*; hand the reply to *write* as it comes. Raises ValueError when the line cannot be sent."""
        self._client.command(line, form)
        while True:
            match event := self._next():
                case Part():
                    write(event.text)
                case End():
                    return event

    def complete(self, line: str) -> Completions:
        """What could follow *line*. Raises ValueError when the line cannot be sent."""
        self._client.complete(line)
        return self._await(Completions)

    def alive(self) -> bool:
        """Whether it is open and the server has said nothing since, such as farewell."""
        return self._socket.fileno() >= 0 and not select.select([self._socket], [], [], 0)[0]

    def close(self) -> None:
        """Say goodbye and close; never fails."""
        self._client.bye()
        try:
            self._flush()
        except OSError:
            pass
        self._socket.close()

    def _is_unseen(self) -> bool:
        """Whether nobody on a network sees what is sent."""
        if self._is_private or self._socket.family == socket.AF_UNIX:
            return True
        return ipaddress.ip_address(self._socket.getpeername()[0].partition("%")[0]).is_loopback

    def _await(self, kind: type[E]) -> E:
        event = self._next()
        assert isinstance(event, kind), event  # the client's table lets nothing else through
        return event

    def _next(self) -> ServerFrames:
        self._flush()
        while (event := self._client.next_event()) is None:
            self._client.receive(self._receive())
        self._flush()
        if isinstance(event, Farewell):
            raise Gone(event.why)
        return event

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(RECEIVE_OCTETS)
        except TimeoutError:
            raise TimeoutError(f"the server said nothing for {self._socket.gettimeout():g} seconds") from None

    def _flush(self) -> None:
        if octets := self._client.octets_to_send():
            try:
                self._socket.sendall(octets)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it closed; what it said before, its farewell, is still to be read


def reason(error: Exception, endpoint: Endpoint) -> str:
    """Why there was no answer, and what to do about it where that can be told."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    number = error.errno if isinstance(error, OSError) else None
    if endpoint.path and number == errno.ENOENT:
        return f"{said}: is the host running, and does its Control_Listener listen there?"
    if number == errno.ECONNREFUSED:
        return f"{said}: nobody listens there; is the host running?"
    if endpoint.path and number == errno.EACCES:
        return f"{said}: File_Mode of the Listen decides who may connect"
    return said


__all__ = ["DEFAULT_ENDPOINT", "Endpoint", "Gone", "Link", "RemoteProtocolError", "reason"]
