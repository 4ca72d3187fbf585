"""Sockets of several lives that are one open file description, as after SCM_RIGHTS: closed with the last of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..host import Life
    from .stream import StreamSocket
    from .waiting import Waiting


class Sharing:
    """Who refers to one description: sockets, and messages under way between lives."""

    def __init__(self, first: StreamSocket, waiting: Waiting) -> None:
        self._sockets = {first: waiting}
        self.under_way = 0

    def joined(self, socket: StreamSocket, waiting: Waiting) -> None:
        """A further socket is one of them."""
        self._sockets[socket] = waiting

    def wake_readers(self) -> None:
        """Wake who waits in any life, as epoll does: the first of them gets it, the others wait again."""
        for waiting in list(self._sockets.values()):
            waiting.wake_reader()

    def wake_writers(self) -> None:
        """``wake_readers`` for room to write."""
        for waiting in list(self._sockets.values()):
            waiting.wake_writer()

    def left(self, socket: StreamSocket) -> bool:
        """*socket* is closed. Whether it was the last reference."""
        self._sockets.pop(socket, None)
        return self.unused

    @property
    def unused(self) -> bool:
        """Whether nothing refers to it any more."""
        return not self._sockets and not self.under_way


class Passage:
    """A socket on its way to another life: a reference without a descriptor."""

    def __init__(self, socket: StreamSocket) -> None:
        self._socket = socket
        self._sharing = socket.shared()
        self._sharing.under_way += 1

    def arrive(self, life: Life) -> StreamSocket:
        """*life*'s socket. EMFILE when it has no descriptor left: then the reference is dropped."""
        try:
            twin = self._socket.twin(life)
        except OSError:
            self.drop()
            raise
        self._sharing.under_way -= 1
        return twin

    def drop(self) -> None:
        """It will not arrive."""
        self._sharing.under_way -= 1
        if self._sharing.unused:
            self._socket.end()

    def vanish(self) -> None:
        """The machine lost power."""
        self._sharing.under_way -= 1
        if self._sharing.unused:
            self._socket.vanish()
            self._socket.end()
