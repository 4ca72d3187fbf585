"""The next host on a message's way, as ``Gateway`` names it (spec: config-language, section 10)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

HOST_OCTETS_MAX = 253
LABEL_OCTETS_MAX = 63
NEXT_HOP_TEXT_MAX = 300
PATH_OCTETS_MAX = 107  # sun_path of unix(7), less the zero at its end

_EXPECTED = "expected HOST, ADDRESS or [IPV6], with :PORT behind it if it is not the usual one, or /SOCKET"
_NAME = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"
)


@dataclass(frozen=True, slots=True)
class NextHop:
    """One host to hand mail to, or a socket on this one.

    host: a name in lower case, an address without brackets, or the path of a Unix socket, which begins with ``/``.
    port: None: the usual.
    """

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> NextHop:
        """The host that *text* names. Raises ValueError whose text says what was expected."""
        if not text or len(text) > NEXT_HOP_TEXT_MAX:
            raise ValueError(_EXPECTED)
        if text.startswith("/"):
            return cls(_path(text))
        if text.startswith("["):
            inner, bracket, rest = text[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise ValueError(f"'[' is never closed: {_EXPECTED}")
            return cls(_address(inner), _port(rest[1:]) if rest else None)
        host, colon, port = text.partition(":")
        if ":" in port:
            raise ValueError(f"an IPv6 address stands in brackets here: [{text}]")
        return cls(_host(host), _port(port) if colon else None)

    @property
    def is_path(self) -> bool:
        """Whether it is a Unix socket."""
        return self.host.startswith("/")

    @property
    def is_ipv6(self) -> bool:
        """Whether it is an IPv6 address."""
        return ":" in self.host and not self.is_path

    @property
    def is_address(self) -> bool:
        """Whether it is an address, not a name."""
        return self.is_ipv6 or self.host.replace(".", "").isdigit()

    @property
    def domain(self) -> str:
        """What a Domain scope for it is called."""
        return f"[ipv6:{self.host}]" if self.is_ipv6 else self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.is_ipv6 else self.host
        return host if self.port is None else f"{host}:{self.port}"


def _path(text: str) -> str:
    if not text.isprintable() or len(text.encode()) > PATH_OCTETS_MAX or text.endswith("/"):
        raise ValueError(f"the path of a Unix socket has at most {PATH_OCTETS_MAX} octets")
    return text


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.lower().removeprefix("ipv6:")))
    except ValueError:
        raise ValueError(f"'{text}' is not an address: {_EXPECTED}") from None


def _host(text: str) -> str:
    if text.replace(".", "").isdigit():
        return _address(text)
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if not _NAME.fullmatch(text) or len(name) > HOST_OCTETS_MAX or max(map(len, labels)) > LABEL_OCTETS_MAX:
        raise ValueError(f"'{text}' is not a host name: {_EXPECTED}")
    return name


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 0 < int(text) <= 65535:
        raise ValueError(f"expected a port from 1 to 65535, not '{text}'")
    return int(text)
