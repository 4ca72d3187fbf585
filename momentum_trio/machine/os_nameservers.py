"""Which DNS servers this host asks: resolv.conf(5)."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.net.resolv_conf import FILE_OCTETS_MAX, ResolvConf

RESOLV_CONF = "/etc/resolv.conf"
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
        self._addresses = ResolvConf.parse(text).nameservers or THIS_HOST

    def addresses(self) -> Sequence[str]:
        """IP addresses, the preferred one first; an IPv6 address may have a zone (``fe80::1%eth0``)."""
        return self._addresses
