"""The stream socket trio's users hold: TCP over IPv4 and IPv6, and Unix.

The checkpoints are those of trio's own socket: a look at cancellation before, a schedule point after an operation that
did not block. Blocked operations wake by the end or the queue they wait for. Errors are Linux's.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

import trio

from .address import ANY_4, ANY_6, Name, failure, parse
from .connection import RECEIVE_OCTETS, SEND_OCTETS, UNIX_OCTETS, End
from .credentials import NOBODY
from .handshake import Attempt
from .listening import Queue
from .ports import Binding, Use
from .sharing import Sharing

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

    from ..host import Life

T = TypeVar("T")

MSG_PEEK = int(socket.MSG_PEEK)  # as a plain number: enum arithmetic is slow
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # asm-generic/socket.h; the socket module does not have them
UNIX_PATH_OCTETS_MAX = 107
LOWEST_FREE_PORT = 1024  # below it root alone may bind
BACKLOG_MAX = 4096  # net.core.somaxconn
BUFFER_OCTETS_MIN = 2304
BUFFER_OCTETS_MAX = 212_992  # net.core.wmem_max, rmem_max

_BOOLEANS: dict[tuple[int, int], int] = {
    (socket.SOL_SOCKET, socket.SO_REUSEADDR): 0,
    (socket.SOL_SOCKET, socket.SO_REUSEPORT): 0,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 0,
    (socket.SOL_SOCKET, socket.SO_BROADCAST): 0,
    (socket.SOL_SOCKET, socket.SO_OOBINLINE): 0,
    (socket.SOL_SOCKET, socket.SO_PASSCRED): 0,
    (socket.IPPROTO_TCP, socket.TCP_NODELAY): 0,
    (socket.IPPROTO_TCP, socket.TCP_CORK): 0,
    (socket.IPPROTO_TCP, socket.TCP_QUICKACK): 1,
    (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY): 0,
}
_NUMBERS: dict[tuple[int, int], int] = {
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 7200,
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): 75,
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 9,
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT): 0,
    (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT): 0,
    (socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT): 0,
    (socket.IPPROTO_TCP, socket.TCP_FASTOPEN): 0,
    (socket.SOL_SOCKET, socket.SO_PRIORITY): 0,
    (socket.SOL_SOCKET, socket.SO_MARK): 0,
    (socket.IPPROTO_IP, socket.IP_TOS): 0,
    (socket.IPPROTO_IP, socket.IP_TTL): 64,
    (socket.IPPROTO_IP, socket.IP_TRANSPARENT): 0,
}


class Phase(Enum):
    """What a stream socket is."""

    NEW = "new"  # perhaps bound
    LISTENING = "listening"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class Facade:
    """What anyio looks at of the standard library's socket inside trio's: facts and options, no I/O."""

    def __init__(self, outer: StreamSocket) -> None:
        self.family, self.type, self.proto = outer.family, outer.type, outer.proto
        self.getsockname, self.getpeername = outer.getsockname, outer.getpeername
        self.getsockopt, self.setsockopt = outer.getsockopt, outer.setsockopt
        self.fileno = outer.fileno


class StreamSocket(trio.socket.SocketType):
    """A simulated stream socket of one process life."""

    def __init__(
        self,
        life: Life,
        family: int,
        proto: int,
        *,
        options: Mapping[tuple[int, int], int] | None = None,
        end: End | None = None,
    ) -> None:
        super().__init__()
        self._life = life
        self._host = life.host
        self._number = self._host.network.socket_number()
        self._family = socket.AddressFamily(family)
        self._proto = proto
        self._phase = Phase.NEW
        self._options = dict(options or {})  # an accepted socket has its listener's
        self._blobs: dict[tuple[int, int], bytes] = {}
        self._binding: Binding | None = None
        self._unix_name = ""
        self._queue: Queue | None = None
        self._end: End | None = None
        self._attempt: Attempt | None = None
        self._connect_error = 0
        self._was_refused = False
        self._reconnects = False
        self._write_shut = False
        self._inheritable = False
        self._reader: trio.lowlevel.Task | None = None
        self._writer: trio.lowlevel.Task | None = None
        self._sharing: Sharing | None = None  # with sockets of other lives
        self._descriptor = life.open_descriptor(self)
        if end is not None:
            self._connected(end)

    # -- what it is

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<simulated {self._family.name} socket {self._number} of {self._life}, {self._phase.value}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def family(self) -> socket.AddressFamily:
        return self._family

    @property
    def type(self) -> socket.SocketKind:
        return socket.SOCK_STREAM

    @property
    def proto(self) -> int:
        return self._proto

    @property
    def did_shutdown_SHUT_WR(self) -> bool:  # noqa: N802  trio's name
        return self._write_shut

    @property
    def _sock(self) -> Facade:
        return Facade(self)

    @property
    def _unix(self) -> bool:
        return self._family == socket.AF_UNIX

    def fileno(self) -> int:
        return self._descriptor

    def get_inheritable(self) -> bool:
        return self._inheritable

    def set_inheritable(self, inheritable: bool) -> None:
        self._check_open()
        self._inheritable = inheritable

    def getsockname(self) -> Any:
        self._check_open()
        if self._unix:
            return self._unix_name if self._end is None else self._end.local
        if self._end is not None:
            assert isinstance(self._end.local, Name)
            return self._end.local.shown(self._family)
        name = self._binding.name if self._binding is not None else self._unbound
        return (str(name.ip), name.port) if self._family == socket.AF_INET else name.shown(self._family)

    def getpeername(self) -> Any:
        self._check_open()
        if self._end is None or (self._end.over and self._end.tcp):
            raise failure(errno.ENOTCONN)
        if self._unix:
            return self._end.remote
        assert isinstance(self._end.remote, Name)
        return self._end.remote.shown(self._family)

    @property
    def _unbound(self) -> Name:
        return Name(ANY_4 if self._family == socket.AF_INET else ANY_6, 0)

    @property
    def backlog(self) -> int:
        """What it listens with; 0 where it does not."""
        return 0 if self._queue is None else self._queue.backlog

    # -- options

    @overload
    def getsockopt(self, level: int, optname: int) -> int: ...
    @overload
    def getsockopt(self, level: int, optname: int, buflen: int) -> bytes: ...
    def getsockopt(self, level: int, optname: int, buflen: int | None = None) -> int | bytes:
        self._check_open()
        self._check_level(level, optname)
        if (level, optname) == (socket.SOL_SOCKET, socket.SO_PEERCRED):
            packed = (NOBODY if self._end is None else self._end.peer_credentials).packed()
            return int.from_bytes(packed[:4], "little", signed=True) if buflen is None else packed[:buflen]
        if (level, optname) in self._blobs:
            blob = self._blobs[level, optname]
            return blob[:buflen] if buflen is not None else int.from_bytes(blob[:4], "little")
        value = self._option(level, optname)
        return value if buflen is None else struct.pack("i", value)[:buflen]

    def _option(self, level: int, name: int) -> int:
        if level == socket.SOL_SOCKET:
            match name:
                case socket.SO_ACCEPTCONN:
                    return int(self._phase is Phase.LISTENING)
                case socket.SO_TYPE:
                    return int(socket.SOCK_STREAM)
                case socket.SO_DOMAIN:
                    return int(self._family)
                case socket.SO_PROTOCOL:
                    return 0 if self._unix else int(socket.IPPROTO_TCP)
                case socket.SO_ERROR:
                    return self._take_error()
                case socket.SO_SNDBUF:
                    return self._options.get((level, name), UNIX_OCTETS if self._unix else SEND_OCTETS)
                case socket.SO_RCVBUF:
                    return self._options.get((level, name), UNIX_OCTETS if self._unix else RECEIVE_OCTETS)
        default = _BOOLEANS.get((level, name), _NUMBERS.get((level, name)))
        if (level, name) not in self._options and default is None:
            raise failure(errno.ENOPROTOOPT)
        return self._options.get((level, name), default or 0)

    def _take_error(self) -> int:
        if self._connect_error:
            code, self._connect_error = self._connect_error, 0
            return code
        return self._end.take_error() if self._end is not None else 0

    def _check_level(self, level: int, name: int) -> None:
        if self._unix and level in (socket.IPPROTO_TCP, socket.IPPROTO_IPV6, socket.IPPROTO_IP):
            raise failure(errno.EOPNOTSUPP)
        if self._family == socket.AF_INET and level == socket.IPPROTO_IPV6:
            raise failure(errno.ENOPROTOOPT)

    @overload
    def setsockopt(self, level: int, optname: int, value: int | Buffer) -> None: ...
    @overload
    def setsockopt(self, level: int, optname: int, value: None, optlen: int) -> None: ...
    def setsockopt(self, level: int, optname: int, value: int | Buffer | None, optlen: int | None = None) -> None:
        self._check_open()
        self._check_level(level, optname)
        if not isinstance(value, int):
            self._set_blob(level, optname, b"" if value is None else bytes(memoryview(value)))
            return
        if (level, optname) == (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) and self._binding is not None:
            raise failure(errno.EINVAL)
        if level == socket.SOL_SOCKET and optname == SO_DETACH_FILTER:
            self._filter(drops_all=False)
            return
        if (level, optname) in _BOOLEANS:
            value = int(bool(value))
        elif level == socket.SOL_SOCKET and optname in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            value = max(2 * min(value, BUFFER_OCTETS_MAX), BUFFER_OCTETS_MIN)
        self._options[level, optname] = value
        self._apply_options()

    def _set_blob(self, level: int, name: int, blob: bytes) -> None:
        if level == socket.SOL_SOCKET and name == SO_ATTACH_FILTER:
            self._filter(drops_all=True)  # the one program the product attaches: return 0
        self._blobs[level, name] = blob

    def _filter(self, *, drops_all: bool) -> None:
        if self._queue is not None:
            self._queue.drops_all = drops_all

    def _apply_options(self) -> None:
        if self._end is not None:
            self._end.send_octets = self._option(socket.SOL_SOCKET, socket.SO_SNDBUF)
            self._end.receive_octets = self._option(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if self._binding is not None:
            self._binding.reuse_address = bool(self._option(socket.SOL_SOCKET, socket.SO_REUSEADDR))
            self._binding.reuse_port = bool(self._option(socket.SOL_SOCKET, socket.SO_REUSEPORT))

    @property
    def _v6_only(self) -> bool:
        return self._family == socket.AF_INET6 and bool(self._option(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))

    @property
    def _lingers_not(self) -> bool:
        blob = self._blobs.get((socket.SOL_SOCKET, socket.SO_LINGER))
        return blob is not None and struct.unpack("ii", blob) == (1, 0)

    # -- bind, listen, accept

    async def bind(self, address: Any) -> None:
        resolved = await self._resolve(address, local=True)
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self.bind_resolved(resolved)
        finally:
            await trio.lowlevel.cancel_shielded_checkpoint()

    def bind_resolved(self, address: Any) -> None:
        """``bind`` for an address without names, at once."""
        self._check_open()
        if self._unix:
            self._bind_unix(address)
        else:
            self._bind_port(parse(self._family, address))

    def _bind_port(self, name: Name) -> None:
        if self._binding is not None or self._end is not None:
            raise failure(errno.EINVAL)
        if self._v6_only and name.ip.version == 4:
            raise failure(errno.EINVAL, name)
        if not self._host.network.owns(self._host, name.ip):
            raise failure(errno.EADDRNOTAVAIL, name)
        if 0 < name.port < LOWEST_FREE_PORT and self._life.credentials.uid != 0:
            raise failure(errno.EACCES, name)
        self._binding = self._claim(name)
        self._host.trace("bind", name=self._binding.name, socket=self._number)

    def _claim(self, name: Name) -> Binding:
        binding = Binding(
            self._family,
            name,
            reuse_address=bool(self._option(socket.SOL_SOCKET, socket.SO_REUSEADDR)),
            reuse_port=bool(self._option(socket.SOL_SOCKET, socket.SO_REUSEPORT)),
            v6_only=self._v6_only,
            uid=self._life.credentials.uid,
        )
        self._host.ports.claim(binding)
        return binding

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
            self._option(socket.SOL_SOCKET, socket.SO_SNDBUF),
            self._option(socket.SOL_SOCKET, socket.SO_RCVBUF),
            self._wake_reader,
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
        end = await self._attempt_reading(self._accept)
        accepted = StreamSocket(self._life, self._family, self._proto, options=self._options, end=end)
        self._host.trace("accept", conn=end.number, peer=end.remote or "(unix)", socket=accepted._number)
        return accepted, accepted.getpeername()

    def _accept(self) -> End:
        self._check_open()
        if self._queue is None or self._queue.closed:
            raise failure(errno.EINVAL)
        if not len(self._queue):
            raise BlockingIOError(errno.EAGAIN, "no connection waits")
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
        return end

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
            await self._wait_writable(lambda: self._phase is not Phase.CONNECTING)
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
        if self._v6_only and target.ip.version == 4:
            raise failure(errno.ENETUNREACH, target)
        if target.ip.is_unspecified:
            target = Name(network.source(self._host, target.ip), target.port)
        ip = self._binding.name.ip if self._binding is not None else ANY_4
        source = network.source(self._host, target.ip) if ip.is_unspecified else ip
        if self._binding is None:
            self._binding = self._claim(Name(source, 0))
        self._phase = Phase.CONNECTING
        receive_octets = self._option(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._attempt = Attempt(
            self._host, Name(source, self._binding.name.port), target, self._binding, receive_octets, self._connect_done
        )
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
        self._wake_writer()

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
        end.readable, end.writable = self._wake_reader, self._wake_writer
        end.send_octets = self._option(socket.SOL_SOCKET, socket.SO_SNDBUF)
        if (socket.SOL_SOCKET, socket.SO_RCVBUF) in self._options or self._unix:
            end.receive_octets = self._option(socket.SOL_SOCKET, socket.SO_RCVBUF)

    # -- receive and send

    async def recv(self, buflen: int, flags: int = 0, /) -> bytes:
        return await self._attempt_reading(lambda: self._receive(buflen, flags))

    async def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        with memoryview(buffer).cast("B") as view:
            octets = await self._attempt_reading(lambda: self._receive(nbytes or len(view), flags))
            view[: len(octets)] = octets
            return len(octets)

    async def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        return await self._attempt_reading(lambda: self._receive(bufsize, flags)), None

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
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                count = self._send(octets)
            except BlockingIOError:
                pass
            except OSError:
                await trio.lowlevel.cancel_shielded_checkpoint()
                raise
            else:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return count
            while True:
                await self._wait_writable(self._can_write)
                try:
                    return self._send(octets)
                except BlockingIOError:
                    pass

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
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._phase is Phase.CLOSED:
            raise ValueError("file descriptor cannot be a negative integer (-1)")
        if self._can_write():
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait_writable(self._can_write)

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
        self._wake_reader()

    def close(self) -> None:
        if self._phase is Phase.CLOSED:
            return
        for task in (self._reader, self._writer):
            if task is not None:
                closed = trio.ClosedResourceError("another task closed this socket")
                trio.lowlevel.reschedule(task, _raised(closed))
        self._reader = self._writer = None
        self._release()

    def kernel_close(self) -> None:
        """The process is dead: the kernel closes its descriptors. Tasks are not woken: they are cancelled next."""
        if self._phase is not Phase.CLOSED:
            self._release()

    def vanish(self) -> None:
        """The machine lost power: no packet says so."""
        if self._end is not None:
            self._end.vanish()
        if self._queue is not None:
            while (end := self._queue.take()) is not None:
                end.vanish()
        self.kernel_close()

    def _release(self) -> None:
        self._phase = Phase.CLOSED
        self._life.close_descriptor(self)
        self._descriptor = -1
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
            self._end.close(linger_none=self._lingers_not)

    # -- one open file description in several lives

    def shared(self) -> Sharing:
        """What it shares with the sockets of other lives, from now on. EBADF when closed.

        Only what listens or is connected can be shared: a socket that is neither has state of its own here.
        """
        self._check_open()
        assert self._phase in (Phase.LISTENING, Phase.CONNECTED), f"{self} is {self._phase.value}: cannot be shared"
        if self._sharing is None:
            self._sharing = sharing = Sharing(self)
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
        twin._options, twin._blobs, twin._sharing = self._options, self._blobs, self._sharing
        twin._binding, twin._unix_name = self._binding, self._unix_name
        twin._queue, twin._end = self._queue, self._end
        return twin

    # -- waiting

    def _check_open(self) -> None:
        if self._phase is Phase.CLOSED:
            raise failure(errno.EBADF)

    def _check_open_for_waiting(self) -> None:
        if self._phase is Phase.CLOSED:
            raise trio.ClosedResourceError("this socket is closed")

    async def _attempt_reading(self, operation: Callable[[], T]) -> T:
        """trio's sandwich: look at cancellation, try, wait while it would block."""
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            result = operation()
        except BlockingIOError:
            pass
        except OSError:
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return result
        while True:
            await self._wait_readable()
            try:
                return operation()
            except BlockingIOError:
                pass

    async def _wait_readable(self) -> None:
        self._check_open_for_waiting()
        if self._reader is not None:
            raise trio.BusyResourceError("another task is already reading this socket")
        self._reader = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._reader = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    async def _wait_writable(self, ready: Callable[[], bool]) -> None:
        """Wait until *ready*; every wake-up asks it again."""
        while True:
            self._check_open_for_waiting()
            if self._writer is not None:
                raise trio.BusyResourceError("another task is already writing to this socket")
            self._writer = trio.lowlevel.current_task()

            def abort(_: object) -> trio.lowlevel.Abort:
                self._writer = None
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(abort)
            if ready():
                return

    def _wake_reader(self) -> None:
        task, self._reader = self._reader, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def _wake_writer(self) -> None:
        task, self._writer = self._writer, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    # -- addresses

    async def _resolve(self, address: Any, *, local: bool) -> Any:
        """A numeric address, as trio's socket makes one: names go through the resolver."""
        if self._unix:
            return os.fspath(address)
        parts = (2, 2) if self._family == socket.AF_INET else (2, 4)
        if not isinstance(address, tuple) or not parts[0] <= len(address) <= parts[1]:
            raise ValueError("address should be a (host, port) tuple")
        host, port = address[0], address[1]
        if isinstance(port, int) and host:
            try:
                socket.inet_pton(self._family, host)
            except OSError:
                pass
            else:
                return address
        flags = socket.AI_PASSIVE if local else 0
        if self._family == socket.AF_INET6 and not self._option(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            flags |= socket.AI_V4MAPPED
        found = await trio.socket.getaddrinfo(host or None, port, self._family, socket.SOCK_STREAM, self._proto, flags)
        return found[0][4]


def _unix_path(path: str | bytes) -> str:
    text = os.fsdecode(path)
    if len(os.fsencode(text)) > UNIX_PATH_OCTETS_MAX:
        raise OSError("AF_UNIX path too long")
    return text


def _raised(error: Exception) -> Any:
    import outcome

    return outcome.Error(error)
