"""Where a socket listens: every form of a Listen instance (spec: config-language, section 9).

An endpoint is a value: two spellings of one socket are equal after parsing, and ``str()`` is the canonical one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

UNIX_PATH_OCTETS_MAX = 107  # sun_path holds 108 with its terminating NUL
UNIX_DIRECTORY_OCTETS_MAX = 97  # it is bound under a private name of ten octets before it has its own
ENDPOINT_TEXT_MAX = 512
ORDINARY_PORT_MIN = 1024

_EXPECTED = "expected ADDRESS:PORT, [IPV6]:PORT, *:PORT, [*]:PORT or a path that begins with '/'"


class Family(Enum):
    """The kind of socket."""

    INET = "IPv4"
    INET6 = "IPv6"
    UNIX = "unix"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One listening socket.

    address: normalised; ``*`` is any IPv4 address, ``::`` any IPv6 address, empty for a Unix socket.
    port: 0 to 65535; 0, ours, lets the kernel choose. path: of a Unix socket, else empty.
    """

    family: Family
    address: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """The endpoint that *text* names. Raises ValueError whose text says what was expected."""
        if not text or len(text) > ENDPOINT_TEXT_MAX:
            raise ValueError(_EXPECTED)
        if text.startswith("/"):
            return cls(Family.UNIX, "", 0, _unix_path(text))
        if text.startswith("["):
            host, bracket, rest = text[1:].partition("]")
            if not bracket:
                raise ValueError(f"'[' is never closed: {_EXPECTED}")
            return _bracketed(host, _port(rest))
        host, colon, port = text.rpartition(":")
        if not colon:
            raise ValueError(f"the port is missing: {_EXPECTED}")
        if ":" in host:
            raise ValueError(f"an IPv6 address stands in brackets here: [{text}]:PORT or [{host}]:{port}")
        return cls(Family.INET, _ipv4(host), _port(":" + port))

    def __str__(self) -> str:
        if self.family is Family.UNIX:
            return self.path
        return f"[{self.address}]:{self.port}" if self.family is Family.INET6 else f"{self.address}:{self.port}"

    @property
    def is_wildcard(self) -> bool:
        """Whether it listens on every address of its family."""
        return self.address in ("*", "::")

    @property
    def is_loopback(self) -> bool:
        """Whether only this host can reach it; a Unix socket is such."""
        if self.family is Family.UNIX:
            return True
        return not self.is_wildcard and ipaddress.ip_address(self.address).is_loopback

    @property
    def is_privileged(self) -> bool:
        """Whether binding it takes root or CAP_NET_BIND_SERVICE (ip(7), ip_unprivileged_port_start)."""
        return self.family is not Family.UNIX and 0 < self.port < ORDINARY_PORT_MIN

    def overlaps(self, other: Endpoint) -> bool:
        """Whether some client could reach either. IPv6 sockets take no IPv4 peers (IPV6_V6ONLY)."""
        if self.family is not other.family or self.port != other.port or self.path != other.path:
            return False
        return self.address == other.address or self.is_wildcard or other.is_wildcard


def accepting(endpoints: Sequence[Endpoint], local: Endpoint) -> Endpoint | None:
    """Which of *endpoints*, all of them listening, gets a connection to *local*: the specific one before a wildcard."""
    if local in endpoints:
        return local
    return next((endpoint for endpoint in endpoints if endpoint.is_wildcard and endpoint.overlaps(local)), None)


def _unix_path(text: str) -> str:
    if "\0" in text:
        raise ValueError("a path holds no NUL")
    path = re.sub(r"/(?:\.?/)+", "/", text)
    if path.endswith("/") or len(path.encode("utf-8", "surrogatepass")) > UNIX_PATH_OCTETS_MAX:
        raise ValueError(f"expected the path of a Unix socket, at most {UNIX_PATH_OCTETS_MAX} octets")
    if len(path.rpartition("/")[0].encode("utf-8", "surrogatepass")) > UNIX_DIRECTORY_OCTETS_MAX:
        raise ValueError(f"the directory of a Unix socket has at most {UNIX_DIRECTORY_OCTETS_MAX} octets")
    return path


def _port(text: str) -> int:
    """The port after a host: *text* begins with its colon."""
    digits = text.removeprefix(":")
    if digits == text or not digits:
        raise ValueError(f"the port is missing: {_EXPECTED}")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 5 or int(digits) > 65535:
        raise ValueError(f"expected a port from 1 to 65535, not '{digits}'")
    return int(digits)


def _ipv4(host: str) -> str:
    if host in ("", "*", "0.0.0.0"):
        return "*"
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise ValueError(f"'{host}' is not an IPv4 address; host names do not name a socket: {_EXPECTED}") from None


def _bracketed(host: str, port: int) -> Endpoint:
    if host == "*":
        return Endpoint(Family.INET6, "::", port)
    if not host:
        raise ValueError(f"nothing stands in the brackets: {_EXPECTED}")
    if ":" not in host:
        return Endpoint(Family.INET, _ipv4(host), port)
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise ValueError(f"'{host}' is not an IPv6 address") from None
    if address.scope_id is not None and not address.is_link_local:
        raise ValueError(f"only a link-local address has a zone: '{host}' is none")
    if address.ipv4_mapped is not None:
        return Endpoint(Family.INET, _ipv4(str(address.ipv4_mapped)), port)
    return Endpoint(Family.INET6, str(address), port)


def endpoint_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    """One end of a TCP connection, as logs have it: ``192.0.2.1:4711``, ``[2001:db8::1]:4711``."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
