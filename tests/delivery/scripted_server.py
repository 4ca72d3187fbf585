"""An SMTP server on a simulated host that does what a test says at each stage, and remembers what it was told."""

from __future__ import annotations

import math
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Wire
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.net.tls_terms import TlsTerms

STAGES = ("banner", "EHLO", "MAIL", "RCPT", "DATA", "BODY", "QUIT")
"""What an attempt waits for, in order; to the lone EHLO also belongs HELO."""

USUAL = {
    "banner": "220 sink.example ESMTP",
    "EHLO": "250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME",
    "HELO": "250 sink.example",
    "MAIL": "250 2.1.0 sender",
    "RCPT": "250 2.1.5 recipient",
    "DATA": "354 go",
    "BODY": "250 2.0.0 taken",
    "(out of order)": "503 5.5.1 out of order",
    "STAR": "220 go ahead",
    "XCLI": "220 sink.example ESMTP",
    "AUTH": "235 2.7.0 welcome",
    "RSET": "250 2.0.0 reset",
    "QUIT": "221 2.0.0 bye",
}
SILENCE, CLOSE, RESET, DEAF = "(silence)", "(close)", "(reset)", "(deaf)"
"""Instead of a reply: none; the end; the end with a RST; or, for DATA, 354 and no more octets read."""

LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass
class Taken:
    """One message that was answered with success, or would have been: the reply may have been withheld."""

    reverse_path: str
    forward_paths: list[str]
    content: bytes


@dataclass
class Session:
    """One connection, and what goes over it now."""

    socket: trio.socket.SocketType
    wire: Wire


@dataclass
class ScriptedServer:
    """answers: by verb, or by whole line, what is said instead of the usual. lines: all commands of all connections.

    lmtp: it speaks LMTP, and answers to a content for each recipient: ``BODY carol@d`` is one of them.
    transactions_max: after so many contents a connection ends with 421, a second later. tls: after STARTTLS it shakes
    hands with this; without, it says something else.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    lmtp: bool = False
    tls: TlsTerms | None = None
    transactions_max: int = 1_000_000
    lines: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    cut_short: list[bytes] = field(default_factory=list)
    connections: int = 0
    peers: list[str] = field(default_factory=list)
    context: ssl.SSLContext | None = None
    secured: int = 0

    async def serve(self, machine: Machine, port: int = 25, family: int = trio.socket.AF_INET) -> None:
        """Accept without end."""
        if self.tls is not None:
            assert machine.tls is not None
            self.context = await machine.tls.server_context(self.tls)
        with trio.socket.socket(family) as listener:
            if family == trio.socket.AF_INET6:
                listener.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 1)
            await listener.bind(("0.0.0.0" if family == trio.socket.AF_INET else "::", port))
            listener.listen(20)
            await self._accept(listener)

    async def _accept(self, listener: trio.socket.SocketType) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                connection, peer = await listener.accept()
                self.connections += 1
                self.peers.append(str(peer[0]) if peer else "")
                nursery.start_soon(self._session, connection)

    async def serve_unix(self, machine: Machine, path: str) -> None:
        """The same on a Unix socket."""
        with trio.socket.socket(trio.socket.AF_UNIX) as listener:
            await listener.bind(path)
            listener.listen(20)
            await self._accept(listener)

    async def _session(self, socket: trio.socket.SocketType) -> None:
        with socket:
            try:
                await self._converse(Session(socket, socket))
            except (OSError, EOFError):
                return

    async def _converse(self, session: Session) -> None:
        held = bytearray()

        async def more() -> None:
            octets = await session.wire.recv(65536)
            if not octets:
                raise EOFError
            held.extend(octets)

        await self._answer(session, "banner", "banner")
        transaction: Taken | None = None
        contents = 0
        while True:
            if contents >= self.transactions_max:
                await trio.sleep(1)
                await session.wire.send(memoryview(b"421 4.4.2 enough\r\n"))
                return
            while (end := held.find(b"\r\n")) < 0:
                await more()
            line = held[:end].decode()
            del held[: end + 2]
            self.lines.append(line)
            verb = "EHLO" if line.startswith("LHLO") and self.lmtp else line[:4]
            if verb == "BDAT":
                assert transaction is not None
                octets, last = line.split()[1:]
                assert last == "LAST"
                while len(held) < int(octets):
                    self.cut_short[:] = [bytes(held)]
                    await more()
                transaction.content = bytes(held[: int(octets)])
                del held[: int(octets)]
                await self._take(session, transaction)
                contents += 1
                continue
            if (verb == "RCPT" and transaction is None) or (
                verb == "DATA" and not (transaction and transaction.forward_paths)
            ):
                verb = line = "(out of order)"
            answer = await self._answer(session, verb, line)
            if verb == "MAIL":
                transaction = Taken(line[11 : line.index(">")], [], b"") if answer.startswith("2") else None
            if verb == "RCPT" and answer.startswith("2"):
                assert transaction is not None
                transaction.forward_paths.append(line[9 : line.index(">")])
            if answer.startswith("354"):
                assert transaction is not None
                while not (held.startswith(b".\r\n") or b"\r\n.\r\n" in held):
                    self.cut_short[:] = [bytes(held)]
                    await more()
                end = 0 if held.startswith(b".\r\n") else held.index(b"\r\n.\r\n") + 2
                transaction.content = (b"\r\n" + held[:end]).replace(b"\r\n.", b"\r\n")[2:]
                del held[: end + 3]
                await self._take(session, transaction)
                contents += 1
            if verb == "QUIT":
                return
            if verb == "STAR" and answer.startswith("220"):
                session.wire = await self._secure(session.socket)

    async def _secure(self, socket: trio.socket.SocketType) -> Wire:
        if self.context is None:
            await socket.send(b"no handshake\r\n")
            raise EOFError
        wire = TlsWire(socket, self.context, server_side=True)
        try:
            await wire.shake()
        except OSError:
            raise EOFError from None
        self.secured += 1
        return wire

    async def _take(self, session: Session, transaction: Taken) -> None:
        self.cut_short.clear()
        if self.answers.get("BODY", "2")[0] not in "45":
            self.taken.append(transaction)
        for path in transaction.forward_paths if self.lmtp else ("",):
            await self._answer(session, "BODY", f"BODY {path}")

    async def _answer(self, session: Session, verb: str, line: str) -> str:
        answer = self.answers.get(line, self.answers.get(verb, USUAL.get(verb, "500 what")))
        if answer == SILENCE:
            await trio.sleep(math.inf)
        if answer == RESET:
            session.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, LINGER_NOT)
        if answer in (CLOSE, RESET):
            raise EOFError
        text = "354 go" if answer == DEAF else answer
        octets = text.encode() + b"\r\n"
        while octets:
            octets = octets[await session.wire.send(memoryview(octets)) :]
        if answer == DEAF:
            await trio.sleep(math.inf)
        return text
