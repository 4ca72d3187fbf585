"""Where a connection can go: one address of one host."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import trio


@dataclass(frozen=True, slots=True)
class Place:
    """One address of one host, and a port.

    host: its name as the MX record, Gateway or Routes has it, in lower case; an address literal as its address. family,
    address: for ``trio.socket``. address_text: the address alone.
    """

    host: str
    family: int
    address: tuple[Any, ...]
    address_text: str
    port: int

    @classmethod
    def at(cls, host: str, address_text: str, port: int) -> Place:
        """The place at *address_text*, an IPv4 or IPv6 address."""
        if ip_address(address_text).version == 4:
            return cls(host, int(trio.socket.AF_INET), (address_text, port), address_text, port)
        return cls(host, int(trio.socket.AF_INET6), (address_text, port, 0, 0), address_text, port)
