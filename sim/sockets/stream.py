"""The stream socket trio's users hold: TCP over IPv4 and IPv6, and Unix.

Blocked operations wake by the end or the queue they wait for.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

import trio

from .address import ANY_4, Name, failure, parse
from .connection import End
from .credentials import NOBODY
from .handshake import Attempt
from .listening import Queue
from .ports import Binding, Use
from .sharing import Sharing
from .simsocket import SimSocket

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..host import Life

MSG_PEEK = int(socket.MSG_PEEK)  # as a plain number: enum arithmetic is slow
UNIX_PATH_OCTETS_MAX = 107
BACKLOG_MAX = 4096  # net.core.somaxconn


class Phase(Enum):
    """What a stream socket is."""

    NEW = "new"  # perhaps bound
    LISTENING = "listening"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class StreamSocket(SimSocket):
    """A simulated stream socket of one process life."""

    _kind = socket.SOCK_STREAM
    _protocol = socket.IPPROTO_TCP

    def __init__(
        self,
        life: Life,
        family: int,
        proto: int,
        *,
        options: Mapping[tuple[int, int], int] | None = None,
        end: End | None = None,
    ) -> None:
        super().__init__(life, family, proto, options)
        self._phase = Phase.NEW
        self._unix_name = ""
        self._queue: Queue | None = None
        self._end: End | None = None
        self._attempt: Attempt | None = None
        self._connect_error = 0
        self._was_refused = False
        self._reconnects = False
        self._sharing: Sharing | None = None  # with sockets of other lives
        if end is not None:
            self._connected(end)

    # -- what it is

    @property
    def _state(self) -> str:
        return self._phase.value

    def getsockname(self) -> Any:
        self._check_open()
        if self._unix:
            return self._unix_name if self._end is None else self._end.local
        if self._end is not None:
            assert isinstance(self._end.local, Name)
            return self._end.local.shown(self._family)
        return self._shown(self._binding.name if self._binding is not None else self._unbound)

    def getpeername(self) -> Any:
        self._check_open()
        if self._end is None or (self._end.over and self._end.tcp):
            raise failure(errno.ENOTCONN)
        return self._remote_of(self._end)

    def _remote_of(self, end: End) -> Any:
        return end.remote.shown(self._family) if isinstance(end.remote, Name) else end.remote

    @property
    def backlog(self) -> int:
        """What it listens with; 0 where it does not."""
        return 0 if self._queue is None else self._queue.backlog

    # -- options

    def _blob(self, level: int, name: int) -> bytes | None:
        if (level, name) == (socket.SOL_SOCKET, socket.SO_PEERCRED):
            return (NOBODY if self._end is None else self._end.peer_credentials).packed()
        return super()._blob(level, name)

    def _fact(self, name: int) -> int | None:
        return int(self._phase is Phase.LISTENING) if name == socket.SO_ACCEPTCONN else super()._fact(name)

    def _take_error(self) -> int:
        if self._connect_error:
            code, self._connect_error = self._connect_error, 0
            return code
        return self._end.take_error() if self._end is not None else 0

    def _filter(self, *, drops_all: bool) -> None:
        if self._queue is not None:
            self._queue.drops_all = drops_all

    def _apply_options(self) -> None:
        super()._apply_options()
        if self._end is not None:
            self._end.send_octets = self._options.send_octets
            self._end.receive_octets = self._options.receive_octets
            self._apply_patience(self._end)

    def _apply_patience(self, end: End) -> None:
        if end.tcp:
            end.timers.set(self._options.patience)

    # -- bind, listen, accept

    async def bind(self, address: Any) -> None:
        resolved = await self._resolve(address, local=True)
        await self._waiting.at_once(lambda: self.bind_resolved(resolved))

    def bind_resolved(self, address: Any) -> None:
        """``bind`` for an address without names, at once."""
        self._check_open()
        if self._unix:
            self._bind_unix(address)
        elif self._end is not None:
            raise failure(errno.EINVAL)
        else:
            self._bind_port(parse(self._family, address))

    def _bind_unix(self, path: str | bytes) -> None:
        if self._unix_name:
            raise failure(errno.EINVAL)
        path = _unix_path(path)
        self._host.unix_names.make(path, self, self._life)
        self._unix_name = path
        self._host.trace("bind", name=path, socket=self._number)

    def listen(self, backlog: int = min(socket.SOMAXCONN, 128)) -> None:
        self._check_open()
        if self._phase is Phase.LISTENING:
            assert self._queue is not None
            self._queue.backlog = min(backlog, BACKLOG_MAX)
            return
        if self._phase is not Phase.NEW or (self._unix and not self._unix_name):
            raise failure(errno.EINVAL)
        if not self._unix:
            self._binding = self._binding or self._claim(self._unbound)
            self._binding.use = Use.BOUND
            self._host.ports.check(self._binding)
        self._queue = Queue(
            min(backlog, BACKLOG_MAX),
            self._life.credentials,
            self._options.send_octets,
            self._options.receive_octets,
            self._waiting.wake_reader,
        )
        self._phase = Phase.LISTENING
        if self._binding is not None:
            self._binding.use, self._binding.queue = Use.LISTENING, self._queue
        self._host.trace("listen", name=self._unix_name or self.getsockname(), socket=self._number, backlog=backlog)

    @property
    def queue(self) -> Queue | None:
        """Where connections wait, if it listens (for the Unix names)."""
        return self._queue

    async def accept(self) -> tuple[trio.socket.SocketType, Any]:
        accepted, end = await self._waiting.reading(self._acceptable, self._accept)
        return accepted, self._remote_of(end)  # of one that was reset in the queue too, as accept(2) has it

    def _acceptable(self) -> bool:
        return self._queue is None or self._queue.closed or len(self._queue) > 0

    def _accept(self) -> tuple[StreamSocket, End]:
        self._check_open()
        if self._queue is None or self._queue.closed:
            raise failure(errno.EINVAL)
        self._life.check_descriptors()
        end = self._queue.take()
        assert end is not None
        if self._binding is not None:
            assert isinstance(end.local, Name)
            mine = self._binding
            end.binding = Binding(
                mine.family, end.local, mine.reuse_address, mine.reuse_port, mine.v6_only, mine.uid, Use.CONNECTED
            )
            self._host.ports.adopt(end.binding)
        accepted = StreamSocket(self._life, self._family, self._proto, options=self._options.numbers, end=end)
        self._host.trace("accept", conn=end.number, peer=end.remote or "(unix)", socket=accepted._number)
        return accepted, end

    # -- connect

    async def connect(self, address: Any) -> None:
        try:
            resolved = await self._resolve(address, local=False)
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                self._check_open()
                blocked = self._begin_connect(resolved)
            except OSError:
                await trio.lowlevel.cancel_shielded_checkpoint()
                raise
            if not blocked:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return
            await self._waiting.writable(lambda: self._phase is not Phase.CONNECTING)
        except trio.Cancelled:
            self.close()  # as trio does: the outcome of a connect in progress cannot be known
            raise
        if code := self._take_error():
            raise OSError(code, f"Error connecting to {address!r}: {os.strerror(code)}")

    def _begin_connect(self, address: Any) -> bool:
        """Begin, and say whether the outcome is still to come."""
        if self._phase is Phase.CONNECTING:
            raise failure(errno.EALREADY)
        if self._phase is Phase.CONNECTED:
            if not self._reconnects:
                raise failure(errno.EISCONN)
            self._reconnects = False  # Linux: the first call after a connect that did not block says done
            return False
        if self._phase is Phase.LISTENING:
            raise failure(errno.EINVAL if self._unix else errno.EISCONN)
        if self._unix:
            return self._connect_unix(_unix_path(address))
        self._connect_tcp(parse(self._family, address))
        return True

    def _connect_tcp(self, target: Name) -> None:
        network = self._host.network
        if self._options.v6_only and target.ip.version == 4:
            raise failure(errno.ENETUNREACH, target)
        if target.ip.is_unspecified:
            target = Name(network.source(self._host, target.ip), target.port)
        ip = self._binding.name.ip if self._binding is not None else ANY_4
        source = network.source(self._host, target.ip) if ip.is_unspecified else ip
        if self._binding is None:
            self._binding = self._claim(Name(source, 0))
        self._phase = Phase.CONNECTING
        local = Name(source, self._binding.name.port)
        receive_octets = self._options.receive_octets
        self._attempt = Attempt(self._host, local, target, self._binding, receive_octets, self._connect_done)
        self._attempt.begin()

    def _connect_done(self, code: int, end: End | None) -> None:
        self._attempt = None
        if end is not None:
            self._connected(end)
            self._reconnects = True
        else:
            self._phase = Phase.NEW
            self._connect_error = code
            self._was_refused = True
            if self._binding is not None:
                self._host.ports.release(self._binding)
                self._binding = None
        self._waiting.wake_writer()

    def _connect_unix(self, path: str) -> bool:
        queue = self._host.unix_names.queue(path, self._life)
        if queue.full:
            return (
                False  # EAGAIN; trio takes it for a connect in progress and finds no error: the next use says ENOTCONN
            )
        client, server = self._host.network.unix_pair(self._host, self._unix_name, path)
        client.peer_credentials, server.peer_credentials = queue.credentials, self._life.credentials
        self._host.trace("connect", conn=client.number, source=self._unix_name or "(unix)", target=path)
        self._connected(client)
        queue.put(server, reserved=False)
        return False

    def _connected(self, end: End) -> None:
        self._end = end
        self._phase = Phase.CONNECTED
        end.readable, end.writable = self._waiting.wake_reader, self._waiting.wake_writer
        end.send_octets = self._options.send_octets
        if (socket.SOL_SOCKET, socket.SO_RCVBUF) in self._options.numbers or self._unix:
            end.receive_octets = self._options.receive_octets
        self._apply_patience(end)

    # -- receive and send

    async def recv(self, buflen: int, flags: int = 0, /) -> bytes:
        ready = self._receivable if buflen > 0 else _always
        return await self._waiting.reading(ready, self._receive, buflen, flags)

    async def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        with memoryview(buffer).cast("B") as view:
            octets = await self._waiting.reading(self._receivable, self._receive, nbytes or len(view), flags)
            view[: len(octets)] = octets
            return len(octets)

    async def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        return await self.recv(bufsize, flags), None

    def _receivable(self) -> bool:
        return self._end is None or self._end.can_read

    def _receive(self, count: int, flags: int) -> bytes:
        self._check_open()
        if count < 0:
            raise ValueError("negative buffersize in recv")
        if self._end is None:
            if self._was_refused:
                return b""
            raise failure(self._take_error() or (errno.EINVAL if self._unix else errno.ENOTCONN))
        if count == 0:
            return b""
        return self._end.receive(count, peek=bool(flags & MSG_PEEK))

    async def send(self, bytes: Buffer, flags: int = 0, /) -> int:  # noqa: A002  trio's name
        with memoryview(bytes).cast("B") as octets:
            return await self._waiting.writing(self._can_write, self._send, octets)

    def _send(self, octets: memoryview) -> int:
        self._check_open()
        if self._end is None:
            raise failure(self._take_error() or (errno.ENOTCONN if self._unix else errno.EPIPE))
        return self._end.send(octets)

    async def sendmsg(
        self,
        buffers: Iterable[Buffer],
        ancdata: Iterable[tuple[int, int, Buffer]] = (),
        flags: int = 0,
        address: Any = None,
        /,
    ) -> int:
        assert not list(ancdata), "passing descriptors is not simulated"
        assert address is None
        return await self.send(b"".join(memoryview(part).cast("B") for part in buffers), flags)

    def is_readable(self) -> bool:
        if self._queue is not None:
            return len(self._queue) > 0 or self._queue.closed
        return self._end is None or self._end.can_read

    def _can_write(self) -> bool:
        if self._phase in (Phase.CONNECTING, Phase.LISTENING):
            return False
        if self._end is None:
            return True
        self._end.sender_waits = not self._end.can_write
        return self._end.can_write

    async def wait_writable(self) -> None:
        if not await self._wait_writable(self._can_write()):
            await self._waiting.writable(self._can_write)

    # -- the end of it

    def shutdown(self, flag: int) -> None:
        self._check_open()
        if flag not in (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR):
            raise failure(errno.EINVAL)
        if self._phase is Phase.LISTENING:
            self._shut_listening(flag)
            return
        if self._end is None and self._unix:
            return
        if self._end is None or (self._end.over and self._end.tcp):
            raise failure(errno.ENOTCONN)
        if flag in (socket.SHUT_WR, socket.SHUT_RDWR):
            self._write_shut = True
            self._end.finish()
        if flag in (socket.SHUT_RD, socket.SHUT_RDWR):
            self._end.shut_reading()

    def _shut_listening(self, flag: int) -> None:
        """Linux: shutting a listening TCP socket for reading ends the listening."""
        assert self._queue is not None
        if flag == socket.SHUT_WR:
            return
        self._queue.close()
        if self._binding is not None:
            self._binding.use, self._binding.queue = Use.BOUND, None
        if not self._unix:
            self._phase, self._queue = Phase.NEW, None
        self._waiting.wake_reader()

    def vanish(self) -> None:
        """The machine lost power: no packet says so."""
        if self._end is not None:
            self._end.vanish()
        if self._queue is not None:
            while (end := self._queue.take()) is not None:
                end.vanish()
        super().vanish()

    def _release(self) -> None:
        super()._release()
        self._phase = Phase.CLOSED
        if self._sharing is None or self._sharing.left(self):
            self.end()

    def end(self) -> None:
        """No descriptor of any life refers to it any more."""
        if self._attempt is not None:
            self._attempt.abandon()
        if self._binding is not None and self._end is None:
            self._host.ports.release(self._binding)
        if self._queue is not None:
            self._host.trace(
                "unlisten", name=self._unix_name or (self._binding and self._binding.name), socket=self._number
            )
            self._queue.close()
        if self._end is not None:
            self._end.close(linger_none=self._options.lingers_not)

    # -- one open file description in several lives

    def shared(self) -> Sharing:
        """What it shares with the sockets of other lives, from now on. EBADF when closed.

        Only what listens or is connected can be shared: a socket that is neither has state of its own here.
        """
        self._check_open()
        assert self._phase in (Phase.LISTENING, Phase.CONNECTED), f"{self} is {self._phase.value}: cannot be shared"
        if self._sharing is None:
            self._sharing = sharing = Sharing(self, self._waiting)
            if self._queue is not None:
                self._queue.arrived = sharing.wake_readers
            if self._end is not None:
                self._end.readable, self._end.writable = sharing.wake_readers, sharing.wake_writers
        return self._sharing

    def twin(self, life: Life) -> StreamSocket:
        """A socket of *life* for the same description. EMFILE if *life* has no descriptor left."""
        assert self._sharing is not None
        twin = StreamSocket(life, self._family, self._proto)
        twin._phase = Phase.LISTENING if self._queue is not None else Phase.CONNECTED
        twin._options, twin._sharing = self._options, self._sharing
        twin._binding, twin._unix_name = self._binding, self._unix_name
        twin._queue, twin._end = self._queue, self._end
        self._sharing.joined(twin, twin._waiting)
        return twin


def _always() -> bool:
    return True


def _unix_path(path: str | bytes) -> str:
    text = os.fsdecode(path)
    if len(os.fsencode(text)) > UNIX_PATH_OCTETS_MAX:
        raise OSError("AF_UNIX path too long")
    return text
