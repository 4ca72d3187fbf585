"""For whom a request is, and from whose page: the fields Host and Origin (RFC 9110 section 7.2, RFC 6454)."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})?)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.{1,300})", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


class Site(NamedTuple):
    """host: in lower case, IPv6 without brackets, no dot at its end. port: None where none is said."""

    host: str
    port: int | None

    @property
    def is_address(self) -> bool:
        """Whether it is named by an address: no name of somebody else's can lead there (DNS rebinding)."""
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True


def site(text: str) -> Site | None:
    """The site that the value *text* of a Host field names; None: it is none."""
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    port = None if found[2] is None else int(found[2])
    return Site(found[1].strip("[]").rstrip(".").lower(), port) if port is None or port < 65536 else None


def same_origin(origin: str, host: Site, *, in_tls: bool) -> bool:
    """Whether a page of *origin*, the value of that field, is one of *host*'s own.

    Where this connection is in clear, TLS may have ended in a proxy in front of us: both schemes are taken.
    """
    found = _ORIGIN.fullmatch(origin)
    if found is None or (of_page := site(found[2])) is None:
        return False
    scheme = found[1].lower()
    if in_tls and scheme != "https":
        return False
    default = _PORTS[scheme]
    return of_page.host == host.host and (of_page.port or default) == (host.port or default)
