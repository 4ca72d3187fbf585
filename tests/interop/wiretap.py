"""A relay between a client and the host that keeps what the client sent: the only witness of the octets on the wire."""

from __future__ import annotations

import re
import socket
import threading
from types import TracebackType
from typing import Self

DATA = re.compile(rb"(?im)^DATA\r\n")


class Wiretap:
    """Listens on a port of its own, passes every connection on to *port*, and keeps the client's octets."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.sent: list[bytearray] = []
        self.bursts: list[bytes] = []  # of all connections: what came at once
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._relay, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _relay(self, client: socket.socket) -> None:
        kept = bytearray()
        self.sent.append(kept)
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            back = threading.Thread(target=self._pass_on, args=(server, client, None))
            back.start()
            self._pass_on(client, server, kept)
            back.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket, keep: bytearray | None) -> None:
        try:
            while octets := source.recv(1 << 16):
                if keep is not None:
                    keep += octets
                    self.bursts.append(octets)
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return  # one side is gone; the other direction ends by that

    def content(self) -> bytes:
        """The content of the one message sent, as the client meant it: between DATA and the dot, dots unstuffed."""
        (parts,) = (found for kept in self.sent if len(found := DATA.split(bytes(kept), maxsplit=1)) == 2)
        stuffed, end, _ = parts[1].partition(b"\r\n.\r\n")
        assert end
        lines = (stuffed + b"\r\n").split(b"\r\n")
        return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
