"""Addresses as the simulated stack keeps them, and as each family shows them."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address

ANY_4, ANY_6 = IPv4Address("0.0.0.0"), IPv6Address("::")
LOOPBACK_4, LOOPBACK_6 = IPv4Address("127.0.0.1"), IPv6Address("::1")
PORT_MAX = 65535


def failure(code: int, detail: object = "") -> OSError:
    """The OSError (of its right subclass) for *code*."""
    text = os.strerror(code)
    return OSError(code, f"{text}: {detail}" if detail != "" else text)


@dataclass(frozen=True, slots=True)
class Name:
    """One end of a TCP connection on the wire: an IPv4-mapped IPv6 address is kept as the IPv4 address it maps."""

    ip: IPAddress
    port: int

    def __str__(self) -> str:
        return f"{self.ip}:{self.port}" if self.ip.version == 4 else f"[{self.ip}]:{self.port}"

    def shown(self, family: int) -> tuple[Any, ...]:
        """The tuple getsockname() and its like give for a socket of *family*."""
        if family == socket.AF_INET:
            return (str(self.ip), self.port)
        text = f"::ffff:{self.ip}" if self.ip.version == 4 else str(self.ip)
        return (text, self.port, 0, 0)


def parse(family: int, address: tuple[Any, ...]) -> Name:
    """The Name of a resolved (numeric) address tuple. OverflowError for a port out of range, as the real one."""
    host, port = address[0], address[1]
    if not 0 <= port <= PORT_MAX:
        raise OverflowError(f"port must be 0-{PORT_MAX}.")
    ip = ip_address(host.partition("%")[0])
    if family == socket.AF_INET and ip.version != 4:
        raise failure(errno.EAFNOSUPPORT, host)
    return Name(unmapped(ip), port)


def unmapped(ip: IPAddress) -> IPAddress:
    """*ip*, or the IPv4 address it maps."""
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip
