"""The queue of a listening socket."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .connection import End
    from .credentials import Credentials


class Queue:
    """Connections established and not accepted yet.

    backlog: as given to listen(); Linux holds one more. drops_all: a packet filter discards every SYN.
    credentials: of the process that called listen() (SO_PEERCRED of a Unix client).
    arrived: called for each connection that comes to wait.
    """

    def __init__(
        self, backlog: int, credentials: Credentials, send_octets: int, receive_octets: int, arrived: Callable[[], None]
    ) -> None:
        self.backlog = backlog
        self.credentials = credentials
        self.send_octets, self.receive_octets = send_octets, receive_octets
        self.drops_all = False
        self.closed = False
        self.arrived = arrived
        self._ends: deque[End] = deque()
        self._half_open = 0

    @property
    def full(self) -> bool:
        """Whether a further SYN is dropped."""
        return len(self._ends) + self._half_open > self.backlog

    def __len__(self) -> int:
        return len(self._ends)

    def reserve(self) -> None:
        """A handshake began."""
        self._half_open += 1

    def give_up(self) -> None:
        """A handshake failed."""
        self._half_open -= 1
        assert self._half_open >= 0

    def put(self, end: End, *, reserved: bool) -> None:
        """A handshake is complete."""
        if reserved:
            self.give_up()
        self._ends.append(end)
        self.arrived()

    def take(self) -> End | None:
        """The connection that waited longest."""
        return self._ends.popleft() if self._ends else None

    def close(self) -> None:
        """Nobody will accept: what is queued is reset (tcp: RST; Unix: ECONNRESET)."""
        self.closed = True
        while (end := self.take()) is not None:
            end.abort()
