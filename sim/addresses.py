"""Addresses that a simulated program brings up and takes down: ``machine.contract.Addresses``."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

import trio

from momentum_trio.machine.contract import Neighbour, Plumbed

from .sockets.address import IPAddress, failure

if TYPE_CHECKING:
    from .host import Life

INTERFACE = "eth0"  # the only one a host has; what programs call it is not looked at


class SimAddresses:
    """An address that comes up is announced: its packets reach this host from now on, whoever had it before.

    Raises: EPERM without root or CAP_NET_ADMIN; EEXIST for an address that is up, EADDRNOTAVAIL for one that is not.
    """

    def __init__(self, life: Life) -> None:
        self._life = life

    async def up(self) -> Sequence[Plumbed]:
        await trio.lowlevel.checkpoint()
        return [Plumbed(str(ip), INTERFACE, ip.max_prefixlen) for ip in self._life.host.addresses]

    async def add(self, address: str, interface: str, prefix: int | None = None, seconds: float | None = None) -> None:
        await self._check()
        host, ip = self._life.host, ip_address(address)
        if ip in host.addresses:
            raise failure(errno.EEXIST, address)
        host.take_address(address)
        host.lease_address(ip, seconds)
        host.trace("address-up", address=address, interface=interface)

    async def renew(self, plumbed: Sequence[Plumbed], seconds: float) -> None:
        await self._check()
        for each in plumbed:
            self._life.host.lease_address(self._here(each.address), seconds)

    async def remove(self, address: str, interface: str, prefix: int | None = None) -> None:
        await self._check()
        self._here(address)
        self._life.host.remove_address(address)
        self._life.host.trace("address-down", address=address, interface=interface)

    async def announce(self, address: str, interface: str, *, to_all: bool = True) -> None:
        await self._check()
        host = self._life.host
        host.network.announce_again(host, self._here(address))

    async def neighbours(self) -> Sequence[Neighbour]:
        """Nobody: a simulated link needs no hardware addresses."""
        await trio.lowlevel.checkpoint()
        return []

    def _here(self, address: str) -> IPAddress:
        if (ip := ip_address(address)) not in self._life.host.addresses:
            raise failure(errno.EADDRNOTAVAIL, address)
        return ip

    async def _check(self) -> None:
        await trio.lowlevel.checkpoint()
        life = self._life
        if not life.alive or (life.credentials.uid != 0 and not life.plumbs_addresses):
            raise failure(errno.EPERM)
