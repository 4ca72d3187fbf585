"""Socket options: which there are, what Linux has them at, what was set on one socket."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .address import failure
from .connection import RECEIVE_OCTETS, SEND_OCTETS, UNIX_OCTETS
from .patience import Patience

if TYPE_CHECKING:
    from typing_extensions import Buffer

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # asm-generic/socket.h; the socket module does not have them
BUFFER_OCTETS_MIN = 2304
BUFFER_OCTETS_MAX = 212_992  # net.core.wmem_max, rmem_max
DATAGRAM_OCTETS = 212_992  # net.core.wmem_default, rmem_default

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
_BUFFERS = (socket.SO_SNDBUF, socket.SO_RCVBUF)


class Options:
    """The options of one socket. numbers: those an accepted socket has from its listener."""

    def __init__(self, family: int, kind: int, numbers: Mapping[tuple[int, int], int] | None = None) -> None:
        self.numbers = dict(numbers or {})
        self.blobs: dict[tuple[int, int], bytes] = {}
        self._family = family
        self._kind = kind

    def check_level(self, level: int, *, reading: bool) -> None:
        """The error Linux has for options of a level that the socket's protocol does not know."""
        if self._family == socket.AF_UNIX and level in (socket.IPPROTO_TCP, socket.IPPROTO_IPV6, socket.IPPROTO_IP):
            raise failure(errno.EOPNOTSUPP)
        if self._family == socket.AF_INET and level == socket.IPPROTO_IPV6:
            raise failure(errno.ENOPROTOOPT)
        if self._kind == socket.SOCK_DGRAM and level == socket.IPPROTO_TCP:
            raise failure(errno.EOPNOTSUPP if reading else errno.ENOPROTOOPT)

    def number(self, level: int, name: int) -> int:
        """The value of an option that is a number. ENOPROTOOPT for one nobody knows and nobody set."""
        if (value := self.numbers.get((level, name))) is not None:
            return value
        if level == socket.SOL_SOCKET and name in _BUFFERS:
            return self._buffer_octets(name)
        default = _BOOLEANS.get((level, name), _NUMBERS.get((level, name)))
        if default is None:
            raise failure(errno.ENOPROTOOPT)
        return default

    def _buffer_octets(self, name: int) -> int:
        if self._family == socket.AF_UNIX:
            return UNIX_OCTETS
        if self._kind == socket.SOCK_DGRAM:
            return DATAGRAM_OCTETS
        return SEND_OCTETS if name == socket.SO_SNDBUF else RECEIVE_OCTETS

    def set_number(self, level: int, name: int, value: int) -> None:
        """Set an option that is a number, as Linux keeps it: booleans as 0 or 1, buffers doubled and bounded."""
        if (level, name) in _BOOLEANS:
            value = int(bool(value))
        elif level == socket.SOL_SOCKET and name in _BUFFERS:
            value = max(2 * min(value, BUFFER_OCTETS_MAX), BUFFER_OCTETS_MIN)
        self.numbers[level, name] = value

    def set_blob(self, level: int, name: int, blob: Buffer | None) -> None:
        """Set an option that is a structure."""
        self.blobs[level, name] = b"" if blob is None else bytes(memoryview(blob))

    # -- what the stack asks

    @property
    def reuse_address(self) -> bool:
        return bool(self.number(socket.SOL_SOCKET, socket.SO_REUSEADDR))

    @property
    def reuse_port(self) -> bool:
        return bool(self.number(socket.SOL_SOCKET, socket.SO_REUSEPORT))

    @property
    def broadcasts(self) -> bool:
        return bool(self.number(socket.SOL_SOCKET, socket.SO_BROADCAST))

    @property
    def v6_only(self) -> bool:
        return self._family == socket.AF_INET6 and bool(self.number(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))

    @property
    def send_octets(self) -> int:
        return self.number(socket.SOL_SOCKET, socket.SO_SNDBUF)

    @property
    def receive_octets(self) -> int:
        return self.number(socket.SOL_SOCKET, socket.SO_RCVBUF)

    @property
    def lingers_not(self) -> bool:
        """Whether SO_LINGER is on with no time at all: a close resets."""
        blob = self.blobs.get((socket.SOL_SOCKET, socket.SO_LINGER))
        return blob is not None and struct.unpack("ii", blob) == (1, 0)

    @property
    def patience(self) -> Patience:
        """SO_KEEPALIVE and its three numbers, and TCP_USER_TIMEOUT."""
        return Patience(
            keepalive=bool(self.number(socket.SOL_SOCKET, socket.SO_KEEPALIVE)),
            idle_seconds=self.number(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            interval_seconds=self.number(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
            probes_max=self.number(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
            user_timeout_seconds=self.number(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) / 1000,
        )
