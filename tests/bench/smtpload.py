"""SMTP load of our own, for what smtp-source cannot do: pipelining, and TLS. The same for every server.

    smtpload.py HOST PORT SESSIONS MESSAGES OCTETS [--pipelined] [--tls]

Every session is kept for all its messages. Without --pipelined each command waits for the reply to the one before it,
as a client that knows no PIPELINING does; with it MAIL, RCPT and DATA are one write. --tls: STARTTLS first, no
certificate verified. Exit status 1 on any reply that is not 2xx or 3xx, and after LIMIT_SECONDS.
"""

from __future__ import annotations

import argparse
import select
import socket
import ssl
import time

LIMIT_SECONDS = 120
PATIENCE_SECONDS = 30
RECEIVE_OCTETS = 65536

HELLO = b"EHLO load.test\r\n"
ENVELOPE = (b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<c@d.test>\r\n", b"DATA\r\n")
LINE = b"X" * 76 + b"\r\n"

Step = tuple[bytes, int]
"""What is sent in one write, and how many replies there are to it."""


def message(octets: int, *, pipelined: bool) -> tuple[Step, ...]:
    """The steps of one transaction."""
    content = b"Subject: load\r\n\r\n" + (LINE * (octets // len(LINE) + 1))[: octets - 2] + b"\r\n.\r\n"
    envelope = ((b"".join(ENVELOPE), len(ENVELOPE)),) if pipelined else tuple((line, 1) for line in ENVELOPE)
    return (*envelope, (content, 1))


class Session:
    """One connection, greeted and through TLS if wanted. is_busy: within a message."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.socket = socket.create_connection((host, port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_busy = False
        self._held = b""
        self._steps: list[Step] = []
        self._due = 0
        self._replies(1)
        self._ask(HELLO)
        if tls is not None:
            self._ask(b"STARTTLS\r\n")
            self.socket = tls.wrap_socket(self.socket)
            self._ask(HELLO)

    def begin(self, steps: tuple[Step, ...]) -> None:
        """Send a message, of which *steps* are the steps."""
        self.is_busy = True
        self._steps = list(reversed(steps))
        self._next_step()

    def advance(self) -> bool:
        """Read what there is, and go on with the message; whether that was its end."""
        self._read()
        while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            self._read()
        if self._due:
            return False
        if self._steps:
            self._next_step()
            return False
        self.is_busy = False
        return True

    def close(self) -> None:
        """Say QUIT, and go."""
        self.socket.sendall(b"QUIT\r\n")
        self.socket.close()

    def _next_step(self) -> None:
        octets, self._due = self._steps.pop()
        self.socket.sendall(octets)

    def _ask(self, line: bytes) -> None:
        self.socket.sendall(line)
        self._replies(1)

    def _replies(self, count: int) -> None:
        self._due = count
        while self._due:
            self._read()

    def _read(self) -> None:
        octets = self.socket.recv(RECEIVE_OCTETS)
        if not octets:
            raise SystemExit("connection closed")
        *lines, self._held = (self._held + octets).split(b"\r\n")
        for line in lines:
            if line[:1] not in b"23":
                raise SystemExit(f"unexpected reply: {line!r}")
            self._due -= line[3:4] != b"-"


def drive(sessions: list[Session], count: int, steps: tuple[Step, ...]) -> None:
    """Let *sessions* send *count* messages."""
    poll = select.epoll()
    by_number = {session.socket.fileno(): session for session in sessions}
    begun = done = 0
    for number, session in by_number.items():
        poll.register(number, select.EPOLLIN)
        session.begin(steps)
        begun += 1
    limit = time.monotonic() + LIMIT_SECONDS
    while done < count:
        for number, _ in poll.poll(1):
            session = by_number[number]
            if not session.advance():
                continue
            done += 1
            if begun < count:
                session.begin(steps)
                begun += 1
            else:
                poll.unregister(number)
        if time.monotonic() > limit:
            raise SystemExit(f"{done} of {count} messages in {LIMIT_SECONDS} s")


def main() -> None:
    """Send the messages asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    for name in ("port", "sessions", "messages", "octets"):
        parser.add_argument(name, type=int)
    parser.add_argument("--pipelined", action="store_true")
    parser.add_argument("--tls", action="store_true")
    arguments = parser.parse_args()
    tls = None
    if arguments.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    count = min(arguments.sessions, arguments.messages)
    sessions = [Session(arguments.host, arguments.port, tls) for _ in range(count)]
    drive(sessions, arguments.messages, message(arguments.octets, pipelined=arguments.pipelined))
    for session in sessions:
        session.close()


if __name__ == "__main__":
    main()
