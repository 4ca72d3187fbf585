"""Names of Unix sockets: files on the host's disk when it can hold them, abstract names beside it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .address import failure

if TYPE_CHECKING:
    from ..host import Life
    from .listening import Queue

SOCKET_MODE = 0o777  # less the umask, as bind(2) makes it
WRITE_BITS = 0o222


class Listening(Protocol):
    """A socket that may have a queue."""

    @property
    def queue(self) -> Queue | None:
        """Where its connections wait, once it listens."""
        ...


@runtime_checkable
class SocketDisk(Protocol):
    """What a disk offers to hold bound names, so that chmod, rename and unlink act on them."""

    def make_socket(self, path: str, socket: object, mode: int) -> None:
        """Make a name for *socket*. FileExistsError, FileNotFoundError as for a file."""
        ...

    def socket_at(self, path: str) -> object | None:
        """What ``make_socket`` was given for the file at *path*; None if it is no socket. FileNotFoundError."""
        ...


class UnixNames:
    """The Unix names of one host. disk: where path names live, if it can; else they are kept here."""

    def __init__(self, disk: object) -> None:
        self._disk = disk if isinstance(disk, SocketDisk) else None
        self._abstract: dict[str, Listening] = {}

    def make(self, path: str, socket: Listening, life: Life) -> None:
        """Bind *path*. EADDRINUSE if anything has that name already."""
        if self._disk is not None and not path.startswith("\0"):
            try:
                self._disk.make_socket(path, socket, SOCKET_MODE & ~life.umask)
            except FileExistsError as error:
                raise failure(errno.EADDRINUSE, path) from error
        elif path in self._abstract and not self._gone(path):
            raise failure(errno.EADDRINUSE, path)
        else:
            self._abstract[path] = socket

    def _gone(self, path: str) -> bool:
        """An abstract name ends with its socket; a path (kept here for want of a disk) does not."""
        queue = self._abstract[path].queue
        return path.startswith("\0") and (queue is None or queue.closed)

    def queue(self, path: str, life: Life) -> Queue:
        """The queue of the listener at *path*. ENOENT, ECONNREFUSED, EACCES."""
        socket: object
        if self._disk is not None and not path.startswith("\0"):
            socket = self._disk.socket_at(path)
        else:
            if path not in self._abstract:
                raise failure(errno.ECONNREFUSED if path.startswith("\0") else errno.ENOENT, path)
            socket = self._abstract[path]
        queue: Queue | None = getattr(socket, "queue", None)
        if queue is None or queue.closed:
            raise failure(errno.ECONNREFUSED, path)
        return queue
