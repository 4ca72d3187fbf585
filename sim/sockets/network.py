"""The network: which host has which address, the paths between hosts, and trio's socket factory."""

from __future__ import annotations

import errno
import socket
from itertools import count
from typing import TYPE_CHECKING

import trio

from ..host import current_life
from .address import LOOPBACK_4, LOOPBACK_6, IPAddress, failure, unmapped
from .connection import UnixEnd
from .link import Path

if TYPE_CHECKING:
    from ..host import Host
    from ..kernel import Kernel

LOOPBACK_SECONDS = 20e-6
UNIX_SECONDS = 5e-6


class Network(trio.abc.SocketFactory):
    """All hosts and what lies between them.

    latency_seconds: of a path nobody described. short: the share of reads and writes that are cut at a drawn place,
    so that parsers meet many splits.
    """

    def __init__(self, kernel: Kernel, *, latency_seconds: float = 0.001, short: float = 0.0) -> None:
        self.kernel = kernel
        self.latency_seconds = latency_seconds
        self.short = short
        self.hosts: dict[IPAddress, Host] = {}  # who gets an address's packets
        self.routes = 0  # grows whenever that changes
        self._claims: dict[IPAddress, list[Host]] = {}  # who else has it up, the last to announce it last
        self._paths: dict[tuple[str, str], Path] = {}
        self._numbers = count(1)
        self._hashes = count(1)

    # -- topology

    def add_address(self, host: Host, ip: IPAddress) -> None:
        """Bring *ip* up on *host* (every host has the loopback). EADDRINUSE if another host has it."""
        if ip.is_loopback:
            return
        if self.hosts.get(ip, host) is not host:
            raise failure(errno.EADDRINUSE, ip)
        self.announce(host, ip)

    def announce(self, host: Host, ip: IPAddress) -> None:
        """*ip* is *host*'s from now on, whoever else has it too (a gratuitous ARP or its like)."""
        self._claims.setdefault(ip, []).append(host)
        self._route(ip)

    def announce_again(self, host: Host, ip: IPAddress) -> None:
        """*host*, which has *ip*, says so once more: it gets its packets, whoever announced it last."""
        self._claims[ip].remove(host)
        self.announce(host, ip)

    def remove_address(self, host: Host, ip: IPAddress) -> None:
        """Take *ip* down again: who had it before and still has it answers for it."""
        if host in (claims := self._claims.get(ip, [])):
            claims.remove(host)
            self._route(ip)

    def _route(self, ip: IPAddress) -> None:
        self.routes += 1
        if claims := self._claims[ip]:
            self.hosts[ip] = claims[-1]
        else:
            del self.hosts[ip], self._claims[ip]

    def path(self, source: Host, target: Host) -> Path:
        """The direction from *source* to *target*; inside one host it is the loopback."""
        return self._path(source.name, target.name, LOOPBACK_SECONDS if source is target else self.latency_seconds)

    def unix_path(self, host: Host) -> Path:
        """How long octets take through a Unix socket: next to nothing, yet time moves."""
        return self._path(host.name, "(unix)", UNIX_SECONDS)

    def paths(self) -> list[Path]:
        """All paths that were ever asked for."""
        return list(self._paths.values())

    def _path(self, source: str, target: str, latency_seconds: float) -> Path:
        path = self._paths.get((source, target))
        if path is None:
            name = f"{source}>{target}"
            path = Path(name, self.kernel, self.kernel.rng(f"link/{name}"), latency_seconds)
            self._paths[source, target] = path
        return path

    def holder(self, asking: Host, ip: IPAddress) -> Host | None:
        """The host that packets from *asking* to *ip* reach."""
        return asking if self.owns(asking, ip) else self.hosts.get(ip)

    def source(self, asking: Host, target: IPAddress) -> IPAddress:
        """The address *asking* shows to *target* when it bound none. ENETUNREACH without one of that IP version."""
        if target.is_unspecified or target.is_loopback:
            return target if target.is_loopback else (LOOPBACK_4 if target.version == 4 else LOOPBACK_6)
        if target in asking.addresses:
            return target
        for ip in asking.addresses:
            if ip.version == target.version:
                return ip
        raise failure(errno.ENETUNREACH, target)

    def owns(self, host: Host, ip: IPAddress) -> bool:
        """Whether *ip* means *host* to itself: it may bind it."""
        ip = unmapped(ip)
        return ip.is_unspecified or ip.is_loopback or ip in host.addresses

    # -- connections

    def reset(self, one: Host, other: Host) -> int:
        """Both ends of every TCP connection between two hosts get a reset now; how many connections."""
        ends = [end for end in one.ends if end.tcp and end.peer.host is other and not end.over]
        for end in ends:
            end.peer.reset_came()
            end.reset_came()
        return len(ends)

    def number(self) -> int:
        """The number of a new connection."""
        return next(self._numbers)

    def socket_number(self) -> int:
        """The number of a new socket: its hash, so that sets of sockets have one order in every process."""
        return next(self._hashes)

    def cut(self, path: Path, octets: int) -> int:
        """How many of *octets* one call moves: all, or by the share ``short`` fewer, but at least one."""
        if self.short and octets > 1 and path.draws.random() < self.short:
            return path.draws.randint(1, octets)
        return octets

    def unix_pair(self, host: Host, client: str, server: str) -> tuple[UnixEnd, UnixEnd]:
        """The two ends of a new Unix connection: the client's and the server's."""
        path, number = self.unix_path(host), self.number()
        ends = UnixEnd(host, path, number, client, server), UnixEnd(host, path, number, server, client)
        ends[0].join(ends[1])
        return ends

    # -- trio's seam

    def socket(
        self,
        family: socket.AddressFamily | int | None = None,
        type: socket.SocketKind | int | None = None,  # noqa: A002  trio's name
        proto: int | None = None,
    ) -> trio.socket.SocketType:
        """A socket of the process that asks. Raises NoHost if no simulated process does."""
        from .datagram import DatagramSocket
        from .stream import StreamSocket

        life = current_life()
        kind = (socket.SOCK_STREAM if type is None else type) & ~(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        if family == socket.AF_INET6 and not life.host.ipv6:
            raise failure(errno.EAFNOSUPPORT)
        if family not in (None, socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            raise failure(errno.EAFNOSUPPORT)
        family = socket.AF_INET if family is None else family
        if kind == socket.SOCK_STREAM:
            return StreamSocket(life, family, proto or 0)
        if kind == socket.SOCK_DGRAM and family != socket.AF_UNIX:
            return DatagramSocket(life, family, proto or 0)
        raise failure(errno.EPROTONOSUPPORT, "the simulated network has TCP, UDP and Unix streams")
