"""Connections that ask one after the other, as fast as they are answered: the load of ``http_side_by_side``."""

from __future__ import annotations

import re
import selectors
import socket
from collections.abc import Sequence

LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
RECEIVE_OCTETS = 65_536


class Connection:
    """One that is kept alive. asked, answered: so many requests."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._held = b""

    def ask(self, request: bytes) -> None:
        """Send *request*, which fits the buffer of an idle connection."""
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Take what has come; whether that is a whole answer, which has to be one of success."""
        octets = self.socket.recv(RECEIVE_OCTETS)
        assert octets, "the server has closed"
        self._held += octets
        head = self._held.find(b"\r\n\r\n") + 4
        if head < 4:
            return False
        assert self._held.startswith(b"HTTP/1.1 200"), self._held
        length = LENGTH.search(self._held, 0, head)
        assert length is not None, self._held
        if len(self._held) < head + int(length[1]):
            return False
        self._held = b""
        return True


def drive(connections: Sequence[Connection], requests: int, request: bytes) -> None:
    """Have so many answered, over all of them."""
    left = requests
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask(request)
            left -= 1
        waiting = len(connections)
        while waiting:
            for key, _ in selector.select():
                if key.data.is_answered():
                    waiting -= 1
                    if left:
                        key.data.ask(request)
                        left, waiting = left - 1, waiting + 1
    for connection in connections:
        connection.socket.close()
