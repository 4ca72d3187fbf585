"""Names of Unix sockets: files on the host's disk, so that chmod, rename and unlink act on them; and abstract ones."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Protocol

from .address import failure

if TYPE_CHECKING:
    from ..disk import SimStore
    from ..host import Life
    from .listening import Queue

SOCKET_MODE = 0o777  # less the umask, as bind(2) makes it
OWNER_WRITES, OTHERS_WRITE = 0o200, 0o002
ABSTRACT = "\0"


class Listening(Protocol):
    """A socket that may have a queue."""

    @property
    def queue(self) -> Queue | None:
        """Where its connections wait, once it listens."""
        ...


class UnixNames:
    """The Unix names of one host."""

    def __init__(self, store: SimStore) -> None:
        self._store = store
        self._abstract: dict[str, Listening] = {}

    def make(self, path: str, socket: Listening, life: Life) -> None:
        """Bind *path*. EADDRINUSE if anything has that name already; ENOENT without its directory."""
        if not path.startswith(ABSTRACT):
            self._store.make_socket(path, socket, SOCKET_MODE & ~life.umask, life.credentials.uid)
        elif path in self._abstract and not _gone(self._abstract[path]):
            raise failure(errno.EADDRINUSE, path)
        else:
            self._abstract[path] = socket

    def queue(self, path: str, life: Life) -> Queue:
        """The queue of the listener at *path*. ENOENT, ECONNREFUSED, EACCES (unix(7): it takes write permission)."""
        queue: Queue | None
        if path.startswith(ABSTRACT):
            queue = self._abstract[path].queue if path in self._abstract else None
        else:
            queue = getattr(self._store.socket_at(path), "queue", None)
            self._check_permission(path, life)
        if queue is None or queue.closed:
            raise failure(errno.ECONNREFUSED, path)
        return queue

    def _check_permission(self, path: str, life: Life) -> None:
        uid, inode = life.credentials.uid, self._store.find(path)
        needed = OWNER_WRITES if uid == inode.owner else OTHERS_WRITE
        if uid != 0 and not inode.mode & needed:
            raise failure(errno.EACCES, path)


def _gone(socket: Listening) -> bool:
    """An abstract name ends with its socket."""
    return socket.queue is None or socket.queue.closed
