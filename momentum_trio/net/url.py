"""The URL of somebody who is told things: https, or http to this host itself (RFC 3986, RFC 9110 section 4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from momentum_trio.net.netblock import parse_address

URL_CHARACTERS_MAX = 2_000
LOCALHOST = "localhost"
LOOPBACKS = ("127.0.0.1", "::1")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_TARGET = re.compile(r"/[!-~]*")
EXPECTED = "expected https://HOST[:PORT]/PATH, or http:// to this host itself"


@dataclass(frozen=True, slots=True)
class Url:
    """Where to. host: a name in lower case, or an address without brackets. target: path and query."""

    is_tls: bool
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """Raises ValueError, also for a user or a password in it, and for http to anybody else."""
        if len(text) > URL_CHARACTERS_MAX:
            raise ValueError(f"expected at most {URL_CHARACTERS_MAX} characters")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ValueError(EXPECTED) from None
        if parts.username is not None or parts.fragment or parts.scheme not in ("https", "http"):
            raise ValueError(f"{EXPECTED}, without user and fragment")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = _host(parts.hostname or "")
        if not host or port == 0 or _TARGET.fullmatch(target) is None:
            raise ValueError(EXPECTED)
        url = cls(parts.scheme == "https", host, port or (443 if parts.scheme == "https" else 80), target)
        if not url.is_tls and not url.is_loopback:
            raise ValueError(EXPECTED)
        return url

    @property
    def is_loopback(self) -> bool:
        """Whether it says in words that it is on this host."""
        return self.host == LOCALHOST or (bool(self.address) and parse_address(self.host).is_loopback)

    @property
    def address(self) -> str:
        """The address it has for a host; empty for a name."""
        try:
            return str(parse_address(self.host))
        except ValueError:
            return ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == (443 if self.is_tls else 80) else f":{self.port}"
        return f"{'https' if self.is_tls else 'http'}://{host}{port}{self.target}"


def _host(text: str) -> str:
    """*text* as a host name or an address; empty where it is neither."""
    try:
        return str(parse_address(text))
    except ValueError:
        return text.lower() if _HOST.fullmatch(text.lower()) and not text.rpartition(".")[2].isdigit() else ""
