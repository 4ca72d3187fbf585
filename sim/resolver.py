"""Names to addresses: the hosts of the world."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import trio

from .sockets.address import LOOPBACK_4, LOOPBACK_6, IPAddress

SERVICES = {"smtp": 25, "domain": 53, "http": 80, "https": 443, "smtps": 465, "submissions": 465, "submission": 587}


class Resolver(trio.abc.HostnameResolver):
    """getaddrinfo and getnameinfo for the simulated world.

    names: by lower-case name; a test may add aliases. trio itself answers numeric questions with the real libc.
    """

    def __init__(self) -> None:
        self.names: dict[str, list[IPAddress]] = {"localhost": [LOOPBACK_4, LOOPBACK_6]}

    def add(self, name: str, addresses: list[IPAddress]) -> None:
        """Make *name* stand for *addresses*; the list is looked at anew by each question."""
        self.names[name.lower()] = addresses

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002  trio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        await trio.lowlevel.checkpoint()
        number = _port(port)
        found = self._addresses(host, flags)
        wanted = [ip for ip in found if family in (0, _family(ip))]
        if not wanted and family == socket.AF_INET6 and flags & socket.AI_V4MAPPED:
            wanted = [ip_address(f"::ffff:{ip}") for ip in found]
        if not wanted:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kind = socket.SocketKind(type or socket.SOCK_STREAM)
        protocol = proto or (socket.IPPROTO_UDP if kind == socket.SOCK_DGRAM else socket.IPPROTO_TCP)
        return [(_family(ip), kind, protocol, "", _shown(ip, number)) for ip in wanted]

    def _addresses(self, host: bytes | str | None, flags: int) -> list[IPAddress]:
        if host is None:
            texts = ("0.0.0.0", "::") if flags & socket.AI_PASSIVE else ("127.0.0.1", "::1")
            return [ip_address(text) for text in texts]
        text = host.decode("ascii") if isinstance(host, bytes) else host
        try:
            return [ip_address(text)]
        except ValueError:
            return self.names.get(text.lower().rstrip("."), [])

    async def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        await trio.lowlevel.checkpoint()
        ip = ip_address(sockaddr[0])
        names = [name for name, addresses in self.names.items() if ip in addresses]
        numeric = flags & socket.NI_NUMERICHOST or not names
        return (str(ip) if numeric else names[0]), str(sockaddr[1])


def _family(ip: IPAddress) -> socket.AddressFamily:
    return socket.AF_INET if ip.version == 4 else socket.AF_INET6


def _shown(ip: IPAddress, port: int) -> tuple[Any, ...]:
    return (str(ip), port) if ip.version == 4 else (str(ip), port, 0, 0)


def _port(port: bytes | str | int | None) -> int:
    if port is None or isinstance(port, int):
        return port or 0
    text = port.decode("ascii") if isinstance(port, bytes) else port
    if text.isdigit():
        return int(text)
    if text not in SERVICES:
        raise socket.gaierror(socket.EAI_SERVICE, "Servname not supported for ai_socktype")
    return SERVICES[text]
