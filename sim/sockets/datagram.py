"""UDP over IPv4 and IPv6: the socket trio's users hold, and a datagram's way to another.

What a path does to datagrams (loss, duplicates, order, a partition) is the path's. Known to differ: fragments do not
exist, so nothing is lost by a part; a send never waits for room; after shutdown() for reading a receive waits, where
Linux has poll() say that it would not; multicast and broadcast reach nobody.

Source: udp(7), ip(7), ipv6(7); udp_sendmsg() and the look-ups of Linux.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .address import Name, failure, parse
from .simsocket import SimSocket

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..host import Host, Life
    from .ports import Binding

OCTETS_MAX_4 = 65_535 - 20 - 8  # an IPv4 packet less its header and UDP's
OCTETS_MAX_6 = 65_535 - 8
OVERHEAD_OCTETS = 832  # what the smallest datagram costs of SO_RCVBUF on Linux
MSG_PEEK, MSG_TRUNC = int(socket.MSG_PEEK), int(socket.MSG_TRUNC)  # as plain numbers: enum arithmetic is slow
LIMITED_BROADCAST = "255.255.255.255"


@dataclass(frozen=True, slots=True)
class Datagram:
    """What one send makes."""

    source: Name
    target: Name
    octets: bytes

    def leave(self, host: Host) -> None:
        """Out of *host*, onto the path. Where nobody has the address it is lost without a word."""
        host.trace("datagram", source=self.source, target=self.target, octets=len(self.octets))
        to = host.network.holder(host, self.target.ip)
        if to is not None:
            host.network.path(host, to).carry_datagram(len(self.octets), self._arrive, host, to)

    def _arrive(self, source: Host, host: Host) -> None:
        """At *host*: into the socket's queue, or answered with ICMP's port unreachable."""
        if not host.up:
            return
        receiver = host.ports.receiver(self.source, self.target)
        if receiver is not None:
            receiver.take(self)
        else:
            host.network.path(host, source).carry_datagram(0, self._unreachable, source)

    def _unreachable(self, host: Host) -> None:
        """Back at the sender: a connected socket learns of it (RFC 1122 4.1.3.3), others do not."""
        sender = host.ports.receiver(self.target, self.source)
        if sender is not None and host.up:
            sender.refused()


class DatagramSocket(SimSocket):
    """A simulated UDP socket of one process life."""

    _kind = socket.SOCK_DGRAM
    _protocol = socket.IPPROTO_UDP

    def __init__(self, life: Life, family: int, proto: int) -> None:
        super().__init__(life, family, proto)
        self._arrived: deque[Datagram] = deque()
        self._charged_octets = 0
        self._error = 0

    def getsockname(self) -> Any:
        self._check_open()
        return self._shown(self._binding.name if self._binding is not None else self._unbound)

    def getpeername(self) -> Any:
        self._check_open()
        return self._peer().shown(self._family)

    def _peer(self) -> Name:
        if self._binding is None or self._binding.remote is None:
            raise failure(errno.ENOTCONN)
        return self._binding.remote

    def _take_error(self) -> int:
        code, self._error = self._error, 0
        return code

    # -- bind and connect

    async def bind(self, address: Any) -> None:
        resolved = await self._resolve(address, local=True)
        await self._waiting.at_once(lambda: self._bind(resolved))

    def _bind(self, address: Any) -> None:
        self._check_open()
        self._bind_port(parse(self._family, address))

    def _claim(self, name: Name) -> Binding:
        return self._claimed(name, self)

    def _bound(self) -> Binding:
        """Its claim, made now if there was none."""
        if self._binding is None:
            self._binding = self._claim(self._unbound)
        return self._binding

    async def connect(self, address: Any) -> None:
        resolved = await self._resolve(address, local=False)
        await self._waiting.at_once(lambda: self._connect(resolved))

    def _connect(self, address: Any) -> None:
        self._check_open()
        target = self._target(address)
        source = self._source(target)
        binding = self._bound()
        binding.name, binding.remote = Name(source.ip, binding.name.port), target

    def _target(self, address: Any) -> Name:
        target = parse(self._family, address)
        if self._options.v6_only and target.ip.version == 4:
            raise failure(errno.ENETUNREACH, target)
        if str(target.ip) == LIMITED_BROADCAST and not self._options.broadcasts:
            raise failure(errno.EACCES, target)
        if target.ip.is_unspecified:
            return Name(self._host.network.source(self._host, target.ip), target.port)
        return target

    def _source(self, target: Name) -> Name:
        """What *target* sees a datagram come from; port 0 is not chosen yet."""
        network = self._host.network
        bound = self._binding.name if self._binding is not None else self._unbound
        if bound.ip.is_unspecified:
            return Name(network.source(self._host, target.ip), bound.port)
        if bound.ip.version != target.ip.version:
            raise failure(errno.ENETUNREACH, target)
        if bound.ip.is_loopback and network.holder(self._host, target.ip) is not self._host:
            raise failure(errno.EINVAL, target)
        return bound

    # -- send

    async def send(self, bytes: Buffer, flags: int = 0, /) -> int:  # noqa: A002  trio's name
        return await self._waiting.at_once(lambda: self._send(bytes, None))

    async def sendto(self, *args: Any) -> int:
        octets, address = args[0], await self._resolve(args[-1], local=False)
        return await self._waiting.at_once(lambda: self._send(octets, address))

    async def sendmsg(
        self,
        buffers: Iterable[Buffer],
        ancdata: Iterable[tuple[int, int, Buffer]] = (),
        flags: int = 0,
        address: Any = None,
        /,
    ) -> int:
        assert not list(ancdata), "no ancillary data is simulated"
        octets = b"".join(memoryview(part).cast("B") for part in buffers)
        resolved = None if address is None else await self._resolve(address, local=False)
        return await self._waiting.at_once(lambda: self._send(octets, resolved))

    def _send(self, buffer: Buffer, address: Any) -> int:
        self._check_open()
        octets = bytes(memoryview(buffer).cast("B"))
        if address is not None:
            target = self._target(address)
        elif self._binding is None or self._binding.remote is None:
            raise failure(errno.EDESTADDRREQ)
        else:
            target = self._binding.remote
        if not target.port:
            raise failure(errno.EINVAL, target)
        source = self._source(target)
        if len(octets) > (OCTETS_MAX_4 if target.ip.version == 4 else OCTETS_MAX_6):
            raise failure(errno.EMSGSIZE)
        if self._write_shut:
            raise failure(errno.EPIPE)
        if code := self._take_error():
            raise failure(code)
        Datagram(Name(source.ip, self._bound().name.port), target, octets).leave(self._host)
        return len(octets)

    # -- receive

    def take(self, datagram: Datagram) -> None:
        """One arrived: it is dropped when those that wait fill the buffer."""
        charge = len(datagram.octets) + OVERHEAD_OCTETS
        if self._charged_octets + charge > self._options.receive_octets:
            self._host.trace("datagram-dropped", socket=self._number)
            return
        self._charged_octets += charge
        self._arrived.append(datagram)
        self._waiting.wake_reader()

    def refused(self) -> None:
        """Nobody has the port of one that was sent."""
        if self._binding is not None and self._binding.remote is not None:
            self._error = errno.ECONNREFUSED
            self._waiting.wake_reader()

    def _receive(self, flags: int) -> Datagram:
        self._check_open()
        if code := self._take_error():
            raise failure(code)
        if flags & MSG_PEEK:
            return self._arrived[0]
        datagram = self._arrived.popleft()
        self._charged_octets -= len(datagram.octets) + OVERHEAD_OCTETS
        return datagram

    async def recv(self, buflen: int, flags: int = 0, /) -> bytes:
        if buflen == 0:  # Python asks no kernel then
            return await self._waiting.at_once(bytes)
        return (await self.recvfrom(buflen, flags))[0]

    async def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        octets, _, _, address = await self.recvmsg(bufsize, 0, flags)
        return octets, address

    async def recvmsg(
        self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /
    ) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]:
        if bufsize < 0:
            raise ValueError("negative buffer size in recvmsg()")
        datagram = await self._waiting.reading(self.is_readable, self._receive, flags)
        truncated = MSG_TRUNC if len(datagram.octets) > bufsize else 0
        return datagram.octets[:bufsize], [], truncated, datagram.source.shown(self._family)

    async def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        return (await self.recvfrom_into(buffer, nbytes, flags))[0]

    async def recvfrom_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        with memoryview(buffer).cast("B") as view:
            datagram = await self._waiting.reading(self.is_readable, self._receive, flags)
            octets = datagram.octets[: nbytes or len(view)]
            view[: len(octets)] = octets
        count = len(datagram.octets) if flags & MSG_TRUNC else len(octets)
        return count, datagram.source.shown(self._family)

    async def recvmsg_into(
        self, buffers: Iterable[Buffer], ancbufsize: int = 0, flags: int = 0, /
    ) -> tuple[int, list[tuple[int, int, bytes]], int, Any]:
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        octets, ancillary, truncated, address = await self.recvmsg(sum(map(len, views)), ancbufsize, flags)
        rest = octets
        for view in views:
            part, rest = rest[: len(view)], rest[len(view) :]
            view[: len(part)] = part
        return len(octets), ancillary, truncated, address

    def is_readable(self) -> bool:
        return bool(self._arrived or self._error)

    async def wait_writable(self) -> None:
        await self._wait_writable(ready=True)

    # -- what UDP has not, and the end

    def listen(self, backlog: int = 128) -> None:
        raise failure(errno.EOPNOTSUPP)

    async def accept(self) -> Any:
        await self._waiting.at_once(self.listen)

    def shutdown(self, flag: int) -> None:
        self._check_open()
        self._write_shut = self._write_shut or flag in (socket.SHUT_WR, socket.SHUT_RDWR)
        self._peer()

    def _release(self) -> None:
        super()._release()
        self._arrived.clear()
        if self._binding is not None:
            self._host.ports.release(self._binding)
