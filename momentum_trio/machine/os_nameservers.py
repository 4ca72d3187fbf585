"""Which DNS servers this host asks: resolv.conf(5)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

RESOLV_CONF = "/etc/resolv.conf"
NAMESERVERS_MAX = 3  # MAXNS in resolv.h
FILE_OCTETS_MAX = 65_536
THIS_HOST = ("127.0.0.1",)  # asked where the file names none


class OsNameservers:
    """``machine.contract.Nameservers``: as the file was when this was made."""

    __slots__ = ("_addresses",)

    def __init__(self, path: str = RESOLV_CONF) -> None:
        try:
            with open(path, "rb") as file:
                text = file.read(FILE_OCTETS_MAX).decode("ascii", "replace")
        except OSError:
            text = ""
        self._addresses = nameservers(text) or THIS_HOST

    def addresses(self) -> Sequence[str]:
        """IP addresses, the preferred one first; an IPv6 address may have a zone (``fe80::1%eth0``)."""
        return self._addresses


def nameservers(text: str) -> tuple[str, ...]:
    """The ``nameserver`` lines of *text* that hold an address, at most three. The keyword begins its line."""
    found: list[str] = []
    for line in text.splitlines():
        keyword, _, rest = line.replace("\t", " ").partition(" ")
        words = rest.partition("#")[0].partition(";")[0].split()
        if keyword == "nameserver" and words:
            try:
                found.append(str(ip_address(words[0])))
            except ValueError:
                continue
    return tuple(found[:NAMESERVERS_MAX])
