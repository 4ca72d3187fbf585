"""Addresses of this host by rtnetlink (pyroute2, the extra ``duravip``), announced by frames of our own.

Each call is a system call or two and some Python, about a millisecond, in the calling thread: capabilities belong to a
thread, and those of workers may be older than the change of user (``OsProcess.become``).
"""

from __future__ import annotations

import errno
import importlib
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import trio

from momentum_trio.machine.contract import Neighbour, Plumbed
from momentum_trio.net.neighbour import gratuitous_arp, neighbour_advertisement

MISSING = "pyroute2 is not installed: the extra duravip of momentum-trio has it"

_NO_DETECTION = 0x02  # IFA_F_NODAD: another host has had the address a moment ago, and its frames may be on their way
_ETHER_ARP, _ETHER_IPV6 = 0x0806, 0x86DD
_KNOWN_STATES = 0x02 | 0x04 | 0x08 | 0x10  # NUD_REACHABLE, STALE, DELAY, PROBE
_TICKS = os.sysconf("SC_CLK_TCK")


class OsAddresses:
    """``machine.contract.Addresses``."""

    __slots__ = ()

    async def up(self) -> Sequence[Plumbed]:
        """All addresses that are up on this host."""
        await trio.lowlevel.checkpoint()
        with _opened() as route:
            names = {link["index"]: link.get("IFLA_IFNAME") for link in route.get_links()}
            return [
                Plumbed(
                    str(ip_address(row.get("IFA_LOCAL") or row.get("IFA_ADDRESS"))),
                    names.get(row["index"], ""),
                    row["prefixlen"],
                )
                for row in route.get_addr()
            ]

    async def add(self, address: str, interface: str, prefix: int | None = None, seconds: float | None = None) -> None:
        """Bring it up; an IPv6 address is usable at once, without detection of duplicates."""
        await trio.lowlevel.checkpoint()
        with _opened() as route:
            route.addr("add", **_terms(address, interface, prefix, seconds))

    async def renew(self, plumbed: Sequence[Plumbed], seconds: float) -> None:
        """Let them be up for *seconds* from now, one after the other."""
        with _opened() as route:
            for each in plumbed:
                await trio.lowlevel.checkpoint()
                route.addr("replace", **_terms(each.address, each.interface, each.prefix, seconds))

    async def remove(self, address: str, interface: str, prefix: int | None = None) -> None:
        """Take it down."""
        await trio.lowlevel.checkpoint()
        with _opened() as route:
            route.addr("del", **_terms(address, interface, prefix, None))

    async def announce(self, address: str, interface: str, *, to_all: bool = True) -> None:
        """Send the frames once; who wants them repeated calls again."""
        await trio.lowlevel.checkpoint()
        ip = ip_address(address)
        ether = _ETHER_ARP if ip.version == 4 else _ETHER_IPV6
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as link:
            link.bind((interface, ether))
            hardware: bytes = link.getsockname()[4]
            for frame in _frames(ip, hardware) if to_all else _frames_to_known(ip, hardware, interface):
                link.send(frame)

    async def neighbours(self) -> Sequence[Neighbour]:
        """As the kernel remembers them."""
        await trio.lowlevel.checkpoint()
        with _opened() as route:
            return [
                Neighbour(
                    str(ip_address(row.get("NDA_DST"))),
                    row.get("NDA_LLADDR"),
                    row.get("NDA_CACHEINFO")["ndm_confirmed"] / _TICKS,
                )
                for row in route.get_neighbours()
                if row["state"] & _KNOWN_STATES and row.get("NDA_LLADDR") and row.get("NDA_DST")
            ]


@contextmanager
def _opened() -> Iterator[Any]:
    """A conversation with the kernel; what it refuses is an OSError."""
    try:
        pyroute2 = importlib.import_module("pyroute2")
    except ImportError as missing:
        raise OSError(errno.ENOPKG, MISSING) from missing
    try:
        with pyroute2.IPRoute() as route:
            yield route
    except pyroute2.NetlinkError as refusal:
        raise OSError(refusal.code, os.strerror(refusal.code)) from refusal


def _terms(address: str, interface: str, prefix: int | None, seconds: float | None) -> dict[str, Any]:
    """What the kernel is told of an address. Times are whole seconds there, and 0 is none."""
    ip = ip_address(address)
    terms: dict[str, Any] = {
        "index": _index(interface),
        "family": _family(ip),
        "address": address,
        "prefixlen": ip.max_prefixlen if prefix is None else prefix,
    }
    if seconds is not None:
        terms["valid_lft"] = terms["preferred_lft"] = max(1, round(seconds))
    if ip.version == 6:
        terms["flags"] = _NO_DETECTION
    return terms


def _frames_to_known(ip: IPv4Address | IPv6Address, hardware: bytes, interface: str) -> Iterator[bytes]:
    with _opened() as route:
        rows = list(route.get_neighbours(ifindex=_index(interface), family=_family(ip)))
    for row in rows:
        if row["state"] & _KNOWN_STATES and (to := row.get("NDA_LLADDR")):
            yield from _frames(ip, hardware, bytes.fromhex(to.replace(":", "")), ip_address(row.get("NDA_DST")))


def _frames(
    ip: IPv4Address | IPv6Address,
    hardware: bytes,
    to: bytes | None = None,
    whom: IPv4Address | IPv6Address | None = None,
) -> Sequence[bytes]:
    """What tells everybody that *ip* is at *hardware*; or the one host at *to*, whose address is *whom*."""
    if isinstance(ip, IPv4Address):
        return gratuitous_arp(ip, hardware) if to is None else gratuitous_arp(ip, hardware, to)
    if to is None:
        return (neighbour_advertisement(ip, hardware),)
    assert isinstance(whom, IPv6Address)
    return (neighbour_advertisement(ip, hardware, to, whom),)


def _index(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError as missing:
        raise OSError(errno.ENODEV, f"there is no interface {interface}") from missing


def _family(ip: IPv4Address | IPv6Address) -> int:
    return socket.AF_INET if ip.version == 4 else socket.AF_INET6
