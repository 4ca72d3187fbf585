"""A real SMTP server whose mood is in the recipient's address: ``late-7`` is deferred once, ``dead-7`` refused, ...

It keeps who got what and when, in this process's memory: only the host under test is killed, never this one.
"""

from __future__ import annotations

import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

NAME = re.compile(rb"^Subject: (\S+)\r$", re.MULTILINE)


@dataclass
class Arrivals:
    """What was taken: for each recipient the moments, by ``time.monotonic``, and the subject that came."""

    moments: dict[str, list[float]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    deferred: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, recipient: str, subject: str) -> None:
        with self.lock:
            self.moments.setdefault(recipient, []).append(time.monotonic())
            self.subjects[recipient] = subject


class Session(socketserver.StreamRequestHandler):
    """One conversation. The moods: ok, late (450 once), dead (550), lost (taken, but unsaid the first time)."""

    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        try:
            self._converse(self.server.arrivals)
        except (ConnectionError, TimeoutError):
            return  # the host was killed

    def _converse(self, arrivals: Arrivals) -> None:
        recipients: list[str] = []
        self._say("220 moody.example")
        while line := self.rfile.readline():
            match line[:4].upper():
                case b"EHLO":
                    self._say("250-moody.example\r\n250-8BITMIME\r\n250 PIPELINING")
                case b"RCPT":
                    self._say(self._recipient(arrivals, line.decode().partition("<")[2].partition(">")[0], recipients))
                case b"DATA":
                    self._say("354 go on" if recipients else "503 nobody")
                    if recipients and not self._content(arrivals, recipients):
                        return
                    recipients = []
                case b"QUIT":
                    self._say("221 bye")
                    return
                case verb:
                    recipients = [] if verb in (b"MAIL", b"RSET") else recipients
                    self._say("250 fine")

    def _recipient(self, arrivals: Arrivals, path: str, recipients: list[str]) -> str:
        mood = path.partition("-")[0]
        if mood == "dead":
            return "550 5.1.1 no such user"
        if mood == "late" and path not in arrivals.deferred:
            arrivals.deferred.add(path)
            return "450 4.2.0 greylisted"
        recipients.append(path)
        return "250 fine"

    def _content(self, arrivals: Arrivals, recipients: list[str]) -> bool:
        """Take it; whether the conversation goes on."""
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line)
        subject = NAME.search(b"".join(lines))
        assert subject, lines
        for path in recipients:
            arrivals.take(path, subject[1].decode())
        if any(path.startswith("lost-") and path not in arrivals.lost for path in recipients):
            arrivals.lost.update(recipients)
            return False
        self._say("250 taken")
        return True

    def _say(self, reply: str) -> None:
        self.wfile.write(reply.encode() + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    """On a port of its own of 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.arrivals = Arrivals()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextmanager
def moody_server() -> Iterator[Server]:
    """One for the block."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
