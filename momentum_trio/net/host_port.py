"""A host to connect to, and its port, as people write them: ``HOST``, ``HOST:PORT``, ``IPV6``, ``[IPV6]:PORT``."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

_TEXT = re.compile(r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<host>[^\[\]:/\s]+))(?::(?P<port>.*))?", re.DOTALL)
_EXPECTED = "expected HOST or HOST:PORT, of IPv6 [ADDRESS]:PORT"


class HostPort(NamedTuple):
    """Where a server is. host: its name as it was written, or its address. port: 0 where nothing is said of it."""

    host: str
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> HostPort:
        """What *text* names. Raises ValueError whose text says what was expected."""
        if text.count(":") > 1 and not text.startswith("["):
            return cls(_address(text))
        if (found := _TEXT.fullmatch(text)) is None:
            raise ValueError(f"'{text}' is no host: {_EXPECTED}")
        port = found["port"]
        host = found["host"] if found["bracketed"] is None else _address(found["bracketed"])
        return cls(host, 0 if port is None else _port(port))

    def or_at(self, port: int) -> HostPort:
        """The same, at *port* where nothing is said of one."""
        return self if self.port else HostPort(self.host, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"'{text}' is not an address: {_EXPECTED}") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise ValueError(f"expected a port from 1 to 65535, not '{text}'")
    return int(text)
