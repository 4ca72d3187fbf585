"""What every socket of the simulated world has: a descriptor of its life, options, a port, names that are resolved."""

from __future__ import annotations

import errno
import os
import socket
import struct
from abc import abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, overload

import trio

from .address import ANY_4, ANY_6, Name, failure
from .options import SO_ATTACH_FILTER, SO_DETACH_FILTER, Options
from .ports import Binding
from .waiting import Waiting

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

    from ..host import Life
    from .datagram import DatagramSocket

LOWEST_FREE_PORT = 1024  # below it root alone may bind


class Facade:
    """What anyio looks at of the standard library's socket inside trio's: facts and options, no I/O."""

    def __init__(self, outer: SimSocket) -> None:
        self.family, self.type, self.proto = outer.family, outer.type, outer.proto
        self.getsockname, self.getpeername = outer.getsockname, outer.getpeername
        self.getsockopt, self.setsockopt = outer.getsockopt, outer.setsockopt
        self.fileno = outer.fileno


class SimSocket(trio.socket.SocketType):
    """A simulated socket of one process life. Errors are Linux's."""

    _kind: ClassVar[socket.SocketKind]
    _protocol: ClassVar[int]  # of the two Internet families

    def __init__(
        self, life: Life, family: int, proto: int, options: Mapping[tuple[int, int], int] | None = None
    ) -> None:
        super().__init__()
        self._life = life
        self._host = life.host
        self._number = self._host.network.socket_number()
        self._family = socket.AddressFamily(family)
        self._proto = proto
        self._options = Options(family, self._kind, options)
        self._waiting = Waiting()
        self._binding: Binding | None = None
        self._write_shut = False
        self._inheritable = False
        self._descriptor = life.open_descriptor(self)

    # -- what it is

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<simulated {self._family.name} {self._kind.name} {self._number} of {self._life}, {self._state}>"

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
        return self._kind

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

    @property
    def _state(self) -> str:
        """For people who look at it."""
        return "closed" if self._waiting.closed else "open"

    def fileno(self) -> int:
        return self._descriptor

    def get_inheritable(self) -> bool:
        return self._inheritable

    def set_inheritable(self, inheritable: bool) -> None:
        self._check_open()
        self._inheritable = inheritable

    # -- options

    @overload
    def getsockopt(self, level: int, optname: int) -> int: ...
    @overload
    def getsockopt(self, level: int, optname: int, buflen: int) -> bytes: ...
    def getsockopt(self, level: int, optname: int, buflen: int | None = None) -> int | bytes:
        self._check_open()
        self._options.check_level(level, reading=True)
        blob = self._blob(level, optname)
        if blob is not None:
            return blob[:buflen] if buflen is not None else int.from_bytes(blob[:4], "little", signed=True)
        value = self._fact(optname) if level == socket.SOL_SOCKET else None
        if value is None:
            value = self._options.number(level, optname)
        return value if buflen is None else struct.pack("i", value)[:buflen]

    def _blob(self, level: int, name: int) -> bytes | None:
        """An option that is a structure, if it is one."""
        return self._options.blobs.get((level, name))

    def _fact(self, name: int) -> int | None:
        """An option of SOL_SOCKET that tells of the socket, if it does."""
        match name:
            case socket.SO_TYPE:
                return int(self._kind)
            case socket.SO_DOMAIN:
                return int(self._family)
            case socket.SO_PROTOCOL:
                return 0 if self._unix else self._protocol
            case socket.SO_ACCEPTCONN:
                return 0
            case socket.SO_ERROR:
                return self._take_error()
        return None

    @abstractmethod
    def _take_error(self) -> int:
        """The pending error, which is told once."""

    @overload
    def setsockopt(self, level: int, optname: int, value: int | Buffer) -> None: ...
    @overload
    def setsockopt(self, level: int, optname: int, value: None, optlen: int) -> None: ...
    def setsockopt(self, level: int, optname: int, value: int | Buffer | None, optlen: int | None = None) -> None:
        self._check_open()
        self._options.check_level(level, reading=False)
        if (level, optname) == (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) and self._binding is not None:
            raise failure(errno.EINVAL)
        if level == socket.SOL_SOCKET and optname == SO_DETACH_FILTER:
            self._filter(drops_all=False)
        elif isinstance(value, int):
            self._options.set_number(level, optname, value)
            self._apply_options()
        else:
            if level == socket.SOL_SOCKET and optname == SO_ATTACH_FILTER:
                self._filter(drops_all=True)  # the one program the product attaches: no SYN
            self._options.set_blob(level, optname, value)

    def _filter(self, *, drops_all: bool) -> None:
        """A packet filter was attached or detached."""

    def _apply_options(self) -> None:
        """A number was set."""
        if self._binding is not None:
            self._binding.reuse_address = self._options.reuse_address
            self._binding.reuse_port = self._options.reuse_port

    def belong_to(self, uid: int) -> None:
        """fchown(2): who shares its port, if it has one, has to be *uid*."""
        if self._binding is not None:
            self._binding.uid = uid

    # -- its port

    @property
    def _unbound(self) -> Name:
        return Name(ANY_4 if self._family == socket.AF_INET else ANY_6, 0)

    def _shown(self, name: Name) -> Any:
        """Its own name, as getsockname() shows it."""
        return (str(name.ip), name.port) if self._family == socket.AF_INET else name.shown(self._family)

    def _bind_port(self, name: Name) -> None:
        if self._binding is not None:
            raise failure(errno.EINVAL)
        if self._options.v6_only and name.ip.version == 4:
            raise failure(errno.EINVAL, name)
        if not self._host.network.owns(self._host, name.ip):
            raise failure(errno.EADDRNOTAVAIL, name)
        if 0 < name.port < LOWEST_FREE_PORT and self._life.credentials.uid != 0 and not self._life.binds_low_ports:
            raise failure(errno.EACCES, name)
        self._binding = self._claim(name)
        self._host.trace("bind", name=self._binding.name, socket=self._number)

    def _claim(self, name: Name) -> Binding:
        return self._claimed(name, None)

    def _claimed(self, name: Name, receiver: DatagramSocket | None) -> Binding:
        binding = Binding(
            self._family,
            name,
            reuse_address=self._options.reuse_address,
            reuse_port=self._options.reuse_port,
            v6_only=self._options.v6_only,
            uid=self._life.credentials.uid,
            receiver=receiver,
        )
        self._host.ports.claim(binding)
        return binding

    # -- the end of it

    def close(self) -> None:
        if not self._waiting.closed:
            self._waiting.close()
            self._release()

    def kernel_close(self) -> None:
        """The process is dead: the kernel closes its descriptors. Tasks are not woken: they are cancelled next."""
        if not self._waiting.closed:
            self._release()

    def vanish(self) -> None:
        """The machine lost power: no packet says so."""
        self.kernel_close()

    def _release(self) -> None:
        """Give back what it holds."""
        self._waiting.closed = True
        self._life.close_descriptor(self)
        self._descriptor = -1

    def _check_open(self) -> None:
        if self._waiting.closed:
            raise failure(errno.EBADF)

    async def _wait_writable(self, ready: bool) -> bool:
        """The checkpoints of wait_writable(); whether it need not wait."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._waiting.closed:
            raise ValueError("file descriptor cannot be a negative integer (-1)")
        if ready:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return ready

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
        if self._family == socket.AF_INET6 and not self._options.v6_only:
            flags |= socket.AI_V4MAPPED
        found = await trio.socket.getaddrinfo(host or None, port, self._family, self._kind, self._proto, flags)
        return found[0][4]
